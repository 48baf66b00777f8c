//! A whole backend: logs in memory, fenced by an epoch, which live as long as their builder. It may keep what is
//! truncated, and does. All that it promises is put to the test in `wal/tests/custom_backend.rs`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use walx::impls::*;
use walx::{BackendName, ChannelName, Config, Error, ErrorKind, MessageId, Result};

const NAME: BackendName = BackendName::constant("toy");
const CAPABILITY: Capability = Capability::new(usize::MAX).with_fence(Fence::Native);
/// Wakes the scanners that wait.
static CHANGED: tokio::sync::Notify = tokio::sync::Notify::const_new();

/// The records of each channel, and the epoch of its newest writer: those before it are powerless.
type Logs = BTreeMap<ChannelName, (Vec<StoredRecord>, u64)>;

/// The builder; or a store or channel, with whether it was closed, and whether what it was opened from was.
#[derive(Clone, Default)]
pub(crate) struct Toy(Arc<Mutex<Logs>>, Vec<Arc<AtomicBool>>);

/// An open channel, and the epoch of its writer.
#[derive(Clone)]
struct Channel(Toy, ChannelName, u64);

#[async_trait]
impl OpenerBuilderImpls for Toy {
    fn name(&self) -> BackendName {
        NAME
    }
    fn capability(&self) -> Capability {
        CAPABILITY
    }
    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>> {
        ensure(config == Config::new(), ErrorKind::InvalidInput)
            .map_err(|error| error.with_context("unknown", format!("{config:?}")))?;
        Ok(Arc::new(self.opened()))
    }
}

#[async_trait]
impl OpenerImpls for Toy {
    fn capability(&self) -> Capability {
        CAPABILITY
    }
    async fn open(&self, name: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        let mut logs = self.logs()?;
        let epoch = logs.get(name).map_or(0, |log| log.1);
        let stale = matches!(claim, Claim::Resume(token) if token != FenceToken::from_u64(epoch));
        ensure(!stale, ErrorKind::Fenced)?;
        logs.entry(name.clone()).or_default().1 = epoch + 1;
        Ok(Arc::new(Channel(self.opened(), name.clone(), epoch + 1)))
    }
    async fn open_read_only(&self, name: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        ensure(self.logs()?.contains_key(name), ErrorKind::NotFound)?;
        Ok(Arc::new(Channel(self.opened(), name.clone(), 0)))
    }
    async fn list(&self) -> Result<Vec<ChannelName>> {
        Ok(self.logs()?.keys().cloned().collect())
    }
    async fn close(&self) -> Result<()> {
        self.end()
    }
}

impl Toy {
    fn opened(&self) -> Self {
        Self(self.0.clone(), [&[Arc::default()], &self.1[..]].concat())
    }
    fn logs(&self) -> Result<MutexGuard<'_, Logs>> {
        ensure(!self.1.iter().any(|it| it.load(SeqCst)), ErrorKind::Closed)?;
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
    fn end(&self) -> Result<()> {
        self.1[0].store(true, SeqCst);
        CHANGED.notify_waiters();
        Ok(())
    }
}

#[async_trait]
impl WalImpls for Channel {
    fn append(&self, batch: Batch<Record>) -> Appending {
        let ids = self.0.logs().and_then(|mut logs| {
            let (records, epoch) = logs.entry(self.1.clone()).or_default();
            ensure(*epoch == self.2, ErrorKind::Fenced)?;
            Ok(batch.map(|record| {
                let id = MessageId::from_u64(NAME, records.len() as u64);
                records.push(StoredRecord { id, record });
                id
            }))
        });
        Appending::ready(ids.inspect(|_| CHANGED.notify_waiters()))
    }
    fn fence_token(&self) -> FenceToken {
        FenceToken::from_u64(self.2)
    }
    async fn truncate(&self, id: MessageId) -> Result<()> {
        ensure(self.0.logs()?[&self.1].1 == self.2, ErrorKind::Fenced)?;
        number(self, id).map(drop)
    }
}

#[async_trait]
impl RoWalImpls for Channel {
    fn channel(&self) -> &ChannelName {
        &self.1
    }
    async fn scan(&self, start: Start, _: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let next = match start {
            Start::At(id) => number(self, id)?,
            Start::After(id) => number(self, id)? + 1,
            Start::Earliest | Start::Last(_) | Start::Near(_) => self.0.logs().map(|_| 0)?,
        };
        Ok(scanner((self.clone(), next), read))
    }
    async fn bounds(&self) -> Result<Bounds> {
        let logs = self.0.logs()?;
        let mut ids = logs[&self.1].0.iter().map(|it| it.id);
        Ok(Bounds::new(ids.clone().next(), ids.next_back()))
    }
    async fn close(&self) -> Result<()> {
        self.0.end()
    }
}

/// Waits for the record of this number; the next one comes after it.
async fn read((channel, next): (Channel, usize)) -> Result<(Vec<Scanned>, (Channel, usize))> {
    loop {
        let changed = CHANGED.notified();
        let found = channel.0.logs()?[&channel.1].0.get(next).cloned();
        if let Some(record) = found {
            return Ok((vec![Scanned::Record(record)], (channel, next + 1)));
        }
        changed.await;
    }
}

fn number(channel: &Channel, id: MessageId) -> Result<usize> {
    let number = id.to_u64().map_or(usize::MAX, |number| number as usize);
    let known = channel.0.logs()?[&channel.1].0.get(number).map(|it| it.id);
    ensure(known == Some(id), ErrorKind::InvalidInput).map(|()| number)
}

fn ensure(ok: bool, kind: ErrorKind) -> Result<()> {
    ok.then_some(()).ok_or_else(|| Error::new(kind, "refused"))
}
