use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{
    Append, AppendBatch, Availability, Bounds, ChannelInfo, Message, MessageId, Owner, Permit,
    Refused, Result, RoWal, ScanOption, Scanner, Tail, Wal,
};

/// A wal of a manager, as its users hold it: they can't close it.
pub(super) struct Managed(Arc<dyn Wal>);

impl Managed {
    pub(super) fn of(wal: Arc<dyn Wal>) -> Arc<dyn Wal> {
        Arc::new(Self(wal))
    }
}

#[async_trait]
impl RoWal for Managed {
    fn channel(&self) -> &ChannelInfo {
        self.0.channel()
    }

    async fn scan(&self, option: ScanOption) -> Result<Box<dyn Scanner>> {
        self.0.scan(option).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.0.bounds().await
    }

    async fn tail(&self) -> Result<Tail> {
        self.0.tail().await
    }

    fn availability(&self) -> Availability {
        self.0.availability()
    }

    async fn unavailable(&self) -> Availability {
        self.0.unavailable().await
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Wal for Managed {
    fn append(&self, message: Message) -> Append {
        self.0.append(message)
    }

    fn append_batch(&self, messages: Vec<Message>) -> AppendBatch {
        self.0.append_batch(messages)
    }

    fn try_append(&self, message: Message) -> std::result::Result<Append, Refused> {
        self.0.try_append(message)
    }

    async fn reserve(&self, bytes: usize) -> Result<Permit> {
        self.0.reserve(bytes).await
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        self.0.truncate(id).await
    }

    fn owner(&self) -> Owner {
        self.0.owner()
    }
}
