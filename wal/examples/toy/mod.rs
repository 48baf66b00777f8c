//! A whole backend: logs in memory, fenced by an epoch, which live as long as their builder. It may keep what is
//! truncated, and does. All that it promises is put to the test in `wal/tests/custom_backend.rs`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use walx::impls::*;
use walx::{BackendName, ChannelName, Config, Error, ErrorKind, MessageId, Result};

const NAME: BackendName = BackendName::constant("toy");
const CAPABILITY: Capability = Capability::new(2 << 20).with_fence(Fence::Native);

type Logs = Arc<Mutex<BTreeMap<ChannelName, Arc<Mutex<Log>>>>>;

/// The builder of `toy:`, and each opener that it makes; an opener can be closed.
#[derive(Default)]
pub(crate) struct Toy(Logs, Arc<AtomicBool>);

#[async_trait]
impl OpenerBuilderImpls for Toy {
    fn name(&self) -> BackendName {
        NAME
    }
    fn capability(&self) -> Capability {
        CAPABILITY
    }
    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>> {
        let unknown = config
            .iter()
            .next()
            .map(|(key, _)| format!("toy has no key '{key}'"));
        match unknown {
            Some(text) => Err(Error::new(ErrorKind::InvalidInput, text)),
            None => Ok(Arc::new(Self(Arc::clone(&self.0), Arc::default()))),
        }
    }
}

#[async_trait]
impl OpenerImpls for Toy {
    fn capability(&self) -> Capability {
        CAPABILITY
    }
    async fn open(&self, name: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        if claim == Claim::TakeOver && !self.1.load(SeqCst) {
            lock(&self.0).entry(name.clone()).or_default();
        }
        let mut handle = self.handle(name)?;
        let epoch = handle.locked()?.claim(claim)?;
        handle.epoch = epoch;
        Ok(Arc::new(handle))
    }
    async fn open_read_only(&self, name: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        Ok(Arc::new(self.handle(name)?))
    }
    async fn truncate(&self, _: &ChannelName, _: MessageId) -> Result<()> {
        refuse_if(true, ErrorKind::Unsupported)
    }
    async fn bounds(&self, name: &ChannelName) -> Result<Bounds> {
        self.handle(name)?.bounds().await
    }
    async fn list(&self) -> Result<Vec<ChannelName>> {
        refuse_if(self.1.load(SeqCst), ErrorKind::Closed)?;
        Ok(lock(&self.0).keys().cloned().collect())
    }
    async fn close(&self) -> Result<()> {
        self.1.store(true, SeqCst);
        lock(&self.0).values().for_each(|log| wake(lock(log)));
        Ok(())
    }
}

impl Toy {
    fn handle(&self, name: &ChannelName) -> Result<Handle> {
        refuse_if(self.1.load(SeqCst), ErrorKind::Closed)?;
        let log = lock(&self.0).get(name).cloned();
        refuse_if(log.is_none(), ErrorKind::NotFound)?;
        let (name, log) = (name.clone(), log.unwrap_or_default());
        let closed = [Arc::clone(&self.1), Arc::default()];
        Ok(Handle {
            epoch: 0,
            name,
            log,
            closed,
        })
    }
}

/// The records of a channel; only the newest writer may add to them.
#[derive(Default)]
struct Log {
    records: Vec<Record>,
    epoch: u64,
    failed: bool,
    waiting: Vec<Waker>,
}

impl Log {
    /// From here on the writers before are powerless.
    fn claim(&mut self, claim: Claim) -> Result<u64> {
        let present = FenceToken::from_u64(self.epoch);
        let stale = matches!(claim, Claim::Resume(token) if token != present);
        refuse_if(stale, ErrorKind::Fenced)?;
        (self.epoch, self.failed) = (self.epoch + 1, false);
        Ok(self.epoch)
    }
    fn append(&mut self, epoch: u64, batch: Batch<Record>) -> Result<Batch<MessageId>> {
        refuse_if(epoch != self.epoch, ErrorKind::Fenced)?;
        refuse_if(self.failed, ErrorKind::NotWritten)?;
        // Behind a failure all fail, so that nothing overtakes a hole.
        let too_large = |record: &Record| record.bytes() > CAPABILITY.max_record_bytes;
        self.failed = batch.as_slice().iter().any(too_large);
        refuse_if(self.failed, ErrorKind::TooLarge)?;
        Ok(batch.map(|record| {
            self.records.push(record);
            id(self.records.len() - 1)
        }))
    }
    fn number(&self, id: MessageId) -> Result<usize> {
        let number = id.to_u64().map_or(usize::MAX, |number| number as usize);
        let unknown = id.backend() != NAME || number >= self.records.len();
        refuse_if(unknown, ErrorKind::InvalidInput).map(|()| number)
    }
}

/// An open channel, and whether its opener or itself was closed.
#[derive(Clone)]
struct Handle {
    name: ChannelName,
    epoch: u64,
    log: Arc<Mutex<Log>>,
    closed: [Arc<AtomicBool>; 2],
}

impl Handle {
    fn locked(&self) -> Result<MutexGuard<'_, Log>> {
        let log = lock(&self.log);
        let closed = self.closed.iter().any(|closed| closed.load(SeqCst));
        refuse_if(closed, ErrorKind::Closed).map(|()| log)
    }
    fn append_now(&self, batch: Batch<Record>) -> Result<Batch<MessageId>> {
        let mut log = self.locked()?;
        let ids = log.append(self.epoch, batch);
        wake(log);
        ids
    }
}

#[async_trait]
impl WalImpls for Handle {
    fn append(&self, batch: Batch<Record>) -> Appending {
        Appending::ready(self.append_now(batch))
    }
    fn fence_token(&self) -> FenceToken {
        FenceToken::from_u64(self.epoch)
    }
    async fn truncate(&self, id: MessageId) -> Result<()> {
        let log = self.locked()?;
        refuse_if(log.epoch != self.epoch, ErrorKind::Fenced)?;
        log.number(id).map(drop)
    }
}

#[async_trait]
impl RoWalImpls for Handle {
    fn channel(&self) -> &ChannelName {
        &self.name
    }
    async fn scan(&self, start: Start, _: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let log = self.locked()?;
        let next = match start {
            Start::At(id) => log.number(id)?,
            Start::After(id) => log.number(id)? + 1,
            Start::Earliest | Start::Last(_) | Start::Near(_) => 0,
        };
        Ok(Box::new(Reader(self.clone(), next)))
    }
    async fn bounds(&self) -> Result<Bounds> {
        let newest = self.locked()?.records.len().checked_sub(1);
        Ok(Bounds::new(newest.map(|_| id(0)), newest.map(id)))
    }
    async fn close(&self) -> Result<()> {
        self.closed[1].store(true, SeqCst);
        wake(lock(&self.log));
        Ok(())
    }
}

/// A scanner, and the number of its next record.
struct Reader(Handle, usize);

impl ScannerImpls for Reader {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        let mut log = self.0.locked()?;
        // Its bytes stay the log's, so nothing is read ahead.
        let Some(record) = log.records.get(self.1).cloned() else {
            log.waiting.push(context.waker().clone());
            return Poll::Pending;
        };
        let id = id(self.1);
        self.1 += 1;
        Poll::Ready(Ok(vec![Scanned::Record(StoredRecord { id, record })]))
    }
}

fn id(number: usize) -> MessageId {
    MessageId::from_u64(NAME, number as u64)
}

fn refuse_if(reason: bool, kind: ErrorKind) -> Result<()> {
    let refuse = || Err(Error::new(kind, "the toy backend refuses"));
    reason.then(refuse).unwrap_or(Ok(()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes the scanners, without the lock.
fn wake(mut log: MutexGuard<'_, Log>) {
    let waiting = std::mem::take(&mut log.waiting);
    drop(log);
    waiting.into_iter().for_each(Waker::wake);
}
