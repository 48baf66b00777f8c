use crate::{Lsn, MessageId, Tick};

/// The end of a log: the first place not yet written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tail {
    /// The lsn that the next message will have.
    pub lsn: Lsn,
    /// The id of the newest confirmed record; `None` where the channel has none.
    pub id: Option<MessageId>,
    /// The tick of the newest confirmed record; `Tick::ZERO` where the channel has none.
    pub tick: Tick,
}

impl Tail {
    /// A tail from its parts.
    pub const fn new(lsn: Lsn, id: Option<MessageId>, tick: Tick) -> Self {
        Self { lsn, id, tick }
    }
}

/// What a backend keeps of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// The earliest record that can be read; `None` where there is none.
    pub earliest: Option<MessageId>,
    /// The newest record that is durable; `None` where there never was one. The tail lies right behind it. Where a
    /// record was and all are gone, it is named all the same.
    pub newest: Option<MessageId>,
    /// The newest [foreign record](crate::ForeignRecord) that is durable, where it lies behind the newest record: a scan
    /// that ends at the tail tells what lies up to it.
    pub foreign: Option<MessageId>,
}

impl Bounds {
    /// Bounds from their parts.
    pub const fn new(earliest: Option<MessageId>, newest: Option<MessageId>) -> Self {
        Self {
            earliest,
            newest,
            foreign: None,
        }
    }

    /// Sets the newest foreign record behind the newest record.
    #[must_use]
    pub const fn with_foreign(mut self, foreign: Option<MessageId>) -> Self {
        self.foreign = foreign;
        self
    }
}
