//! What the tests of interceptors share.

use std::sync::{Arc, Mutex};

use walx::interceptor::{Checksum, Compression, Encryption, Key, KeyRing, Trace};
use walx::{
    AppendContext, CacheOption, End, Entry, Error, Interceptor, Message, OpenOption, Opener,
    Result, RoWal, ScanOption, Stage, Wal,
};

pub(crate) type Hook = Arc<dyn Interceptor>;

/// Runs a test on a new store of each backend.
pub(crate) async fn on_each(test: impl AsyncFn(Arc<dyn Opener>)) {
    let dir = tempfile::tempdir().unwrap();
    for uri in [
        "memory:".to_owned(),
        format!("file:{}", dir.path().display()),
    ] {
        let store = walx::store(&uri).await.unwrap();
        test(Arc::clone(&store)).await;
        store.close().await.unwrap();
    }
}

pub(crate) fn option(channel: &str, hooks: &[Hook]) -> OpenOption {
    let option = OpenOption::try_from(channel).unwrap();
    // Scans read what the backend has stored, not what the owner still has in its cache.
    let option = option.with_cache(CacheOption::new(1, std::time::Duration::ZERO));
    hooks.iter().fold(option, |option, hook| {
        option.with_interceptor(Arc::clone(hook))
    })
}

pub(crate) async fn open(store: &Arc<dyn Opener>, channel: &str, hooks: &[Hook]) -> Arc<dyn Wal> {
    store.open(option(channel, hooks)).await.unwrap()
}

/// All that a reader with these hooks gets, or what its scan ends with.
pub(crate) async fn read(
    store: &Arc<dyn Opener>,
    channel: &str,
    hooks: &[Hook],
) -> Result<Vec<Message>> {
    let reader = store.open_read_only(option(channel, hooks)).await?;
    let all = scan(&*reader).await;
    reader.close().await?;
    all
}

pub(crate) async fn scan(wal: &dyn RoWal) -> Result<Vec<Message>> {
    let mut scanner = wal.scan(ScanOption::earliest().until(End::Tail)).await?;
    let mut all = Vec::new();
    loop {
        let batch = scanner.next_batch(100).await?;
        if batch.is_empty() {
            return Ok(all);
        }
        all.extend(batch.into_iter().map(|entry| match entry {
            Entry::Message(placed) => placed.message,
            other => panic!("{other:?}"),
        }));
    }
}

pub(crate) async fn refused(store: &Arc<dyn Opener>, channel: &str, hooks: &[Hook]) -> Error {
    read(store, channel, hooks).await.unwrap_err()
}

pub(crate) fn trace() -> Hook {
    Arc::new(Trace::new())
}

pub(crate) fn checksum() -> Hook {
    Arc::new(Checksum::new())
}

pub(crate) fn lz4() -> Hook {
    Arc::new(Compression::lz4())
}

pub(crate) fn ring(id: &str, byte: u8) -> KeyRing {
    KeyRing::new(id, Key::new([byte; Key::BYTES])).unwrap()
}

pub(crate) fn encryption(ring: &KeyRing) -> Hook {
    Arc::new(Encryption::new(ring.clone()))
}

type Change = dyn Fn(&mut Message) + Send + Sync;

/// Sees, and changes, what the backend is to store, as somebody with access to the store could.
pub(crate) struct Innermost {
    pub(crate) stored: Mutex<Vec<Message>>,
    change: Box<Change>,
}

impl Innermost {
    pub(crate) fn sees() -> Arc<Self> {
        Self::changes(|_| ())
    }

    pub(crate) fn changes(change: impl Fn(&mut Message) + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            stored: Mutex::default(),
            change: Box::new(change),
        })
    }

    pub(crate) fn last(&self) -> Message {
        self.stored.lock().unwrap().last().unwrap().clone()
    }
}

impl Interceptor for Innermost {
    fn name(&self) -> &'static str {
        "innermost"
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Chaos)
    }

    fn before(&self, _: &AppendContext<'_>, message: &mut Message) -> Result<()> {
        (self.change)(message);
        self.stored.lock().unwrap().push(message.clone());
        Ok(())
    }
}
