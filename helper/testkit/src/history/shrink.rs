//! Makes a violation small: events are left out as long as what stays still is the same violation, word for word. That
//! matters: a scan of which deliveries are left out may look as if it had skipped them.

use std::collections::{BTreeMap, BTreeSet};

use super::History;
use super::check::{self, Check, Checks, Finding};
use super::event::{EventId, What};
use super::index::Row;
use super::report::Violation;

/// Larger histories aren't searched where the events that a check named don't suffice.
const SEARCHED_EVENTS: usize = 5_000;

/// A history, ready to be searched for small pieces.
pub(super) struct Shrinker<'a> {
    history: &'a History,
    checks: &'a Checks,
    /// Where each process's events stand, by their numbers.
    rows: BTreeMap<u32, Vec<(u64, Row)>>,
    /// What orders processes, and what tells of harm.
    around: Vec<Row>,
}

impl<'a> Shrinker<'a> {
    pub(super) fn new(history: &'a History, checks: &'a Checks) -> Self {
        let mut rows = BTreeMap::<u32, Vec<(u64, Row)>>::new();
        let mut around = Vec::new();
        for (row, event) in history.events().iter().enumerate() {
            let of_process = rows.entry(event.id.process).or_default();
            of_process.push((event.id.number, row));
            if let What::After { .. } | What::Ended { .. } | What::PowerLost | What::Damaged =
                event.what
            {
                around.push(row);
            }
        }
        Self {
            history,
            checks,
            rows,
            around,
        }
    }

    fn row(&self, id: EventId) -> Option<Row> {
        let of_process = self.rows.get(&id.process)?;
        let at = of_process.binary_search_by_key(&id.number, |(number, _)| *number);
        Some(of_process[at.ok()?].1)
    }

    /// The events, with those that they belong to, and with all that orders processes.
    fn whole(&self, events: &[Row]) -> Vec<Row> {
        let mut keep: BTreeSet<Row> = self.around.iter().copied().collect();
        let mut next = events.to_vec();
        while let Some(row) = next.pop() {
            if keep.insert(row) {
                let parent = self.history.events()[row].what.parent();
                next.extend(parent.and_then(|id| self.row(id)));
            }
        }
        keep.into_iter().collect()
    }

    /// The smallest piece that shows a finding. The same history gives the same piece.
    pub(super) fn shrink(&self, check: Check, finding: Finding) -> Violation {
        let Self {
            history, checks, ..
        } = self;
        let mut keep = self.whole(&finding.events);
        let again = |keep: &[Row]| {
            let part = history.part(keep);
            let mut findings = check::find(&part, checks, check).into_iter();
            findings.any(|it| it.says == finding.says)
        };
        let mut shows = again(&keep);
        if !shows && history.events().len() <= SEARCHED_EVENTS {
            keep = (0..history.events().len()).collect();
            shows = again(&keep);
        }
        if shows {
            let mut size = keep.len().div_ceil(2).max(1);
            loop {
                let mut from = 0;
                while from < keep.len() {
                    let to = (from + size).min(keep.len());
                    let fewer = without(history, &keep, from..to);
                    if again(&fewer) {
                        keep = fewer;
                    } else {
                        from = to;
                    }
                }
                if size == 1 {
                    break;
                }
                size = size.div_ceil(2);
            }
        }
        Violation {
            check,
            says: finding.says,
            events: keep
                .iter()
                .map(|at| history.events()[*at].clone())
                .collect(),
        }
    }
}

/// The events without some of them, and without what belongs to those.
fn without(history: &History, keep: &[Row], out: std::ops::Range<usize>) -> Vec<Row> {
    let mut gone = BTreeSet::new();
    let mut stay = Vec::with_capacity(keep.len());
    for (number, row) in keep.iter().enumerate() {
        let event = &history.events()[*row];
        if out.contains(&number) || event.what.parent().is_some_and(|id| gone.contains(&id)) {
            gone.insert(event.id);
        } else {
            stay.push(*row);
        }
    }
    stay
}
