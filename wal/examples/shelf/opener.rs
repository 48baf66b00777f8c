use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use walx_core::{Capability, ChannelName, Error, ErrorKind, Result};
use walx_impls::{Claim, FenceToken, OpenerImpls, RoWalImpls, WalImpls};

use super::config::ShelfConfig;
use super::system::System;
use super::wal::ShelfWal;

// ANCHOR: types
/// An open store.
pub(crate) struct ShelfOpener {
    system: Arc<System>,
    capability: Capability,
    closed: Arc<AtomicBool>,
}

impl ShelfOpener {
    pub(crate) fn new(system: Arc<System>, config: &ShelfConfig) -> Self {
        Self {
            system,
            capability: config.capability(),
            closed: Arc::default(),
        }
    }
    // ANCHOR_END: types

    // ANCHOR: wal
    fn wal(&self, channel: &ChannelName, epoch: u64) -> Arc<ShelfWal> {
        let (system, closed) = (Arc::clone(&self.system), Arc::clone(&self.closed));
        let max_bytes = self.capability.max_record_bytes;
        Arc::new(ShelfWal::new(system, closed, channel, epoch, max_bytes))
    }

    fn check(&self, operation: &'static str) -> Result<()> {
        if !self.closed.load(Ordering::SeqCst) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Closed, "the store was closed; open it anew");
        Err(error.with_operation(operation))
    }
    // ANCHOR_END: wal
}

#[async_trait]
impl OpenerImpls for ShelfOpener {
    // ANCHOR: capability
    fn capability(&self) -> Capability {
        self.capability
    }
    // ANCHOR_END: capability

    // ANCHOR: open
    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        self.check("open")?;
        let mut logs = self.system.logs();
        let epoch = logs.get(channel).map_or(0, |log| log.epoch);
        if matches!(claim, Claim::Resume(token) if token != FenceToken::from_u64(epoch)) {
            let text = "another writer was opened since this one failed; step back";
            let error = Error::new(ErrorKind::Fenced, text);
            return Err(error.with_operation("open").with_channel(channel));
        }
        let log = logs.entry(channel.clone()).or_default();
        (log.epoch, log.failed) = (epoch + 1, false);
        Ok(self.wal(channel, epoch + 1))
    }
    // ANCHOR_END: open

    // ANCHOR: read_only
    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        self.check("open read-only")?;
        if !self.system.logs().contains_key(channel) {
            let error = Error::new(ErrorKind::NotFound, "no writer ever opened it");
            return Err(error.with_operation("open read-only").with_channel(channel));
        }
        Ok(self.wal(channel, 0))
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        self.check("list")?;
        Ok(self.system.logs().keys().cloned().collect())
    }
    // ANCHOR_END: read_only

    // ANCHOR: close
    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        self.system.changed.notify_waiters();
        Ok(())
    }
    // ANCHOR_END: close
}
