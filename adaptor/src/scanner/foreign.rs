//! What a scan does about foreign records: it tells a run of them as one gap before the message behind it, or hands
//! each out as it is.

use std::task::{Context, Poll, ready};

use walx_core::{Entry, ForeignRecord, Gap, MessageId, Result};
use walx_impls::Scanned;

use super::ScannerAdaptor;
use super::log::Role;
use super::range::From;
use crate::cache::{Fetch, Reader};
use crate::foreign::ForeignRun;
use crate::planted::{self, Bug};

/// What was met of them.
#[derive(Default)]
pub(super) struct Foreign {
    /// Whether each one is handed out.
    raw: bool,
    /// Whether the scan has come to its start: those before are nobody's concern.
    started: bool,
    /// Those that are not told yet.
    run: Option<ForeignRun>,
    /// The last one that was met: from behind it a scan is opened again.
    last: Option<MessageId>,
    /// Waits in an owner's cache for what comes next.
    gate: Option<Reader>,
}

impl Foreign {
    pub(super) fn new(raw: bool, from: From) -> Self {
        Self {
            raw,
            started: from == From::Source,
            ..Self::default()
        }
    }

    /// Whether each one is handed out: only the backend has them.
    pub(super) fn is_raw(&self) -> bool {
        self.raw
    }

    /// What was read last, where the last record that was read is `record`.
    pub(super) fn last_read(&self, record: Option<MessageId>) -> Option<MessageId> {
        match (self.last, record) {
            (Some(foreign), Some(record)) if record > foreign => Some(record),
            (foreign, record) => foreign.or(record),
        }
    }

    /// Takes note of one behind the record `after`; hands it back where it is to be handed out.
    fn meet(&mut self, record: ForeignRecord, after: Option<MessageId>) -> Option<ForeignRecord> {
        if self.last.is_some_and(|last| record.id <= last) {
            return None;
        }
        self.last = Some(record.id);
        if self.raw {
            return Some(record).filter(|_| self.started);
        }
        ForeignRun::add(&mut self.run, record.id, after);
        None
    }

    /// Takes note of what lies before the next record of the cache.
    pub(super) fn meet_run(&mut self, run: &ForeignRun) {
        if !self.raw && self.last.is_none_or(|last| last < run.last) {
            self.last = Some(run.last);
            self.run = Some(run.clone());
        }
    }

    /// What is told before the numbered record `id`, which may lie `before` the start of the scan.
    pub(super) fn before(&mut self, id: MessageId, before: bool) -> Option<Gap> {
        let (run, started) = (self.run.take(), self.started);
        self.started |= !before;
        if self.last.is_some_and(|last| last > id) {
            // The log went back, and gives its places again.
            self.last = None;
        }
        run.filter(|_| started).map(|run| run.gap(Some(id)))
    }

    /// What is told at the end of the scan.
    fn at_the_end(&mut self) -> Option<Gap> {
        let run = self.run.take().filter(|_| self.started);
        run.map(|run| run.gap(None))
    }
}

impl ScannerAdaptor {
    /// Looks at a foreign record that the backend handed out.
    pub(super) fn take_foreign(&mut self, record: ForeignRecord, out: &mut Vec<Entry>) {
        let (id, until) = (record.id, self.parts.until);
        if until.excludes_foreign(id) {
            return self.end_behind_foreign(out);
        }
        let after = self.parts.check.last;
        if planted::is(Bug::HidesForeignRecords) {
            self.parts.foreign.last = Some(id);
        }
        if let Some(record) = self.parts.foreign.meet(record, after) {
            self.push(Entry::Foreign(record), out);
        }
        if until.ends_with_foreign(id) {
            self.end_behind_foreign(out);
        }
    }

    /// Waits until what comes next is confirmed: an owner's backend may have records without an acknowledgement.
    pub(super) fn poll_confirmed(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(Scanned::Record(record)) = self.parts.pending.front() else {
            return Poll::Ready(Ok(()));
        };
        let (log, seq) = (&self.parts.log, record.record.header.seq);
        let (Role::Owner { .. }, Some(seq)) = (&log.role, seq) else {
            return Poll::Ready(Ok(()));
        };
        loop {
            let next = log.cache.confirmed().1;
            if next.is_none_or(|next| seq < next) {
                self.parts.foreign.gate = None;
                return Poll::Ready(Ok(()));
            }
            if self.parts.foreign.gate.is_none() {
                self.parts.foreign.gate = next.and_then(|next| Reader::attach(&log.cache, next));
            }
            // More was confirmed meanwhile where there is no place to wait at.
            let Some(gate) = &mut self.parts.foreign.gate else {
                continue;
            };
            match ready!(gate.poll_fetch(context)) {
                Fetch::Ended(error) => return Poll::Ready(Err(error)),
                Fetch::Ready | Fetch::Evicted => self.parts.foreign.gate = None,
            }
        }
    }

    /// Tells those at the end of the scan.
    pub(super) fn tell_last_foreign(&mut self, out: &mut Vec<Entry>) {
        if let Some(gap) = self.parts.foreign.at_the_end() {
            self.push(Entry::Gap(gap), out);
        }
    }

    fn end_behind_foreign(&mut self, out: &mut Vec<Entry>) {
        self.tell_last_foreign(out);
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use walx_core::{BackendName, Lsn};

    use super::*;

    fn id(number: u64) -> MessageId {
        MessageId::from_u64(BackendName::constant("kafka"), number)
    }

    fn meet(foreign: &mut Foreign, number: u64) -> bool {
        foreign
            .meet(ForeignRecord::new(id(number), "x"), Some(id(0)))
            .is_some()
    }

    #[test]
    fn a_run_is_told_once_before_the_record_behind_it() {
        let mut foreign = Foreign::new(false, From::Source);
        for number in [1, 2, 2, 1, 3] {
            assert!(!meet(&mut foreign, number));
        }
        let gap = foreign.before(id(4), false).unwrap();
        assert!(gap.detail.starts_with("3 records"), "{gap}");
        assert_eq!((gap.after, gap.before), (Some(id(0)), Some(id(4))));
        assert_eq!(foreign.before(id(5), false), None);
        assert!(!meet(&mut foreign, 3), "read again");
        assert_eq!(foreign.at_the_end(), None);
    }

    #[test]
    fn what_lies_before_the_start_is_not_told() {
        let mut foreign = Foreign::new(false, From::Lsn(Lsn::new(7)));
        meet(&mut foreign, 1);
        assert_eq!(foreign.before(id(2), true), None);
        meet(&mut foreign, 3);
        assert_eq!(foreign.before(id(4), false), None, "right before the start");
        meet(&mut foreign, 5);
        assert!(foreign.before(id(6), false).is_some());

        let mut raw = Foreign::new(true, From::Lsn(Lsn::new(7)));
        assert!(!meet(&mut raw, 1));
        assert_eq!(raw.before(id(2), false), None);
        assert!(meet(&mut raw, 3) && !meet(&mut raw, 3));
        assert_eq!(raw.before(id(4), false), None);
    }

    #[test]
    fn what_the_cache_knows_is_told_once_as_well() {
        let mut run = None;
        ForeignRun::add(&mut run, id(1), Some(id(0)));
        ForeignRun::add(&mut run, id(2), Some(id(0)));
        let run = run.unwrap();
        let mut foreign = Foreign::new(false, From::Source);
        meet(&mut foreign, 1);
        foreign.meet_run(&run);
        let gap = foreign.before(id(3), false).unwrap();
        assert!(gap.detail.starts_with("2 records"), "{gap}");
        foreign.meet_run(&run);
        assert_eq!(foreign.before(id(4), false), None);
    }

    #[test]
    fn a_log_that_went_back_has_its_foreign_records_told() {
        let mut foreign = Foreign::new(false, From::Source);
        meet(&mut foreign, 9);
        assert!(foreign.before(id(10), false).is_some());
        assert_eq!(foreign.before(id(1), false), None);
        meet(&mut foreign, 2);
        assert!(foreign.before(id(3), false).is_some());
        assert_eq!(foreign.last_read(Some(id(3))), Some(id(3)));
        assert_eq!(foreign.last_read(Some(id(1))), Some(id(2)));
    }
}
