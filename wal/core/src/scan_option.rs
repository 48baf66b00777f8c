use std::path::PathBuf;

use crate::{Lsn, MessageId, Position, Tick, VirtualChannel};

/// What a scan does where the place it is to start at is no longer kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LostPolicy {
    /// `scan` fails with `PositionLost`, which names the earliest place there is.
    #[default]
    Error,
    /// The scan starts at the earliest place there is, with a gap before it.
    Gap,
}

/// How a scan delivers transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Each one whole, at its commit; those that were rolled back not at all.
    #[default]
    Whole,
    /// Message by message as they were appended, with a [`Marker`](crate::Marker) for each begin, commit and rollback.
    Raw,
}

/// Where a scan ends; inclusive. A scan without an end follows the log.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum End {
    /// The last message at the time of the call.
    Tail,
    /// The record with this id.
    Id(MessageId),
    /// The last message whose lsn is at most this one.
    Lsn(Lsn),
    /// The last message whose tick is at most this one.
    Tick(Tick),
}

/// How a channel is scanned.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScanOption {
    /// Where it starts.
    pub from: Position,
    /// Where it ends; none = it follows the log.
    pub until: Option<End>,
    /// What to do where the start is no longer kept.
    pub on_lost: LostPolicy,
    /// Only messages of these logical streams, and those that are meant for all. None = all streams.
    pub virtual_channels: Vec<VirtualChannel>,
    /// How transactions are delivered. Whole by default.
    pub transactions: Delivery,
    /// Whether points in time are delivered, as [`Wal::advance_tick`](crate::Wal::advance_tick) writes them. No by default.
    pub ticks: bool,
    /// Whether each foreign record is delivered as it is, instead of a gap that tells how many there are. No by default.
    /// Such a scan reads from the backend all the time, as the write-ahead cache has no foreign records.
    pub foreign: bool,
    /// Bytes that are read ahead of the caller. 4 MiB by default.
    pub read_ahead_bytes: usize,
    /// Bytes of messages that may be kept until their transaction ends, and of a message that is put together from
    /// chunks, with what it takes to keep them. More end the scan with `TooLarge`, unless there is a directory to [`spill`](Self::spill) to. 64 MiB by
    /// default.
    pub transaction_buffer_bytes: usize,
    /// A directory on a local disk for messages of open transactions beyond the buffer. They lie there in files without
    /// names, as the log has them, and are gone with the scan, or with the transactions that it delivered. The scan
    /// writes them, and [`PlacedTransaction::messages`](crate::PlacedTransaction::messages) reads them, in the call
    /// itself: nothing else of a scan waits for a disk. A message of many records is put together in memory. None by
    /// default.
    pub spill: Option<PathBuf>,
}

impl ScanOption {
    /// The default of [`transaction_buffer_bytes`](Self::transaction_buffer_bytes).
    pub const TRANSACTION_BUFFER_BYTES: usize = 64 << 20;

    /// A scan that starts here and follows the log.
    pub fn new(from: Position) -> Self {
        Self {
            from,
            until: None,
            on_lost: LostPolicy::default(),
            virtual_channels: Vec::new(),
            transactions: Delivery::default(),
            ticks: false,
            foreign: false,
            read_ahead_bytes: 4 << 20,
            transaction_buffer_bytes: Self::TRANSACTION_BUFFER_BYTES,
            spill: None,
        }
    }

    /// A scan of all that is kept, which follows the log.
    pub fn earliest() -> Self {
        Self::new(Position::Earliest)
    }

    /// A scan of all that comes after the call.
    pub fn latest() -> Self {
        Self::new(Position::Latest)
    }

    /// Sets where it ends.
    #[must_use]
    pub fn until(mut self, end: End) -> Self {
        self.until = Some(end);
        self
    }

    /// Sets what to do where the start is no longer kept.
    #[must_use]
    pub fn on_lost(mut self, policy: LostPolicy) -> Self {
        self.on_lost = policy;
        self
    }

    /// Only messages of this logical stream, of others that are added, and those that are meant for all.
    #[must_use]
    pub fn with_virtual_channel(mut self, virtual_channel: VirtualChannel) -> Self {
        self.virtual_channels.push(virtual_channel);
        self
    }

    /// Sets how transactions are delivered.
    #[must_use]
    pub fn with_transactions(mut self, delivery: Delivery) -> Self {
        self.transactions = delivery;
        self
    }

    /// Delivers points in time as well.
    #[must_use]
    pub fn with_ticks(mut self, ticks: bool) -> Self {
        self.ticks = ticks;
        self
    }

    /// Delivers each foreign record as it is.
    #[must_use]
    pub fn with_foreign(mut self, foreign: bool) -> Self {
        self.foreign = foreign;
        self
    }

    /// Sets the bytes of messages that may be kept until their transaction ends.
    #[must_use]
    pub fn with_transaction_buffer_bytes(mut self, bytes: usize) -> Self {
        self.transaction_buffer_bytes = bytes;
        self
    }

    /// Sets the directory for messages of open transactions beyond the buffer.
    #[must_use]
    pub fn with_spill(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spill = Some(directory.into());
        self
    }

    /// Sets the bytes that are read ahead of the caller.
    #[must_use]
    pub fn with_read_ahead_bytes(mut self, bytes: usize) -> Self {
        self.read_ahead_bytes = bytes;
        self
    }
}
