//! Proves that a scan is whole: seqs dense, owners never falling. Doubles are dropped, holes are told, and so is a log
//! that went back: smaller seqs again, with larger ticks.

use walx_core::{
    Error, ErrorKind, Gap, GapReason, Header, Lsn, MessageId, Owner, Result, Seq, Tick,
};
use walx_impls::StoredRecord;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Check {
    /// The seq that comes next; `None` before the first numbered record.
    pub(super) expected: Option<Seq>,
    /// The last record that was seen, a Barrier too: from behind it a scan is opened again.
    pub(super) last: Option<MessageId>,
    next_lsn: Option<Lsn>,
    /// The tick of the last numbered record: a double has none behind it.
    tick: Option<Tick>,
    /// What the first numbered record must come behind.
    before: Option<(Seq, Tick)>,
    /// Where the scan starts: what is missing before does not count.
    from_lsn: Option<Lsn>,
    owner: Option<Owner>,
    /// Why the next hole is there, where the backend said so, and what it said.
    hole: Option<(GapReason, String)>,
}

/// What a record is.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    /// One that nobody is to see: a Barrier, or a double.
    Nothing,
    /// The next one.
    Next,
    /// The next one, behind a hole.
    Behind(Gap),
    /// One that must not be there; the next one is still to come.
    Stale(Gap),
}

impl Check {
    /// Goes on behind a message that was truncated, and may have been one of another log.
    pub(super) fn unproved(last: MessageId, seq: Seq, tick: Tick) -> Self {
        Self {
            before: Some((seq, tick)),
            last: Some(last),
            ..Self::default()
        }
    }

    /// Starts behind a record.
    pub(super) fn behind(last: MessageId) -> Self {
        Self {
            last: Some(last),
            ..Self::default()
        }
    }

    /// Goes on behind a message that an earlier scan delivered.
    pub(super) fn resumed(last: MessageId, seq: Seq, tick: Tick) -> Self {
        Self {
            expected: Some(seq.next()),
            last: Some(last),
            tick: Some(tick),
            ..Self::default()
        }
    }

    /// Goes on at this seq, and at no lsn below this one.
    pub(super) fn starting(mut self, seq: Option<Seq>, lsn: Option<Lsn>) -> Self {
        self.expected = seq.or(self.expected);
        self.from_lsn = lsn;
        self
    }

    /// The lsn that comes next, where it is known.
    pub(super) fn next_lsn(&self) -> Option<Lsn> {
        self.next_lsn
    }

    /// The backend said that there is a hole before the next record.
    pub(super) fn expect_hole(&mut self, reason: GapReason, detail: String) {
        self.hole.get_or_insert((reason, detail));
    }

    /// The hole that the log ends in, where the backend said that there is one.
    pub(super) fn last_hole(&mut self) -> Option<Gap> {
        let (reason, detail) = self.hole.take()?;
        let mut gap = Gap::new(reason, detail);
        gap.after = self.last;
        Some(gap)
    }

    /// A scan that began in the cache knows what comes first. Where the backend has it no more, it was truncated
    /// before the scan came to it.
    pub(super) fn check_start(&self, record: &StoredRecord) -> Result<()> {
        let seq = record.record.header.seq;
        let missing = self.expected.zip(seq).is_some_and(|(first, it)| it > first);
        if self.last.is_some() || self.hole.is_some() || !missing {
            return Ok(());
        }
        let kind = ErrorKind::PositionLost {
            earliest: Some(record.id),
        };
        let text = "the start of the scan was truncated before it was read; start at the earliest, or go on with a gap";
        Err(Error::new(kind, text).with_context("earliest", &record.record.header))
    }

    pub(super) fn see(&mut self, record: &StoredRecord) -> Seen {
        let header = &record.record.header;
        let after = self.last.replace(record.id);
        if let Some(owner) = self.owner.filter(|owner| header.owner < *owner) {
            // The rightful owner may have given the same seq to its own record: nothing else changes.
            return header.seq.map_or(Seen::Nothing, |seq| {
                Seen::Stale(stale(seq, header, owner, after, record.id))
            });
        }
        self.owner = Some(header.owner);
        let Some(seq) = header.seq else {
            return Seen::Nothing;
        };
        if let Some((last, tick)) = self.before.take() {
            (self.expected, self.tick) = (Some(last.next()), Some(tick));
        }
        let back = self.expected.is_some_and(|expected| seq < expected);
        if back && self.tick.is_none_or(|tick| header.tick <= tick) {
            return Seen::Nothing;
        }
        let went_back = || {
            (
                GapReason::Lost,
                "the log went back to an older state".to_owned(),
            )
        };
        let hole = self.hole.take().or_else(|| back.then(went_back));
        if back {
            (self.expected, self.next_lsn) = (None, None);
        }
        self.tick = Some(header.tick);
        let missing = self.expected.is_some_and(|expected| seq > expected) || hole.is_some();
        let gap = missing.then(|| self.gap(hole, seq, header, after, record.id));
        self.expected = Some(seq.next());
        self.next_lsn = header.next_lsn();
        gap.map_or(Seen::Next, Seen::Behind)
    }

    fn gap(
        &self,
        hole: Option<(GapReason, String)>,
        seq: Seq,
        header: &Header,
        after: Option<MessageId>,
        before: MessageId,
    ) -> Gap {
        let (reason, detail) = hole.unwrap_or_else(|| (GapReason::Lost, String::new()));
        let mut gap = Gap::new(reason, detail);
        gap.seqs = self.expected.map(|expected| (expected, seq));
        gap.lsns = self.next_lsn.max(self.from_lsn).zip(header.lsn);
        gap.after = after;
        gap.before = Some(before);
        gap
    }
}

/// A record that must not be there.
fn stale(seq: Seq, header: &Header, owner: Owner, after: Option<MessageId>, id: MessageId) -> Gap {
    let detail = format!(
        "a record of owner {} lies behind one of owner {owner}",
        header.owner
    );
    let mut gap = Gap::new(GapReason::Corrupt, detail);
    gap.seqs = Some((seq, seq.next()));
    gap.lsns = header.lsn.zip(header.next_lsn());
    gap.after = after;
    gap.before = Some(id);
    gap
}

#[cfg(test)]
mod tests {
    use walx_core::{BackendName, Kind, Record, Term};

    use super::*;

    const FILE: BackendName = BackendName::constant("file");

    fn record(id: u64, term: u64, seq: u64, lsn: u64) -> StoredRecord {
        let header = Header::new(Kind::Data, Owner::new(Term::new(term)), Tick::new(seq));
        let record = Record::marker(header.numbered(Seq::new(seq), Lsn::new(lsn)));
        StoredRecord {
            id: MessageId::from_u64(FILE, id),
            record,
        }
    }

    #[test]
    fn doubles_are_dropped_and_holes_are_told_with_their_range() {
        let mut check = Check::default();
        assert_eq!(check.see(&record(10, 1, 4, 3)), Seen::Next);
        assert_eq!(check.see(&record(11, 1, 4, 3)), Seen::Nothing);
        let Seen::Behind(gap) = check.see(&record(12, 1, 7, 6)) else {
            panic!("a hole")
        };
        assert_eq!(gap.reason, GapReason::Lost);
        assert_eq!(gap.seqs, Some((Seq::new(5), Seq::new(7))));
        assert_eq!(gap.lsns, Some((Lsn::new(4), Lsn::new(6))));
        assert_eq!(gap.after, Some(MessageId::from_u64(FILE, 11)));
        assert_eq!(gap.before, Some(MessageId::from_u64(FILE, 12)));
        assert_eq!(check.see(&record(13, 1, 8, 7)), Seen::Next);
    }

    #[test]
    fn a_record_of_a_smaller_owner_behind_a_larger_one_is_damage() {
        let mut check = Check::default();
        check.see(&record(1, 2, 0, 0));
        let Seen::Stale(gap) = check.see(&record(2, 1, 1, 1)) else {
            panic!("stale")
        };
        assert_eq!(gap.reason, GapReason::Corrupt);
        assert_eq!(gap.seqs, Some((Seq::new(1), Seq::new(2))));
        assert_eq!(gap.lsns, Some((Lsn::new(1), Lsn::new(2))));
        // The owner's own record has the same seq, and is not hidden by it.
        assert_eq!(check.see(&record(3, 2, 1, 1)), Seen::Next);
    }

    #[test]
    fn damage_that_the_backend_tells_is_told_even_where_the_seqs_carry_on() {
        let mut check = Check::default();
        check.see(&record(1, 1, 0, 0));
        check.expect_hole(GapReason::Corrupt, "1.wal at 4096".to_owned());
        let Seen::Behind(gap) = check.see(&record(2, 1, 1, 1)) else {
            panic!("a hole")
        };
        assert_eq!(
            (gap.reason, gap.detail.as_str()),
            (GapReason::Corrupt, "1.wal at 4096")
        );
    }

    #[test]
    fn a_barrier_is_seen_but_not_told() {
        let mut check = Check::default();
        let mut barrier = record(1, 3, 0, 0);
        (barrier.record.header.seq, barrier.record.header.lsn) = (None, None);
        assert_eq!(check.see(&barrier), Seen::Nothing);
        assert_eq!((check.last, check.expected), (Some(barrier.id), None));
        assert!(matches!(check.see(&record(2, 2, 0, 0)), Seen::Stale(_)));
    }
}
