use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use walx_core::{Bounds, BoxFuture, ChannelName, MessageId, Record, Result};

use crate::{Batch, FenceToken, ScanOptions, ScannerImpls, Start};

/// A channel that is open for reading.
#[async_trait]
pub trait RoWalImpls: Send + Sync + 'static {
    /// The channel.
    fn channel(&self) -> &ChannelName;

    /// Starts a reader.
    ///
    /// # Cancel
    /// Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// As [`Start`] says; `Closed`.
    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>>;

    /// What is kept: the earliest record that can be read, and the newest that is durable. Neither is a foreign record;
    /// one that lies behind the newest record is named beside it.
    ///
    /// # Errors
    /// `Closed`; whatever the backend can't answer with.
    async fn bounds(&self) -> Result<Bounds>;

    /// Ends the handle, and its scanners with `Closed`. Closing twice is closing once. A dropped handle must free
    /// everything as well; its scanners may end with it.
    ///
    /// # Errors
    /// What could not be ended cleanly; everything is freed all the same.
    async fn close(&self) -> Result<()>;
}

/// A channel that is open for appending.
#[async_trait]
pub trait WalImpls: RoWalImpls {
    /// Appends records at consecutive places.
    ///
    /// # Order
    /// The *call* takes the place in the order; calls come one at a time, under a lock of the caller: it must be short,
    /// and wake nobody whose waker may call back into the wal. Ids ascend strictly in that order.
    ///
    /// # Durability
    /// The future resolves with one id a record once the batch, and everything before it, is durable. Backends
    /// batch what waits; the work must not depend on the future being polled.
    ///
    /// # Cancel
    /// Dropping the future neither cancels nor repeats the append.
    ///
    /// # Errors
    /// `NotWritten` only where the record is not in the log and never will be; `OutcomeUnknown` where it may be;
    /// `Fenced` where another writer was opened since; the record may lie before that one's first. After one failure every later append of the handle fails,
    /// also one that was already on its way, so that nothing overtakes a hole; one called after the failure gets
    /// `NotWritten`.
    fn append(&self, batch: Batch<Record>) -> Appending;

    /// What this writer can open again with.
    fn fence_token(&self) -> FenceToken;

    /// Drops everything up to and including `id`, or gives leave to. An id already dropped is no error.
    ///
    /// # Errors
    /// `InvalidInput` for an id of another backend or beyond the newest record; `Fenced`; `Closed`.
    async fn truncate(&self, id: MessageId) -> Result<()>;
}

/// An append of a backend on its way; borrows nothing.
pub struct Appending(Kind);

enum Kind {
    Now(Ready<Result<Batch<MessageId>>>),
    Later(BoxFuture<Result<Batch<MessageId>>>),
}

impl Appending {
    /// An append that is decided; needs no allocation.
    pub fn ready(outcome: Result<Batch<MessageId>>) -> Self {
        Self(Kind::Now(ready(outcome)))
    }

    /// An append that `future` waits for.
    pub fn new(future: impl Future<Output = Result<Batch<MessageId>>> + Send + 'static) -> Self {
        Self(Kind::Later(Box::pin(future)))
    }
}

impl Future for Appending {
    type Output = Result<Batch<MessageId>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Kind::Now(future) => Pin::new(future).poll(context),
            Kind::Later(future) => future.as_mut().poll(context),
        }
    }
}

impl fmt::Debug for Appending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Appending { .. }")
    }
}
