use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{Bounds, ChannelName, MessageId, Properties, Record, Result};
use walx_impls::{
    Appending, Batch, FenceToken, Kind, RoWalImpls, ScanOptions, ScannerImpls, Start, WalImpls,
};

use super::scanner::NetworkScanner;
use super::wire::Wire;
use super::{Alive, Network};

/// A reader's handle behind the network.
pub(super) struct NetworkRoWal {
    network: Network,
    inner: Arc<dyn RoWalImpls>,
    _alive: Alive,
}

/// A writer's handle behind the network.
pub(super) struct NetworkWal {
    network: Network,
    inner: Arc<dyn WalImpls>,
    wire: Arc<Wire>,
    number: u64,
    _alive: Alive,
}

impl NetworkRoWal {
    pub(super) fn new(network: Network, inner: Arc<dyn RoWalImpls>) -> Self {
        Self {
            _alive: network.enter(),
            network,
            inner,
        }
    }
}

impl NetworkWal {
    pub(super) fn new(network: Network, inner: Arc<dyn WalImpls>) -> Self {
        let wire = network.wire(inner.channel());
        Self {
            number: wire.take_over(),
            _alive: network.enter(),
            network,
            inner,
            wire,
        }
    }
}

impl Drop for NetworkWal {
    fn drop(&mut self) {
        self.wire.leave(self.number);
    }
}

async fn scan(
    network: &Network,
    inner: &dyn RoWalImpls,
    start: Start,
    options: ScanOptions,
) -> Result<Box<dyn ScannerImpls>> {
    network.fallible("scan").await?;
    let scanner = inner.scan(start, options).await?;
    Ok(Box::new(NetworkScanner::new(network.clone(), scanner)))
}

async fn bounds(network: &Network, inner: &dyn RoWalImpls) -> Result<Bounds> {
    network.fallible("bounds").await?;
    inner.bounds().await
}

#[async_trait]
impl RoWalImpls for NetworkRoWal {
    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        scan(&self.network, self.inner.as_ref(), start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        bounds(&self.network, self.inner.as_ref()).await
    }

    async fn close(&self) -> Result<()> {
        self.network.closing().await;
        self.inner.close().await
    }
}

#[async_trait]
impl RoWalImpls for NetworkWal {
    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let inner: &dyn RoWalImpls = self.inner.as_ref();
        scan(&self.network, inner, start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        let inner: &dyn RoWalImpls = self.inner.as_ref();
        bounds(&self.network, inner).await
    }

    async fn close(&self) -> Result<()> {
        self.network.closing().await;
        self.wire.leave(self.number);
        self.inner.close().await
    }
}

#[async_trait]
impl WalImpls for NetworkWal {
    fn append(&self, batch: Batch<Record>) -> Appending {
        let weather = self.network.weather();
        let times = [weather.send_ms, weather.answer_ms];
        self.wire
            .append(self.number, &self.inner, batch.map(anonymous), times)
    }

    fn fence_token(&self) -> FenceToken {
        self.inner.fence_token()
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        self.network.fallible("truncate").await?;
        let truncated = self.inner.truncate(id).await;
        self.network.call().await;
        truncated
    }
}

/// A Barrier names the process that wrote it, whose number is another one in each run and counts as bytes.
fn anonymous(mut record: Record) -> Record {
    if record.header.kind == Kind::Barrier {
        let properties = record.properties.iter();
        let renamed: Properties = properties
            .map(|(name, value)| match name {
                "who" => (name, "simulated".into()),
                _ => (name, value.clone()),
            })
            .collect();
        record.properties = renamed;
    }
    record
}
