use crate::{Place, ResumeToken, Seq, TransactionId, VirtualChannel};

/// One of walx's own marks as a scanner delivers it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Marker {
    /// Where it lies; its lsn is that of the next message.
    pub place: Place,
    /// What it marks.
    pub kind: MarkerKind,
    /// The transaction that it is of; `None` of a point in time.
    pub transaction: Option<TransactionId>,
    /// The logical stream; none = for all.
    pub virtual_channel: Option<VirtualChannel>,
    seq: Seq,
    oldest_open: Option<Seq>,
}

/// What a mark is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MarkerKind {
    /// A transaction begins.
    Begin,
    /// It is committed, with so many messages (with as many records, where messages have chunks).
    Commit {
        /// How many.
        count: u32,
    },
    /// It is given up.
    Rollback {
        /// Nobody asked for it: its time was over, or its owner's.
        expired: bool,
    },
    /// A point in time.
    Tick,
}

impl Marker {
    /// A mark from its parts; scanners make these.
    pub const fn new(place: Place, kind: MarkerKind, seq: Seq, oldest_open: Option<Seq>) -> Self {
        Self {
            place,
            kind,
            transaction: None,
            virtual_channel: None,
            seq,
            oldest_open,
        }
    }

    /// Puts it into a transaction and a logical stream.
    #[must_use]
    pub fn of(
        mut self,
        transaction: Option<TransactionId>,
        virtual_channel: Option<VirtualChannel>,
    ) -> Self {
        (self.transaction, self.virtual_channel) = (transaction, virtual_channel);
        self
    }

    /// The token from which a later scan goes on right behind this mark.
    pub const fn token(&self) -> ResumeToken {
        ResumeToken::new(self.place, self.seq, self.oldest_open)
    }
}
