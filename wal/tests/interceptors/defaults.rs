//! A store's configuration makes the defaults of what is opened through it.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use walx::interceptor::{Compression, Trace};
use walx::{
    BackendName, Capability, Check, Config, End, ErrorKind, IdempotencyOption, Message, OpenOption,
    Opener, OpenerBuilder, Result, ScanOption, TransactionOption,
};

use crate::bed::Hook;
use crate::config::Stamp;

/// A backend that only tells with which options it was opened.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<OpenOption>>>);

#[async_trait]
impl OpenerBuilder for Told {
    fn name(&self) -> BackendName {
        BackendName::constant("told")
    }

    fn capability(&self) -> Capability {
        walx::must_get_builder("memory").capability()
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn Opener>> {
        assert_eq!(
            config,
            Config::new().with("own", "1"),
            "the rest is taken away"
        );
        let inner = walx::store("memory:").await?;
        Ok(Arc::new(TellingOpener(self.clone(), inner)))
    }

    async fn doctor(&self, _: Config) -> Vec<Check> {
        Vec::new()
    }
}

struct TellingOpener(Told, Arc<dyn Opener>);

#[async_trait]
impl Opener for TellingOpener {
    fn backend(&self) -> BackendName {
        self.1.backend()
    }

    fn capability(&self) -> Capability {
        self.1.capability()
    }

    async fn open(&self, option: OpenOption) -> Result<Arc<dyn walx::Wal>> {
        self.0.0.lock().unwrap().push(option.clone());
        self.1.open(option).await
    }

    async fn open_read_only(&self, option: OpenOption) -> Result<Arc<dyn walx::RoWal>> {
        self.0.0.lock().unwrap().push(option.clone());
        self.1.open_read_only(option).await
    }

    async fn truncate(&self, channel: &walx::ChannelName, id: walx::MessageId) -> Result<()> {
        self.1.truncate(channel, id).await
    }

    async fn bounds(&self, channel: &walx::ChannelName) -> Result<walx::Bounds> {
        self.1.bounds(channel).await
    }

    async fn describe(&self, channel: &walx::ChannelName) -> Result<walx::Description> {
        self.1.describe(channel).await
    }

    async fn verify(
        &self,
        channel: Option<&walx::ChannelName>,
        progress: &walx::Progress,
    ) -> Result<walx::Verified> {
        self.1.verify(channel, progress).await
    }

    async fn repair(
        &self,
        mode: walx::RepairMode,
        progress: &walx::Progress,
    ) -> Result<walx::Repaired> {
        self.1.repair(mode, progress).await
    }

    async fn list(&self) -> Result<Vec<walx::ChannelName>> {
        self.1.list().await
    }

    async fn close(&self) -> Result<()> {
        self.1.close().await
    }
}

#[tokio::test]
async fn what_code_leaves_at_its_default_the_store_says() {
    let told = Told::default();
    walx::register_builder(Arc::new(told.clone())).unwrap();
    let uri = "told:?own=1&chain=trace,checksum,lz4&chunk=64MiB&idempotency=1MiB,10m&txn.buffer=2MiB&txn.spill=/spill";
    let store = walx::store(uri).await.unwrap();
    let bare = OpenOption::try_from("orders").unwrap();
    store.open(bare.clone()).await.unwrap();
    store.open_read_only(bare.clone()).await.unwrap();
    for option in told.0.lock().unwrap().drain(..) {
        assert_eq!(names(&option), ["trace", "checksum", "lz4"]);
        assert_eq!(option.max_chunked_bytes, Some(64 << 20));
        let window = IdempotencyOption::new(1 << 20, Duration::from_secs(600));
        assert_eq!(option.idempotency, Some(window));
        assert_eq!(option.transaction_buffer_bytes, Some(2 << 20));
        assert_eq!(option.spill.as_deref(), Some(Path::new("/spill")));
    }

    let mine: Hook = Arc::new(Trace::new());
    let stamp: Hook = Arc::new(Stamp("mine".into()));
    let small: Hook = Arc::new(Compression::lz4().with_min_bytes(1));
    let code = [&mine, &stamp, &small].into_iter().cloned();
    let code = code.fold(bare, OpenOption::with_interceptor);
    let code = code
        .with_max_chunked_bytes(1)
        .with_idempotency(IdempotencyOption::default())
        .with_transaction_buffer_bytes(3)
        .with_spill("/own");
    store.open_read_only(code).await.unwrap();
    let option = told.0.lock().unwrap().pop().unwrap();
    assert_eq!(names(&option), ["trace", "stamp", "checksum", "lz4"]);
    assert!(
        Arc::ptr_eq(&option.interceptors[0], &mine),
        "code wins its stage"
    );
    assert!(Arc::ptr_eq(&option.interceptors[3], &small));
    assert_eq!(option.max_chunked_bytes, Some(1));
    assert_eq!(option.idempotency, Some(IdempotencyOption::default()));
    assert_eq!(option.transaction_buffer_bytes, Some(3));
    assert_eq!(option.spill.as_deref(), Some(Path::new("/own")));
}

#[tokio::test]
async fn a_store_bounds_how_much_its_wals_append_a_second() {
    let store = walx::store("memory:?limit=1MiB").await.unwrap();
    let [a, b] = ["a", "b"].map(|it| store.open(OpenOption::try_from(it).unwrap()));
    let (a, b) = (a.await.unwrap(), b.await.unwrap());
    // It is that of both together: what comes behind this waits for 20 s.
    a.append(vec![0; 20 << 20].into()).await.unwrap();
    let mut behind = b.append("x".into());
    let waits = tokio::time::timeout(Duration::from_millis(100), &mut behind);
    assert!(waits.await.is_err());
    let error = walx::store("memory:?limit=0").await.err().unwrap();
    assert!(error.to_string().contains("limit=32MiB"), "{error}");
}

fn names(option: &OpenOption) -> Vec<&'static str> {
    option.interceptors.iter().map(|it| it.name()).collect()
}

#[tokio::test]
async fn transactions_and_chunks_follow_what_the_store_says() {
    let spill = tempfile::tempdir().unwrap();
    let spill = format!(
        "memory:?chunk=1MiB&max_record=8KiB&txn.buffer=30KB&txn.spill={}",
        spill.path().display()
    );
    for (uri, outcome) in [
        ("memory:?chunk=1MiB&max_record=8KiB", None),
        (
            "memory:?chunk=1MiB&max_record=8KiB&txn.buffer=30KB",
            Some(ErrorKind::TooLarge),
        ),
        (&spill, None),
        ("memory:?max_record=8KiB", Some(ErrorKind::TooLarge)),
    ] {
        let store = walx::store(uri).await.unwrap();
        let wal = store
            .open(OpenOption::try_from("orders").unwrap())
            .await
            .unwrap();
        let outcome_of = async || {
            let transaction = wal.begin(TransactionOption::new())?;
            let body = || transaction.append(Message::new(vec![7; 20_000]));
            let written = [body().await, body().await, body().await];
            for body in written {
                body?;
            }
            transaction.commit().await?;
            let mut scanner = wal.scan(ScanOption::earliest().until(End::Tail)).await?;
            scanner.next_batch(10).await
        };
        let got = outcome_of().await;
        assert_eq!(
            got.as_ref().err().map(walx::Error::kind),
            outcome,
            "{uri}: {got:?}"
        );
        store.close().await.unwrap();
    }
}
