use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{Bounds, Capability, ChannelName, MessageId, Result};
use walx_impls::{Claim, OpenerImpls, RoWalImpls, WalImpls};

use super::Network;
use super::wal::{NetworkRoWal, NetworkWal};

pub(super) struct NetworkOpener {
    network: Network,
    inner: Arc<dyn OpenerImpls>,
}

impl NetworkOpener {
    pub(super) fn new(network: Network, inner: Arc<dyn OpenerImpls>) -> Self {
        Self { network, inner }
    }
}

#[async_trait]
impl OpenerImpls for NetworkOpener {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        self.network.call().await;
        let opened = self.inner.open(channel, claim).await?;
        // Nothing waits between the store's fence and this one.
        let wal = NetworkWal::new(self.network.clone(), opened);
        self.network.call().await;
        Ok(Arc::new(wal))
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        self.network.fallible("open read-only").await?;
        let opened = self.inner.open_read_only(channel).await?;
        Ok(Arc::new(NetworkRoWal::new(self.network.clone(), opened)))
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        self.network.fallible("truncate").await?;
        let truncated = self.inner.truncate(channel, id).await;
        self.network.call().await;
        truncated
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        self.network.fallible("bounds").await?;
        self.inner.bounds(channel).await
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        self.network.fallible("list").await?;
        self.inner.list().await
    }

    fn identity(&self) -> Option<String> {
        self.inner.identity()
    }

    async fn close(&self) -> Result<()> {
        self.network.closing().await;
        self.inner.close().await
    }
}
