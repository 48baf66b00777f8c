use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use walx_core::{Bounds, ChannelName, Error, ErrorKind, MessageId, Record, Result};
use walx_impls::{
    Appending, Batch, FenceToken, RoWalImpls, ScanOptions, ScannerImpls, Start, WalImpls,
};

use super::system::{Log, System};
use super::{id, scanner};

// ANCHOR: types
/// An open channel: a writer, or a reader, which has the epoch 0.
#[derive(Clone)]
pub(crate) struct ShelfWal {
    pub(crate) system: Arc<System>,
    channel: ChannelName,
    epoch: u64,
    max_bytes: usize,
    closed: Arc<AtomicBool>,
    store_closed: Arc<AtomicBool>,
}

impl ShelfWal {
    pub(crate) fn new(
        system: Arc<System>,
        store_closed: Arc<AtomicBool>,
        channel: &ChannelName,
        epoch: u64,
        max_bytes: usize,
    ) -> Self {
        Self {
            system,
            channel: channel.clone(),
            epoch,
            max_bytes,
            closed: Arc::default(),
            store_closed,
        }
    }
    // ANCHOR_END: types

    // ANCHOR: with
    /// Looks at the log, unless this handle or its store was closed.
    pub(crate) fn with<T>(
        &self,
        operation: &'static str,
        look: impl FnOnce(&mut Log) -> Result<T>,
    ) -> Result<T> {
        let mut logs = self.system.logs();
        let closed = self.closed.load(Ordering::SeqCst) || self.store_closed.load(Ordering::SeqCst);
        let answer = match logs.get_mut(&self.channel).filter(|_| !closed) {
            Some(log) => look(log),
            None => Err(Error::new(ErrorKind::Closed, "it was closed; open it anew")),
        };
        answer.map_err(|error| error.with_operation(operation).with_channel(&self.channel))
    }

    /// As `with`, for the newest writer only.
    fn owned<T>(
        &self,
        operation: &'static str,
        look: impl FnOnce(&mut Log) -> Result<T>,
    ) -> Result<T> {
        self.with(operation, |log| match log.epoch == self.epoch {
            true => look(log),
            false => Err(Error::new(
                ErrorKind::Fenced,
                "another writer was opened since; step back",
            )),
        })
    }
    // ANCHOR_END: with
}

#[async_trait]
impl WalImpls for ShelfWal {
    // ANCHOR: append
    fn append(&self, batch: Batch<Record>) -> Appending {
        let ids = self.owned("append", |log| log.append(batch, self.max_bytes));
        self.system.changed.notify_waiters();
        Appending::ready(ids)
    }
    // ANCHOR_END: append

    // ANCHOR: fence
    fn fence_token(&self) -> FenceToken {
        FenceToken::from_u64(self.epoch)
    }
    // ANCHOR_END: fence

    // ANCHOR: truncate
    async fn truncate(&self, id: MessageId) -> Result<()> {
        self.owned("truncate", |log| log.truncate(id::number(id)?))
    }
    // ANCHOR_END: truncate
}

#[async_trait]
impl RoWalImpls for ShelfWal {
    // ANCHOR: channel
    fn channel(&self) -> &ChannelName {
        &self.channel
    }
    // ANCHOR_END: channel

    // ANCHOR: scan
    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        scanner::start(self, start, options)
    }
    // ANCHOR_END: scan

    // ANCHOR: bounds
    async fn bounds(&self) -> Result<Bounds> {
        self.with("bounds", |log| Ok(log.bounds()))
    }
    // ANCHOR_END: bounds

    // ANCHOR: close
    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        self.system.changed.notify_waiters();
        Ok(())
    }
    // ANCHOR_END: close
}
