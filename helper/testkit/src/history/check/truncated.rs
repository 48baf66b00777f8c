//! Invariant 14: what readers no longer get is exactly what was given leave for.

use super::Findings;
use crate::history::event::What;
use crate::history::index::{Fate, Index, Row, Scan, Truncation};

pub(super) const PROMISE: &str = "a scan that starts after a truncation was answered delivers nothing of what it covers but the channel's \
     newest message (invariant 14)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    // Where truncation is only a permission, all may stay.
    if !index.drops_at_once || index.truncations.is_empty() {
        return;
    }
    let held_up: Vec<_> = index
        .truncations
        .iter()
        .map(|it| is_held_up(index, it))
        .collect();
    for scan in &index.scans {
        let answered = |(row, it): &(usize, &Truncation)| {
            it.channel == scan.channel
                && !may_be_unknown(index, scan, it)
                && !held_up[*row]
                && it.answered.is_some_and(|(at, answer)| {
                    answer.is_ok()
                        && index.before(at, scan.called)
                        && index.era(at) == index.era(scan.called)
                })
        };
        let last = index
            .truncations
            .iter()
            .enumerate()
            .filter(answered)
            .map(|(_, it)| it)
            .max_by(|a, b| a.id.partial_cmp(&b.id).unwrap_or(std::cmp::Ordering::Equal));
        let Some(truncation) = last else {
            continue;
        };
        let newest = index.log(scan.channel, truncation.called).and_then(|log| {
            Some((
                log,
                log.confirmed
                    .before(index.order, index.id(truncation.called))?,
            ))
        });
        for row in &scan.deliveries {
            let delivery = &index.deliveries[*row];
            let covered = delivery.place.id <= truncation.id;
            let Some((log, (lsn, slot))) =
                newest.filter(|(_, (lsn, _))| covered && *lsn > delivery.place.lsn)
            else {
                continue;
            };
            let known = &log.known[slot];
            let called = delivery.message.map(|row| index.messages[row].called);
            let events = [scan.called, delivery.at, truncation.called].into_iter();
            let events = events
                .chain(called)
                .chain(truncation.answered.map(|(at, _)| at))
                .chain([index.messages[known.message].called])
                .chain(known.acknowledged)
                .chain(known.delivered);
            let go_on = findings.add(events, || {
                format!(
                    "scan {} delivers lsn {} at {}, after everything up to {} was truncated, when lsn {lsn} was there",
                    index.id(scan.called),
                    delivery.place.lsn,
                    delivery.place.id,
                    truncation.id
                )
            });
            if !go_on {
                return;
            }
        }
    }
}

/// An owner that was open by then has its own memory of the newest part, and need not hear of leave that was given
/// elsewhere.
fn may_be_unknown(index: &Index<'_>, scan: &Scan<'_>, truncation: &Truncation) -> bool {
    let handle = index.handles[scan.handle].called;
    let writes = matches!(
        index.events[handle].what,
        What::OpenCalled { write: true, .. }
    );
    writes
        && truncation.through != Some(index.id(handle))
        && truncation
            .answered
            .is_none_or(|(at, _)| !index.before(at, handle))
}

/// Whether a transaction may have been open when leave was given: nothing from its begin on is dropped then.
fn is_held_up(index: &Index<'_>, truncation: &Truncation) -> bool {
    let before = |at: Row| index.before(at, truncation.called);
    let terms = index.messages.iter().filter_map(|it| match it.fate {
        Fate::Acknowledged(place)
            if it.answered.is_some_and(before)
                && index.handles[it.handle].channel == truncation.channel =>
        {
            Some(place.owner.term)
        }
        _ => None,
    });
    let newest = terms.max();
    let mut transactions = index.transactions.iter();
    transactions.any(|it| {
        let began = !truncation
            .answered
            .is_some_and(|(at, _)| index.before(at, it.called));
        let ended = matches!(it.fate, Fate::Acknowledged(_)) && it.end_answered.is_some_and(before);
        // What an owner left open is over once the next one has something acknowledged.
        let left = match index.handles[it.handle].answered {
            Some((_, Ok(Some(owner)))) => newest.is_some_and(|newest| owner.term < newest),
            _ => false,
        };
        // An owner that doesn't know yet that it was overtaken still keeps what it has open.
        let own = truncation.through == Some(index.id(index.handles[it.handle].called));
        it.channel == truncation.channel && began && !ended && (own || !left)
    })
}
