use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use walx_core::{Bounds, ChannelName, Error, ErrorKind, MessageId, Record, Result};
use walx_impls::{
    Appending, Batch, FenceToken, RoWalImpls, ScanOptions, ScannerImpls, Start, WalImpls,
};
use walx_utility::sync::lock;
use walx_utility::{clock, spawn};

use crate::id;
use crate::log::{Appended, fenced, unknown};
use crate::scanner::MemoryScanner;
use crate::store::Channel;

/// An open channel, and whether it, or its opener, was closed. Scanners hold it too.
pub(crate) struct Handle {
    pub(crate) channel: Arc<Channel>,
    closed: AtomicBool,
    opener_closed: Arc<AtomicBool>,
}

impl Handle {
    pub(crate) fn new(channel: Arc<Channel>, opener_closed: Arc<AtomicBool>) -> Arc<Self> {
        Arc::new(Self {
            channel,
            closed: AtomicBool::new(false),
            opener_closed,
        })
    }

    pub(crate) fn check(&self, operation: &'static str) -> Result<()> {
        if !self.closed.load(Ordering::Acquire) && !self.opener_closed.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(self.named(
            operation,
            Error::new(
                ErrorKind::Closed,
                "the handle or its store was closed; open anew",
            ),
        ))
    }

    pub(crate) fn named(&self, operation: &'static str, error: Error) -> Error {
        error
            .with_operation(operation)
            .with_channel(&self.channel.name)
    }

    fn confirm_later(&self, end: u64, time: Duration) {
        let channel = Arc::clone(&self.channel);
        let confirm = async move {
            clock::sleep(time).await;
            let wake = lock(&channel.log).confirm(end);
            wake.wake();
        };
        spawn::task(confirm).detach();
    }

    fn end(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            let wake = lock(&self.channel.log).wake_all();
            wake.wake();
        }
    }

    fn bounds(&self) -> Result<Bounds> {
        self.check("bounds")?;
        Ok(lock(&self.channel.log).bounds())
    }
}

/// A channel that is open for reading.
pub(crate) struct MemoryRoWal(Arc<Handle>);

impl MemoryRoWal {
    pub(crate) fn new(handle: Arc<Handle>) -> Self {
        Self(handle)
    }
}

#[async_trait]
impl RoWalImpls for MemoryRoWal {
    fn channel(&self) -> &ChannelName {
        &self.0.channel.name
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        Ok(Box::new(MemoryScanner::new(&self.0, start, &options)?))
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.0.bounds()
    }

    async fn close(&self) -> Result<()> {
        self.0.end();
        Ok(())
    }
}

impl Drop for MemoryRoWal {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A channel that is open for appending.
pub(crate) struct MemoryWal {
    handle: Arc<Handle>,
    epoch: u64,
    max_record_bytes: usize,
}

impl MemoryWal {
    pub(crate) fn new(handle: Arc<Handle>, epoch: u64, max_record_bytes: usize) -> Self {
        Self {
            handle,
            epoch,
            max_record_bytes,
        }
    }

    fn end(&self) {
        self.handle.end();
        let mut log = lock(&self.handle.channel.log);
        if log.epoch() == self.epoch {
            let wake = log.settle(&unknown(
                "the handle was closed before the append was answered; scan to find out",
            ));
            drop(log);
            wake.wake();
        }
    }
}

#[async_trait]
impl WalImpls for MemoryWal {
    fn append(&self, batch: Batch<Record>) -> Appending {
        let handle = &self.handle;
        if let Err(error) = handle.check("append") {
            return Appending::ready(Err(error));
        }
        let mut log = lock(&handle.channel.log);
        let (appended, wake) = log.append(self.epoch, batch, self.max_record_bytes);
        let delay = log.switches.delay();
        drop(log);
        wake.wake();
        match appended {
            Ok(Appended::Now(ids)) => Appending::ready(Ok(ids)),
            Ok(Appended::Later(pending, end)) => {
                if let Some(time) = delay {
                    handle.confirm_later(end, time);
                }
                pending.appending()
            }
            Err(error) => Appending::ready(Err(handle.named("append", error))),
        }
    }

    fn fence_token(&self) -> FenceToken {
        FenceToken::from_u64(self.epoch)
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        self.handle.check("truncate")?;
        let mut log = lock(&self.handle.channel.log);
        let truncated = if log.epoch() == self.epoch {
            id::number(id).and_then(|number| log.truncate(number))
        } else {
            Err(fenced())
        };
        truncated.map_err(|error| self.handle.named("truncate", error))
    }
}

#[async_trait]
impl RoWalImpls for MemoryWal {
    fn channel(&self) -> &ChannelName {
        &self.handle.channel.name
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        Ok(Box::new(MemoryScanner::new(&self.handle, start, &options)?))
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.handle.bounds()
    }

    async fn close(&self) -> Result<()> {
        self.end();
        Ok(())
    }
}

impl Drop for MemoryWal {
    fn drop(&mut self) {
        self.end();
    }
}
