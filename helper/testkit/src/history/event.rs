//! What a history is made of. Every call, answer and delivery is one event.

use std::fmt;

use walx_core::{
    ChannelName, Error, ErrorKind, Expected, GapReason, IdempotencyOption, Lsn, MarkerKind,
    MessageId, Owner, Place, Status, Tick, TransactionId, VirtualChannel,
};

/// The name of an event: its process, and its number there. An open, an append, a scan and a truncation are named by
/// the event of their call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// The process that saw it; two processes of one history have different numbers.
    pub process: u32,
    /// Its place among the events of that process.
    pub number: u64,
}

/// Which message: the append that handed it in, and its place in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The event of the append's call.
    pub call: EventId,
    /// Its place in the batch, from 0.
    pub index: u32,
}

/// One line of a history.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Which one.
    pub id: EventId,
    /// What took place.
    pub what: What,
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The error's kind, without the details of `Overloaded` and `PositionLost`.
    pub kind: ErrorKind,
    /// Whether the error's status says that the call may have taken effect.
    pub unknown: bool,
}

/// How a call ended.
pub type Answer<T> = Result<T, Failed>;

/// How an append ended for its caller.
#[derive(Clone, Debug, PartialEq)]
pub enum Appended {
    /// It is acknowledged, with a place a message.
    Acknowledged(Vec<Place>),
    /// It failed.
    Failed(Failed),
    /// The caller dropped the future, and hears nothing.
    Dropped,
}

/// What was handed in, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Of payload, properties, virtual channel and idempotency key.
    pub digest: u64,
    /// Its logical stream.
    pub virtual_channel: Option<VirtualChannel>,
    /// The digest of its idempotency key.
    pub key: Option<u64>,
    /// Its bytes, as they count against limits.
    pub bytes: u64,
    /// Whether it ends the open transactions of its stream.
    pub exclusive: bool,
}

/// How a transaction is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Well.
    Commit,
    /// It is given up.
    Rollback,
    /// Its handle is dropped, which gives it up; nobody hears of it.
    Drop,
}

/// Where a scan starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// At the first message that is kept.
    Earliest,
    /// Behind the last message at the time of the call.
    Latest,
    /// At the record with this id.
    At(MessageId),
    /// Behind the record with this id; a resume token too.
    After(MessageId),
    /// At the first message with at least this lsn.
    Lsn(Lsn),
    /// At the first message with at least this tick.
    Tick(Tick),
    /// Somewhere that the history can't tell, such as so many messages before the tail.
    Somewhere,
}

/// Where a scan ends, inclusive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stop {
    /// Never: it follows the log.
    Never,
    /// At the last message at the time of the call.
    Tail,
    /// At the record with this id.
    Id(MessageId),
    /// At the last message with at most this lsn.
    Lsn(Lsn),
    /// At the last message with at most this tick.
    Tick(Tick),
}

/// How a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanEnd {
    /// It reached its end.
    Reached,
    /// An error ended it.
    Failed(Failed),
    /// The reader dropped it.
    Dropped,
}

/// What took place.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    missing_docs,
    reason = "the names of the fields are those of the walx API"
)]
pub enum What {
    /// A channel is to be opened, for writing or reading. Names the handle.
    OpenCalled {
        channel: ChannelName,
        write: bool,
        /// How long it remembers the keys of messages.
        keys: Option<IdempotencyOption>,
    },
    /// It is open; for writing with its owner.
    OpenAnswered {
        call: EventId,
        answer: Answer<Option<Owner>>,
    },
    /// Messages are handed in. Names the append.
    AppendCalled {
        handle: EventId,
        transaction: Option<EventId>,
        /// Whether a permit had reserved its room: it goes before those that wait for room.
        reserved: bool,
        /// What must hold when it takes its place.
        expected: Expected,
        messages: Vec<Sent>,
    },
    /// The call returned: the append has its place in the order.
    AppendTaken { call: EventId },
    /// The caller learns how it ended.
    AppendAnswered { call: EventId, answer: Appended },
    /// Leave to drop everything up to `id` is given. Names the truncation.
    TruncateCalled {
        channel: ChannelName,
        /// The handle that it is given through; none = the store.
        through: Option<EventId>,
        id: MessageId,
    },
    /// It took place, or not.
    TruncateAnswered { call: EventId, answer: Answer<()> },
    /// A reader starts. Names the scan.
    ScanCalled {
        handle: EventId,
        from: Start,
        until: Stop,
        /// The logical streams that it is asked for; none = all.
        virtual_channels: Vec<VirtualChannel>,
        /// Whether it delivers transactions message by message, with their marks.
        raw: bool,
        /// Whether it delivers points in time.
        ticks: bool,
    },
    /// It started.
    ScanAnswered { call: EventId, answer: Answer<()> },
    /// A scan delivers a message; without a key where no recorder handed it in.
    Delivered {
        scan: EventId,
        key: Option<Key>,
        place: Place,
        digest: u64,
        /// The transaction that it was appended in. Of a transaction that is delivered whole, its messages follow its own
        /// event.
        transaction: Option<TransactionId>,
    },
    /// A scan delivers a transaction whole.
    Committed {
        scan: EventId,
        place: Place,
        transaction: TransactionId,
        count: u64,
    },
    /// A scan delivers a mark.
    Marked {
        scan: EventId,
        place: Place,
        kind: MarkerKind,
        transaction: Option<TransactionId>,
    },
    /// A scan tells a hole.
    Gap {
        scan: EventId,
        reason: GapReason,
        lsns: Option<(Lsn, Lsn)>,
    },
    /// A scan ends.
    ScanEnded { scan: EventId, end: ScanEnd },
    /// A handle is to be closed.
    CloseCalled { handle: EventId },
    /// It is closed.
    CloseAnswered { call: EventId, answer: Answer<()> },
    /// A transaction is to begin. Names the transaction.
    BeginCalled {
        handle: EventId,
        virtual_channel: Option<VirtualChannel>,
    },
    /// It began, or not.
    BeginAnswered { call: EventId, answer: Answer<()> },
    /// A transaction is to end.
    EndCalled { transaction: EventId, how: Ending },
    /// The call returned: the end has its place in the order.
    EndTaken { call: EventId },
    /// Its caller learns how that went, and where the mark lies.
    EndAnswered { call: EventId, answer: Appended },
    /// A point in time is to be written. Names it.
    TickCalled {
        handle: EventId,
        virtual_channel: Option<VirtualChannel>,
    },
    /// The call returned: the point has its place in the order.
    TickTaken { call: EventId },
    /// Its caller learns how that went, and where it lies.
    TickAnswered { call: EventId, answer: Appended },
    /// The newest tick of a logical stream is asked for.
    NewestCalled {
        handle: EventId,
        virtual_channel: VirtualChannel,
    },
    /// It is told.
    NewestAnswered {
        call: EventId,
        answer: Answer<Option<Tick>>,
    },
    /// Everything that another process saw up to this event came before.
    After { point: EventId },
    /// A process ended, killed or by itself: all of its events came before.
    Ended { process: u32 },
    /// The machine lost its power: what was not synced may be gone.
    PowerLost,
    /// The test damaged what is stored: gaps may tell of it from now on.
    Damaged,
}

impl What {
    /// The event that this one answers or belongs to.
    pub(super) fn parent(&self) -> Option<EventId> {
        match self {
            Self::OpenAnswered { call, .. }
            | Self::AppendTaken { call }
            | Self::AppendAnswered { call, .. }
            | Self::TruncateAnswered { call, .. }
            | Self::ScanAnswered { call, .. }
            | Self::CloseAnswered { call, .. }
            | Self::BeginAnswered { call, .. }
            | Self::EndTaken { call }
            | Self::EndAnswered { call, .. }
            | Self::TickTaken { call }
            | Self::TickAnswered { call, .. }
            | Self::NewestAnswered { call, .. } => Some(*call),
            Self::Delivered { scan, .. }
            | Self::Committed { scan, .. }
            | Self::Marked { scan, .. }
            | Self::Gap { scan, .. }
            | Self::ScanEnded { scan, .. } => Some(*scan),
            Self::AppendCalled {
                handle,
                transaction,
                ..
            } => Some(transaction.unwrap_or(*handle)),
            Self::ScanCalled { handle, .. }
            | Self::CloseCalled { handle }
            | Self::BeginCalled { handle, .. }
            | Self::TickCalled { handle, .. }
            | Self::NewestCalled { handle, .. } => Some(*handle),
            Self::EndCalled { transaction, .. } => Some(*transaction),
            Self::OpenCalled { .. }
            | Self::TruncateCalled { .. }
            | Self::After { .. }
            | Self::Ended { .. }
            | Self::PowerLost
            | Self::Damaged => None,
        }
    }
}

impl Failed {
    /// Whether the message may be in the log all the same.
    ///
    /// `Fenced` doesn't tell; `Internal` and `Corrupt` are defects and damage, of which nothing is known.
    pub fn may_be_written(&self) -> bool {
        self.unknown
            || matches!(
                self.kind,
                ErrorKind::OutcomeUnknown
                    | ErrorKind::Fenced
                    | ErrorKind::Internal
                    | ErrorKind::Corrupt
            )
    }
}

impl From<&Error> for Failed {
    fn from(error: &Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Overloaded { .. } => ErrorKind::Overloaded {
                retry_after: std::time::Duration::ZERO,
            },
            ErrorKind::PositionLost { .. } => ErrorKind::PositionLost { earliest: None },
            kind => kind,
        };
        Self {
            kind,
            unknown: error.status() == Status::Unknown && kind != ErrorKind::OutcomeUnknown,
        }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.process, self.number)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.call, self.index)
    }
}
