use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{Bounds, ChannelName, Error, ErrorKind, MessageId, Record, Result};
use walx_impls::{
    Appending, Batch, FenceToken, RoWalImpls, ScanOptions, ScannerImpls, Start, WalImpls,
};

use crate::bounds::Ends;
use crate::ending::Ending;
use crate::store::Store;
use crate::writer::Writer;
use crate::{id, scanner, topic};

/// A channel that is open for reading.
pub(crate) struct KafkaRoWal {
    store: Arc<Store>,
    channel: ChannelName,
    topic: String,
    ending: Arc<Ending>,
    ends: Ends,
}

impl KafkaRoWal {
    pub(crate) fn new(store: &Arc<Store>, channel: &ChannelName, topic: String) -> Self {
        Self {
            store: Arc::clone(store),
            channel: channel.clone(),
            topic,
            ending: store.ending.below(),
            ends: Ends::default(),
        }
    }

    fn check(&self, operation: &'static str) -> Result<()> {
        match self.ending.is_ended() {
            false => Ok(()),
            true => Err(self.named(operation, crate::store::closed())),
        }
    }

    fn named(&self, operation: &'static str, error: Error) -> Error {
        error.with_operation(operation).with_channel(&self.channel)
    }
}

impl Drop for KafkaRoWal {
    fn drop(&mut self) {
        self.ending.end();
    }
}

/// A channel that is open for appending.
pub(crate) struct KafkaWal {
    ro: KafkaRoWal,
    writer: Arc<Writer>,
}

impl KafkaWal {
    pub(crate) fn new(store: &Arc<Store>, writer: Arc<Writer>) -> Self {
        let ro = KafkaRoWal::new(store, writer.channel(), writer.topic().to_owned());
        Self { ro, writer }
    }
}

#[async_trait]
impl WalImpls for KafkaWal {
    fn append(&self, batch: Batch<Record>) -> Appending {
        self.writer.append(batch)
    }

    fn fence_token(&self) -> FenceToken {
        self.writer.fence_token()
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        self.ro.check("truncate")?;
        let truncated = async {
            let offset = id::offset(id)?;
            self.writer.check_owner().await?;
            let newest = self.bounds().await?.newest;
            if newest.is_none_or(|newest| newest < id) {
                let text = format!("{id} lies beyond the newest record");
                return Err(Error::new(ErrorKind::InvalidInput, text));
            }
            topic::truncate(&self.ro.store, &self.ro.topic, offset + 1).await
        };
        truncated
            .await
            .map_err(|error| self.ro.named("truncate", error))
    }
}

#[async_trait]
impl RoWalImpls for KafkaWal {
    fn channel(&self) -> &ChannelName {
        &self.ro.channel
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        self.ro.scan(start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.ro.bounds().await
    }

    async fn close(&self) -> Result<()> {
        // Its scanners end with it.
        self.ro.close().await?;
        self.writer.close().await
    }
}

impl Drop for KafkaWal {
    fn drop(&mut self) {
        self.writer.let_go();
    }
}

#[async_trait]
impl RoWalImpls for KafkaRoWal {
    fn channel(&self) -> &ChannelName {
        &self.channel
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        scanner::scan(&self.store, &self.ending, &self.channel, start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.check("bounds")?;
        let bounds = self.ends.bounds(&self.store, &self.topic).await;
        bounds.map_err(|error| self.named("bounds", error))
    }

    async fn close(&self) -> Result<()> {
        self.ending.end();
        Ok(())
    }
}
