use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{
    Append, AppendBatch, Availability, Bounds, ChannelInfo, Expected, Message, MessageId, Owner,
    Permit, Refused, Result, RoWal, ScanOption, Scanner, Tail, Tick, Transaction,
    TransactionOption, VirtualChannel, Wal,
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

    async fn newest_tick(&self, virtual_channel: &VirtualChannel) -> Result<Option<Tick>> {
        self.0.newest_tick(virtual_channel).await
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

    fn append_if(&self, message: Message, expected: Expected) -> Append {
        self.0.append_if(message, expected)
    }

    fn begin(&self, option: TransactionOption) -> Result<Transaction> {
        self.0.begin(option)
    }

    fn advance_tick(&self, virtual_channel: Option<VirtualChannel>) -> Append {
        self.0.advance_tick(virtual_channel)
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
