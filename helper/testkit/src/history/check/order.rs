//! Invariants 1 and 2: order of calls = order of lsns = order of ticks and ids = order of every scan.

use walx_core::Lsn;

use super::Findings;
use crate::history::index::{Index, Row};

pub(super) const PROMISE: &str = "lsns have the order of the calls, batches lie together, ticks and ids rise with the lsns, and every \
     scan has that order (invariants 1 and 2)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    let _ = calls(index, findings)
        && batches(index, findings)
        && logs(index, findings)
        && scans(index, findings);
}

/// On one handle: a call that began after another had returned has the larger lsn. An append whose room was reserved goes
/// before those that wait for theirs; so it is larger only than what was answered by then.
fn calls(index: &Index<'_>, findings: &mut Findings) -> bool {
    let mut moments: Vec<(Row, Moment, Row)> = Vec::with_capacity(3 * index.messages.len());
    for (row, message) in index.messages.iter().enumerate() {
        let own = message.transaction.is_none() && message.is_own();
        if own && index.place(row).is_some() {
            moments.push((message.called, Moment::Called, row));
            // Without its return, an append had its place when it was answered.
            let taken = message.taken.or(message.answered);
            moments.extend(taken.map(|at| (at, Moment::Taken, row)));
            moments.extend(message.answered.map(|at| (at, Moment::Answered, row)));
        }
    }
    moments.sort_unstable();
    let mut taken: Vec<Option<(Lsn, Row)>> = vec![None; index.handles.len()];
    let mut answered = taken.clone();
    for (_, moment, row) in moments {
        let message = &index.messages[row];
        let Some(lsn) = index.place(row).map(|place| place.lsn) else {
            continue;
        };
        let largest = match (moment, message.reserved) {
            (Moment::Taken, _) | (Moment::Called, false) => &mut taken[message.handle],
            (Moment::Answered, _) | (Moment::Called, true) => &mut answered[message.handle],
        };
        if moment != Moment::Called {
            *largest = (*largest).max(Some((lsn, row)));
            continue;
        }
        let Some((larger, other)) = largest.filter(|(last, _)| *last > lsn) else {
            continue;
        };
        let first = &index.messages[other];
        let events = [first.called, message.called].into_iter();
        let events = events
            .chain(first.taken.or(first.answered))
            .chain(index.evidence(other))
            .chain(index.evidence(row));
        let go_on = findings.add(events, || {
            format!(
                "message {} at lsn {lsn} is handed in after message {} at lsn {larger}",
                message.key, first.key
            )
        });
        if !go_on {
            return false;
        }
    }
    true
}

/// What happens to an append, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Called,
    Taken,
    Answered,
}

/// The messages of a batch lie at consecutive lsns.
fn batches(index: &Index<'_>, findings: &mut Findings) -> bool {
    for (row, pair) in index.messages.windows(2).enumerate() {
        let [first, second] = pair else {
            continue;
        };
        let echo = !first.is_own() || !second.is_own();
        if first.key.call != second.key.call || first.transaction.is_some() || echo {
            continue;
        }
        let (Some(a), Some(b)) = (index.place(row), index.place(row + 1)) else {
            continue;
        };
        if a.lsn.next() == b.lsn {
            continue;
        }
        let shown = [index.evidence(row), index.evidence(row + 1)];
        let events = [first.called]
            .into_iter()
            .chain(shown.into_iter().flatten());
        let go_on = findings.add(events, || {
            format!(
                "messages {} and {} of one batch lie at the lsns {} and {}",
                first.key, second.key, a.lsn, b.lsn
            )
        });
        if !go_on {
            return false;
        }
    }
    true
}

/// Ticks and ids rise with the lsns.
fn logs(index: &Index<'_>, findings: &mut Findings) -> bool {
    index.logs.values().all(|log| {
        let mut pairs = log.known.windows(2);
        pairs.all(|pair| {
            let [first, second] = [pair[0].place, pair[1].place];
            let rises = first.tick < second.tick && first.id < second.id;
            if rises || first.lsn == second.lsn {
                return true;
            }
            let messages = [pair[0].message, pair[1].message].map(|row| &index.messages[row]);
            let called = messages.map(|message| message.called).into_iter();
            let shown = pair.iter().flat_map(|it| it.acknowledged.or(it.delivered));
            findings.add(called.chain(shown), || {
                format!("behind {first:?} lies {second:?}: tick and id must rise with the lsn")
            })
        })
    })
}

/// Every scan delivers rising lsns.
fn scans(index: &Index<'_>, findings: &mut Findings) -> bool {
    for scan in &index.scans {
        let mut last = None;
        for row in &scan.deliveries {
            let delivery = &index.deliveries[*row];
            let body = delivery
                .message
                .is_some_and(|row| index.messages[row].transaction.is_some());
            if delivery.again || (body && !scan.raw) {
                continue;
            }
            let lsn = delivery.place.lsn;
            let before = last.replace((lsn, delivery.at));
            // Two messages that somebody recorded at one lsn are another check's.
            let wrong = |(before, _): &(Lsn, Row)| {
                *before > lsn || (*before == lsn && delivery.key.is_none())
            };
            let Some((before, at)) = before.filter(wrong) else {
                continue;
            };
            let called = delivery.message.map(|row| index.messages[row].called);
            let events = [scan.called, at, delivery.at].into_iter().chain(called);
            let go_on = findings.add(events, || {
                let scan = index.id(scan.called);
                format!("scan {scan} delivers lsn {lsn} behind lsn {before}")
            });
            if !go_on {
                return false;
            }
        }
    }
    true
}
