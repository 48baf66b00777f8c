//! From where to where a scan delivers.

use std::fmt;

use walx_core::{End, Error, ErrorKind, LostPolicy, Lsn, MessageId, Result, Seq, Tick};
use walx_impls::StoredRecord;

use super::confirmed::Confirmed;
use crate::planted::{self, Bug};

/// Messages before this are read and not delivered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum From {
    /// The source starts where the scan does.
    Source,
    Lsn(Lsn),
    /// This message, and not the marks at its lsn, which stand before it.
    Message(Lsn),
    Tick(Tick),
}

impl From {
    /// Whether the record lies before the start.
    pub(super) fn is_before(self, record: &StoredRecord) -> bool {
        let header = &record.record.header;
        match self {
            Self::Source => false,
            Self::Lsn(lsn) => header.lsn.is_some_and(|it| it < lsn),
            Self::Message(lsn) => header.next_lsn().is_some_and(|it| it <= lsn),
            Self::Tick(tick) => header.tick < tick,
        }
    }

    /// Whether a source whose first record this is starts behind the earliest one that is kept: then it starts where it
    /// was asked to, and nothing before it is lost. Of lsns the first message itself tells, as they are dense; the
    /// earliest record may be a Barrier, which has none, and the backend can't tell what was before.
    pub(super) fn is_kept_by(self, first: &StoredRecord, earliest: Option<MessageId>) -> bool {
        !matches!(self, Self::Lsn(_) | Self::Message(_))
            && earliest.is_some_and(|earliest| first.id > earliest)
    }

    /// Looks at `first`, the first numbered record that the source has: does it tell that the start is no longer kept?
    pub(super) fn check_kept(self, first: &StoredRecord) -> Result<()> {
        let header = &first.record.header;
        let kept_from_the_beginning = header.seq == Some(Seq::ZERO);
        let lost = match self {
            Self::Source => false,
            Self::Lsn(lsn) | Self::Message(lsn) => header.lsn.is_some_and(|it| it > lsn),
            Self::Tick(tick) => header.tick > tick,
        };
        if !lost || kept_from_the_beginning || planted::is(Bug::JumpsToTheEarliest) {
            return Ok(());
        }
        let kind = ErrorKind::PositionLost {
            earliest: Some(first.id),
        };
        Err(Error::new(
            kind,
            "the start of the scan is no longer kept; start at the earliest, or go on with a gap",
        )
        .with_context("asked for", self)
        .with_context("earliest", header))
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("the source's own start"),
            Self::Lsn(lsn) | Self::Message(lsn) => write!(f, "lsn {lsn}"),
            Self::Tick(tick) => write!(f, "tick {tick}"),
        }
    }
}

/// Where a scan ends: at its bound, or at the tail that it saw at its start if the bound lies before that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Until {
    pub(super) end: Option<End>,
    pub(super) tail: Option<Confirmed>,
}

impl Until {
    /// Whether a foreign record lies behind the end. It has no lsn and no tick: as far as those go, it is told before the
    /// next record.
    pub(super) fn excludes_foreign(self, id: MessageId) -> bool {
        let tail = self.tail.and_then(|tail| tail.last());
        matches!(self.end, Some(End::Id(end)) if id > end) || tail.is_some_and(|last| id > last)
    }

    /// Whether nothing that lies behind a foreign record is wanted any more.
    pub(super) fn ends_with_foreign(self, id: MessageId) -> bool {
        let tail = self.tail.and_then(|tail| tail.last());
        matches!(self.end, Some(End::Id(end)) if id >= end) || tail.is_some_and(|last| id >= last)
    }

    /// Whether the record lies behind the end.
    pub(super) fn excludes(self, record: &StoredRecord) -> bool {
        let header = &record.record.header;
        let excluded = match self.end {
            Some(End::Id(id)) => record.id > id,
            Some(End::Lsn(lsn)) => header.lsn.is_some_and(|it| it > lsn),
            Some(End::Tick(tick)) => header.tick > tick,
            _ => false,
        };
        excluded || self.tail.is_some_and(|tail| tail.excludes(record))
    }

    /// Whether the scan ends with the record because the log does.
    pub(super) fn is_tail(self, record: &StoredRecord) -> bool {
        self.tail.is_some_and(|tail| tail.ends_with(record))
    }

    /// Whether nothing that lies behind the record is wanted any more.
    pub(super) fn ends_with(self, record: &StoredRecord) -> bool {
        let header = &record.record.header;
        let ends = match self.end {
            Some(End::Id(id)) => record.id >= id,
            Some(End::Lsn(lsn)) => header.next_lsn().is_some_and(|it| it > lsn),
            Some(End::Tick(tick)) => header.tick >= tick,
            _ => false,
        };
        ends || self.tail.is_some_and(|tail| tail.ends_with(record))
    }
}

/// Whether the caller wants to go on where a position is lost.
pub(super) fn goes_on(policy: LostPolicy, kind: ErrorKind) -> bool {
    policy == LostPolicy::Gap && matches!(kind, ErrorKind::PositionLost { .. })
}
