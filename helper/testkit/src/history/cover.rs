//! What a scan must have delivered, and what of it is missing.
//!
//! Nothing is assumed of how a scanner works. A scan that delivered something has confirmed everything between its
//! start and there. A scan up to the tail has, in addition, what was confirmed before it was called, and everything of
//! owners whose successor was open by then. An owner's own scan ends where that owner knows the log to end: nobody tells
//! an owner that it was overtaken, and a reader may see a record before its owner has the acknowledgement.

use super::event::{Start, Stop, What};
use super::index::{Index, Known, Log, Row, Scan};

/// A message that a scan passed over.
#[derive(Clone, Debug)]
pub(super) struct Missing<'a> {
    pub(super) scan: Row,
    pub(super) known: Known<'a>,
    pub(super) kind: MissingKind,
}

/// What that means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MissingKind {
    /// It was acknowledged.
    Lost,
    /// It was delivered before the scan began, and is gone.
    Gone,
    /// It was delivered after the scan had ended: it came late, below what was confirmed.
    Late,
    /// It was delivered meanwhile.
    Meanwhile,
}

impl<'a> Missing<'a> {
    /// Calls `each` with all that scans passed over without a word, until it answers false.
    pub(super) fn each(index: &Index<'a>, mut each: impl FnMut(Self) -> bool) {
        for row in 0..index.scans.len() {
            if !of_scan(index, row, &mut each) {
                return;
            }
        }
    }

    /// The events that show it.
    pub(super) fn events(&self, index: &Index<'_>) -> Vec<Row> {
        let scan = &index.scans[self.scan];
        let message = &index.messages[self.known.message];
        let mut events = vec![message.called, scan.called];
        events.extend(self.known.acknowledged.or(self.known.delivered));
        events.extend(scan.answered.map(|(at, _)| at));
        events.extend(scan.end.map(|(at, _)| at));
        let mut deliveries = scan.deliveries.iter();
        let behind = deliveries
            .clone()
            .find(|row| index.passed(**row).1 > self.known.place.lsn.next());
        for row in behind.into_iter().chain(deliveries.next()) {
            let delivery = &index.deliveries[*row];
            events.push(delivery.at);
            events.extend(delivery.whole.map(|whole| index.wholes[whole].at));
        }
        let log = index.log(scan.channel, scan.called);
        let next_owner = log.and_then(|log| log.opened.before(index.order, index.id(scan.called)));
        events.extend(
            next_owner.and_then(|(_, handle)| Some(index.handles[handle].answered.as_ref()?.0)),
        );
        let confirmed = log.and_then(|log| {
            Some(&log.known[log.confirmed.before(index.order, index.id(scan.called))?.1])
        });
        events.extend(confirmed.and_then(|known| known.acknowledged.or(known.delivered)));
        events
    }
}

/// Whether to go on.
fn of_scan<'a>(index: &Index<'a>, row: Row, each: &mut impl FnMut(Missing<'a>) -> bool) -> bool {
    let scan = &index.scans[row];
    let refused = scan.answered.is_some_and(|(_, answer)| answer.is_err());
    let one_era = index.era(scan.called) == index.era(scan.last);
    let Some(log) = index
        .log(scan.channel, scan.called)
        .filter(|_| !refused && one_era)
    else {
        return true;
    };
    let told = told(scan, index);
    let (mut slot, high) = (low(index, scan, log), high(index, scan, log));
    while let Some(known) = log.known[..high].get(slot) {
        let lsn = known.place.lsn.get();
        if let Some(behind) = behind_hole(&told, lsn) {
            slot = log
                .known
                .partition_point(|known| known.place.lsn.get() < behind);
            continue;
        }
        slot += 1;
        if scan.has(known.message) || !scan.wants(&index.messages[known.message]) {
            continue;
        }
        let missing = Missing {
            scan: row,
            known: *known,
            kind: kind(index, scan, known),
        };
        if !each(missing) {
            return false;
        }
    }
    true
}

fn kind(index: &Index<'_>, scan: &Scan<'_>, known: &Known<'_>) -> MissingKind {
    match (known.acknowledged, known.delivered) {
        (Some(_), _) => MissingKind::Lost,
        (None, Some(at)) if index.before(at, scan.called) => MissingKind::Gone,
        (None, Some(at)) if index.before(scan.last, at) => MissingKind::Late,
        _ => MissingKind::Meanwhile,
    }
}

/// The slot of the first message that the scan must deliver.
fn low(index: &Index<'_>, scan: &Scan<'_>, log: &Log<'_>) -> Row {
    let known = &log.known;
    let first_delivered = || {
        let lsns = scan.deliveries.iter().map(|row| index.passed(*row).0);
        lsns.min().map_or(known.len(), |lsn| {
            known.partition_point(|it| it.place.lsn < lsn)
        })
    };
    let start = match scan.from {
        Start::Earliest => 0,
        Start::At(id) => known.partition_point(|it| it.place.id < id),
        Start::After(id) => known.partition_point(|it| it.place.id <= id),
        Start::Lsn(lsn) => known.partition_point(|it| it.place.lsn < lsn),
        Start::Tick(tick) => known.partition_point(|it| it.place.tick < tick),
        Start::Latest => {
            let started = scan.answered.map_or(scan.last, |(at, _)| at);
            let later = |it: &Known<'_>| index.before(started, index.messages[it.message].called);
            let slot = known.partition_point(|it| !later(it));
            // Calls that ran side by side needn't lie in their order: only one that is later counts.
            let found = known.get(slot).is_some_and(later);
            first_delivered().min(if found { slot } else { known.len() })
        }
        Start::Somewhere => first_delivered(),
    };
    let dropped = index
        .truncations
        .iter()
        .filter(|it| it.channel == scan.channel && !index.before(scan.last, it.called))
        .map(|it| known.partition_point(|known| known.place.id <= it.id))
        .max();
    start.max(dropped.unwrap_or(0))
}

/// The slot behind the last message that the scan must deliver.
fn high(index: &Index<'_>, scan: &Scan<'_>, log: &Log<'_>) -> Row {
    let known = &log.known;
    let lsns = scan.deliveries.iter().map(|row| index.passed(*row).1);
    let delivered = lsns
        .max()
        .map_or(0, |lsn| known.partition_point(|it| it.place.lsn < lsn));
    let bound = match scan.until {
        _ if !scan.reached_its_end() => 0,
        Stop::Never => 0,
        Stop::Tail => {
            let called = index.id(scan.called);
            let confirmed = log.confirmed.before(index.order, called);
            let owner = log.opened.before(index.order, called);
            let confirmed = confirmed.map_or(0, |(lsn, _)| {
                known.partition_point(|it| it.place.lsn <= lsn)
            });
            let decided = owner.map_or(0, |(owner, _)| {
                known.partition_point(|it| it.place.owner < owner)
            });
            confirmed.max(decided)
        }
        Stop::Id(id) => known.partition_point(|it| it.place.id <= id),
        Stop::Lsn(lsn) => known.partition_point(|it| it.place.lsn <= lsn),
        Stop::Tick(tick) => known.partition_point(|it| it.place.tick <= tick),
    };
    delivered.max(bound.min(as_its_owner_knows(index, scan, log)))
}

/// The slot behind the last message that the scan's handle knows of for certain: what it has acknowledged by then, and
/// what was acknowledged before it was opened, or lies before its owner's first record.
fn as_its_owner_knows(index: &Index<'_>, scan: &Scan<'_>, log: &Log<'_>) -> Row {
    let handle = &index.handles[scan.handle];
    let What::OpenCalled { write: true, .. } = &index.events[handle.called].what else {
        return log.known.len();
    };
    let Some((_, Ok(Some(owner)))) = handle.answered else {
        return 0;
    };
    let knows = |it: &Known<'_>| {
        let own = it.heard == Some(scan.handle);
        let since = if own { scan.called } else { handle.called };
        it.place.owner < owner || it.acknowledged.is_some_and(|at| index.before(at, since))
    };
    let last = log.known.iter().rposition(knows);
    last.map_or(0, |last| last + 1)
}

/// The lsns that the scan told to be missing, as sorted ranges that don't touch: from the first to before the second.
pub(super) fn told(scan: &Scan<'_>, index: &Index<'_>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<_> = scan
        .holes
        .iter()
        .map(|hole| match hole.lsns {
            Some((from, to)) => (from.get(), to.get()),
            None => {
                let (before, behind) = scan.deliveries.split_at(hole.behind);
                (
                    before.last().map_or(0, |row| index.passed(*row).1.get()),
                    behind
                        .first()
                        .map_or(u64::MAX, |row| index.passed(*row).0.get()),
                )
            }
        })
        .filter(|(from, to)| from < to)
        .collect();
    ranges.sort_unstable();
    let mut apart: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match apart.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => apart.push((from, to)),
        }
    }
    apart
}

/// The first lsn behind the hole that this one lies in.
pub(super) fn behind_hole(told: &[(u64, u64)], lsn: u64) -> Option<u64> {
    let next = told.partition_point(|(from, _)| *from <= lsn);
    let (_, to) = told.get(next.checked_sub(1)?)?;
    (lsn < *to).then_some(*to)
}
