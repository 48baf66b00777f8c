//! Any backend, as one that takes small records only.

use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{BackendName, Bounds, Capability, ChannelName, Check, Config, MessageId, Result};
use walx_impls::{Claim, Maintenance, OpenerBuilderImpls, OpenerImpls, RoWalImpls, WalImpls};

/// The backend, whose records have at most so many bytes. It is the adaptor that keeps to it.
pub(crate) struct Small {
    inner: Arc<dyn OpenerBuilderImpls>,
    max_record_bytes: usize,
}

impl Small {
    pub(crate) fn new(inner: Arc<dyn OpenerBuilderImpls>, max_record_bytes: usize) -> Self {
        Self {
            inner,
            max_record_bytes,
        }
    }
}

fn smaller(mut capability: Capability, max_record_bytes: usize) -> Capability {
    capability.max_record_bytes = capability.max_record_bytes.min(max_record_bytes);
    capability
}

#[async_trait]
impl OpenerBuilderImpls for Small {
    fn name(&self) -> BackendName {
        self.inner.name()
    }

    fn capability(&self) -> Capability {
        smaller(self.inner.capability(), self.max_record_bytes)
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>> {
        Ok(Arc::new(SmallOpener {
            inner: self.inner.build(config).await?,
            max_record_bytes: self.max_record_bytes,
        }))
    }

    async fn doctor(&self, config: Config) -> Vec<Check> {
        self.inner.doctor(config).await
    }
}

struct SmallOpener {
    inner: Arc<dyn OpenerImpls>,
    max_record_bytes: usize,
}

#[async_trait]
impl OpenerImpls for SmallOpener {
    fn capability(&self) -> Capability {
        smaller(self.inner.capability(), self.max_record_bytes)
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        self.inner.open(channel, claim).await
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        self.inner.open_read_only(channel).await
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        self.inner.truncate(channel, id).await
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        self.inner.bounds(channel).await
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        self.inner.list().await
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        self.inner.maintenance()
    }

    fn identity(&self) -> Option<String> {
        self.inner.identity()
    }

    fn server(&self) -> Option<String> {
        self.inner.server()
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}
