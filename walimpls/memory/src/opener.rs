use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use walx_core::{Bounds, Capability, ChannelName, Error, ErrorKind, MessageId, Result};
use walx_impls::{Claim, OpenerImpls, RoWalImpls, WalImpls};
use walx_utility::sync::lock;

use crate::wal::{Handle, MemoryRoWal, MemoryWal};
use crate::{MemoryConfig, MemoryStore, id};

/// An open memory store.
pub(crate) struct MemoryOpener {
    store: MemoryStore,
    capability: Capability,
    closed: Arc<AtomicBool>,
}

impl MemoryOpener {
    pub(crate) fn new(store: MemoryStore, config: &MemoryConfig) -> Self {
        Self {
            store,
            capability: config.capability(),
            closed: Arc::default(),
        }
    }

    fn check(&self, operation: &'static str, channel: &ChannelName) -> Result<()> {
        if !self.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Closed, "the store was closed; open it anew");
        Err(error.with_operation(operation).with_channel(channel))
    }

    fn end(&self) {
        if !self.closed.swap(true, Ordering::AcqRel) {
            // Scanners of other openers look around once, and wait again.
            for channel in self.store.all() {
                let wake = lock(&channel.log).wake_all();
                wake.wake();
            }
        }
    }
}

#[async_trait]
impl OpenerImpls for MemoryOpener {
    fn capability(&self) -> Capability {
        self.capability
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        let named = |error: Error| error.with_operation("open").with_channel(channel);
        self.check("open", channel)?;
        let channel = match &claim {
            Claim::TakeOver => self.store.channel(channel),
            Claim::Resume(_) => self.store.existing(channel, "open")?,
        };
        let mut log = lock(&channel.log);
        if let Some(error) = log.switches.fails_open() {
            return Err(named(error));
        }
        if matches!(&claim, Claim::Resume(token) if token.bytes() != log.epoch().to_be_bytes()) {
            return Err(named(Error::new(
                ErrorKind::Fenced,
                "another writer was opened since this one failed",
            )));
        }
        let (epoch, wake) = log.take_over();
        drop(log);
        wake.wake();
        let handle = Handle::new(channel, Arc::clone(&self.closed));
        Ok(Arc::new(MemoryWal::new(
            handle,
            epoch,
            self.capability.max_record_bytes,
        )))
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        self.check("open read-only", channel)?;
        let channel = self.store.existing(channel, "open read-only")?;
        Ok(Arc::new(MemoryRoWal::new(Handle::new(
            channel,
            Arc::clone(&self.closed),
        ))))
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        self.check("truncate", channel)?;
        let found = self.store.existing(channel, "truncate")?;
        let truncated = id::number(id).and_then(|number| lock(&found.log).truncate(number));
        truncated.map_err(|error| error.with_operation("truncate").with_channel(channel))
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        self.check("bounds", channel)?;
        let channel = self.store.existing(channel, "bounds")?;
        let bounds = lock(&channel.log).bounds();
        Ok(bounds)
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(
                Error::new(ErrorKind::Closed, "the store was closed; open it anew")
                    .with_operation("list"),
            );
        }
        let existing = self
            .store
            .all()
            .into_iter()
            .filter(|channel| lock(&channel.log).exists());
        let mut names: Vec<_> = existing.map(|channel| channel.name.clone()).collect();
        names.sort();
        Ok(names)
    }

    fn identity(&self) -> Option<String> {
        Some(self.store.number().to_string())
    }

    async fn close(&self) -> Result<()> {
        self.end();
        Ok(())
    }
}

impl Drop for MemoryOpener {
    fn drop(&mut self) {
        self.end();
    }
}
