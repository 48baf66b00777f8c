use std::task::{Context, Poll};

use walx_core::{ForeignRecord, Lsn, MessageId, Record, Result, Tick};

/// Where a backend's scanner starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// The earliest record that is kept.
    Earliest,
    /// The record with this id. `PositionLost` where it is no longer kept.
    At(MessageId),
    /// The first record behind this id. `PositionLost` where a record behind it is no longer kept.
    After(MessageId),
    /// So many records before the tail, or more: the earliest record will do. Foreign records don't count.
    Last(u64),
    /// A record at or before the first one with this mark, as near as the backend can cheaply tell: the earliest
    /// record will do.
    Near(Mark),
}

/// What a record's header is searched by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The number of the message.
    Lsn(Lsn),
    /// The time at which it took its place.
    Tick(Tick),
}

/// How a backend's scanner reads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanOptions {
    /// The most bytes to read ahead of the caller; one record may be larger.
    pub read_ahead_bytes: usize,
}

impl ScanOptions {
    /// Reads at most so many bytes ahead.
    pub fn new(read_ahead_bytes: usize) -> Self {
        Self { read_ahead_bytes }
    }
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self::new(4 << 20)
    }
}

/// A record as a backend hands it out.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRecord {
    /// Its place; larger than those of all records before it.
    pub id: MessageId,
    /// What was appended.
    pub record: Record,
}

/// What a backend's scanner meets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Scanned {
    /// A record.
    Record(StoredRecord),
    /// Damage that the store was told to read on behind; the text names the place (file and offset).
    Damage(String),
    /// What somebody else wrote into the same storage: no record of walx. Its id stands in the order of all others.
    Foreign(ForeignRecord),
}

/// One reader of a backend: pulls batches, so that a record costs nanoseconds. Dropping it frees all it holds.
///
/// # Order
/// Ids ascend strictly; nothing is skipped and nothing comes twice.
///
/// # Durability
/// Only records that are durable, together with everything before them, are handed out, in any process.
pub trait ScannerImpls: Send + 'static {
    /// The next records, at least one; `Pending` at the tail until there are more. An error is the reason of the
    /// scanner's end: `PositionLost` where what comes next is no longer kept, `Corrupt`, `Closed` after the wal or
    /// the opener was closed, `Unavailable` where reading may succeed later.
    ///
    /// # Errors
    /// As said; after an error it is not called again.
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>>;
}
