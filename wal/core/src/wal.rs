use async_trait::async_trait;

use crate::{
    Append, AppendBatch, Availability, Bounds, ChannelInfo, Expected, Message, MessageId, Owner,
    Permit, Refused, Result, ScanOption, Scanner, Tail, Tick, Transaction, TransactionOption,
    VirtualChannel,
};

/// A channel that is open for reading. Any number of them may be open, in any process.
#[async_trait]
pub trait RoWal: Send + Sync + 'static {
    /// The channel, how it was opened, and the term of its owner.
    fn channel(&self) -> &ChannelInfo;

    /// Starts a reader.
    ///
    /// # Order
    /// See [`Scanner`].
    ///
    /// # Cancel
    /// Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// `PositionLost` where the start is no longer kept and [`LostPolicy::Error`](crate::LostPolicy) was asked for;
    /// `InvalidInput` for an id or token of another backend; `Closed`.
    async fn scan(&self, option: ScanOption) -> Result<Box<dyn Scanner>>;

    /// The earliest and the newest record that the backend keeps, walx's own ones included.
    ///
    /// # Errors
    /// `Closed`; whatever the backend can't answer with.
    async fn bounds(&self) -> Result<Bounds>;

    /// The end of the log: what is confirmed ends here, and the next message gets this lsn.
    ///
    /// # Errors
    /// `Closed`; whatever the backend can't answer with.
    async fn tail(&self) -> Result<Tail>;

    /// The tick of the newest confirmed entry that a scan of this virtual channel delivers: a point up to which every
    /// reader can wait. Nothing is written. `None` where the log keeps no such entry.
    ///
    /// An owner knows it of the streams that were used since it opened the channel; of others, and for a reader, the
    /// log is read backwards until one is found.
    ///
    /// # Errors
    /// `Closed`; whatever the backend can't answer with.
    async fn newest_tick(&self, virtual_channel: &VirtualChannel) -> Result<Option<Tick>>;

    /// Whether it can be used now.
    fn availability(&self) -> Availability;

    /// Waits until it can no longer be used, and tells why.
    ///
    /// # Cancel
    /// Dropping the future changes nothing.
    async fn unavailable(&self) -> Availability;

    /// Ends the scanners, then the backend's handle. Closing twice is closing once.
    ///
    /// # Cancel
    /// Dropping the future does not stop the close.
    ///
    /// # Errors
    /// What the backend could not end cleanly; everything is freed all the same.
    async fn close(&self) -> Result<()>;
}

/// A channel that is open for appending: its only owner.
///
/// ```text
///            truncated         what a scan delivers        on its way
///          ─────────────┬──────────────────────────────┬───────────────┬───▶
///   lsn     0   1   2   │ 3    4    5    6    7    8   │ 9   10   11   │ 12
///                       │ ▲                        ▲   │ ▲             │
///                         │                        │     │ tail: the first lsn not yet confirmed
///                         earliest                 newest confirmed
/// ```
#[async_trait]
pub trait Wal: RoWal {
    /// Appends one message. Await the result, or keep it and append on: the order is the order of the *calls*.
    ///
    /// # Order
    /// The call takes the place in the order, before the future is polled; the future only waits. Where the bytes
    /// on their way have reached their limit, the append joins a queue that later calls can't overtake.
    ///
    /// # Durability
    /// Once it resolves, the message and everything before it is durable as the backend is configured, and every
    /// later scan from at or before it delivers it, once, until it is truncated.
    ///
    /// # Cancel
    /// Dropping the future after the place was taken neither cancels nor repeats the append. While it waits in the
    /// queue, dropping takes it out and nothing is written.
    ///
    /// # Errors
    /// `TooLarge`, `InvalidInput`, `Closed`, `Unavailable` and what a hook refuses with: nothing was written.
    /// `Fenced`: another owner has the channel; one that was on its way may lie before that owner's first record, as
    /// its log tells. Any other failure walx recovers from by itself for
    /// [`recovery_timeout`](crate::OpenOption::recovery_timeout), while this append and later ones wait. Then:
    /// `OutcomeUnknown`: it may have been written, walx won't write it any more; `NotWritten`: safe to append again.
    fn append(&self, message: Message) -> Append;

    /// Appends several messages at consecutive places, with nothing between them; whole or not at all where the
    /// backend's [`Capability`](crate::Capability) says so. Order, durability, cancel and errors as
    /// [`append`](Self::append). An empty batch is `InvalidInput`.
    fn append_batch(&self, messages: Vec<Message>) -> AppendBatch;

    /// As [`append`](Self::append), but only where `expected` holds when the message takes its place.
    ///
    /// # Errors
    /// `Conflict` where it does not hold, with what holds instead: nothing was written. Else as `append`.
    fn append_if(&self, message: Message, expected: Expected) -> Append;

    /// Opens a transaction: its first record takes its place now, or in the queue, as [`append`](Self::append) does.
    ///
    /// # Errors
    /// `InvalidInput` for a keepalive below 1 ms; `Overloaded` where as many are open as may be; `Closed`;
    /// `Unavailable` and `Fenced` as `append`. Where the record itself fails, the transaction's next call says so.
    fn begin(&self, option: TransactionOption) -> Result<Transaction>;

    /// Writes a point in time, behind everything that was appended: scans with [`ticks`](ScanOption::ticks) deliver it,
    /// so that readers of a quiet stream know that they have everything up to it. `None` = for all streams. Order,
    /// durability, cancel and errors as [`append`](Self::append).
    fn advance_tick(&self, virtual_channel: Option<VirtualChannel>) -> Append;

    /// As [`append`](Self::append), but hands the message back instead of waiting for room.
    ///
    /// # Errors
    /// `Overloaded` where it would have had to wait; else as `append` refuses.
    fn try_append(&self, message: Message) -> std::result::Result<Append, Refused>;

    /// Waits for room for `bytes`, in the same queue as appends; the permit's append then doesn't wait.
    ///
    /// # Cancel
    /// Dropping the future leaves the queue.
    ///
    /// # Errors
    /// `InvalidInput` for more than the limit of bytes on their way; `Closed`; `Unavailable`.
    async fn reserve(&self, bytes: usize) -> Result<Permit>;

    /// Gives the backend leave to drop everything up to and including `id`. The newest record always stays, so that
    /// the numbering survives, and so does a transaction that is open. One that is committed goes with its first record:
    /// truncate up to the entry that everybody has read, and not to a message that lies inside of a later one.
    ///
    /// # Cancel
    /// Dropping the future leaves it open whether it took place; calling again is harmless.
    ///
    /// # Errors
    /// `InvalidInput` for an id of another backend or beyond the tail; `Fenced`; `Closed`.
    async fn truncate(&self, id: MessageId) -> Result<()>;

    /// Who writes through this handle; its incarnation grows with each recovery from a failed append.
    fn owner(&self) -> Owner;
}
