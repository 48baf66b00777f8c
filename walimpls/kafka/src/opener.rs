use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{
    Bounds, Capability, ChannelName, Durability, Error, ErrorKind, Fence, MessageId, Result,
    Truncation,
};
use walx_impls::{Claim, OpenerImpls, RoWalImpls, WalImpls};

use crate::config::{KafkaConfig, KafkaFence, KafkaTruncate};
use crate::store::{Store, closed};
use crate::wal::KafkaRoWal;
use crate::{id, topic, writer};

/// A store on brokers: the topics below a prefix.
pub(crate) struct KafkaOpener {
    store: Arc<Store>,
}

impl KafkaOpener {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    async fn reader(&self, channel: &ChannelName) -> Result<KafkaRoWal> {
        self.check()?;
        let name = self.store.topic(channel)?;
        topic::exists(&self.store, &name).await?;
        Ok(KafkaRoWal::new(&self.store, channel, name))
    }

    fn check(&self) -> Result<()> {
        match self.store.ending.is_ended() {
            false => Ok(()),
            true => Err(closed()),
        }
    }
}

/// What the backend can do as a store is configured, whose new topics have so many copies, so many of them in sync.
pub(crate) fn capability(config: &KafkaConfig, (copies, min_insync): (u16, u16)) -> Capability {
    let synced = config
        .topic
        .get("flush.messages")
        .is_some_and(|it| it == "1");
    Capability::new(config.max_record_bytes())
        .with_fence(match config.fence {
            KafkaFence::Transaction => Fence::Native,
            KafkaFence::ReadBack => Fence::ReadBack,
        })
        .with_truncation(match config.truncate {
            KafkaTruncate::Exact => Truncation::Exact,
            KafkaTruncate::Permission => Truncation::Permission,
        })
        .with_start_by_time(true)
        .with_durability(match copies.min(min_insync) {
            2.. => Durability::Replicated,
            _ if synced => Durability::Synced,
            // Brokers acknowledge from the page cache.
            _ => Durability::OperatingSystem,
        })
        .with_server(true)
}

#[async_trait]
impl OpenerImpls for KafkaOpener {
    fn capability(&self) -> Capability {
        capability(self.store.config(), self.store.copies())
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        self.check().map_err(named("open", channel))?;
        writer::open(&self.store, channel, claim).await
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        let reader = self.reader(channel).await;
        Ok(Arc::new(reader.map_err(named("open read-only", channel))?))
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        let truncated = async {
            let offset = id::offset(id)?;
            let reader = self.reader(channel).await?;
            let newest = reader.bounds().await?.newest;
            if newest.is_none_or(|newest| newest < id) {
                let text =
                    format!("{id} lies beyond the newest record; truncate up to one that is there");
                return Err(Error::new(ErrorKind::InvalidInput, text));
            }
            topic::truncate(&self.store, &self.store.topic(channel)?, offset + 1).await
        };
        truncated.await.map_err(named("truncate", channel))
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        let bounds = async { self.reader(channel).await?.bounds().await };
        bounds.await.map_err(named("bounds", channel))
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        let listed = async {
            self.check()?;
            topic::list(&self.store).await
        };
        listed
            .await
            .map_err(|error: Error| error.with_operation("list"))
    }

    fn identity(&self) -> Option<String> {
        let id = self.store.cluster.id.as_deref()?;
        Some(format!("{id}/{}", self.store.config().location.prefix()))
    }

    fn server(&self) -> Option<String> {
        self.store.cluster.server()
    }

    async fn close(&self) -> Result<()> {
        self.store.close();
        Ok(())
    }
}

impl Drop for KafkaOpener {
    fn drop(&mut self) {
        self.store.close();
    }
}

fn named(operation: &'static str, channel: &ChannelName) -> impl FnOnce(Error) -> Error {
    move |error| error.with_operation(operation).with_channel(channel)
}
