//! Invariant 7: nothing is skipped silently.

use std::collections::HashSet;

use walx_core::{Lsn, Place};

use super::Findings;
use crate::history::cover::{self, Missing, MissingKind};
use crate::history::event::Start;
use crate::history::index::{Fate, Index, Row, Scan};

pub(super) const PROMISE: &str =
    "a scan passes over no lsn without a gap that tells it (invariant 7)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    Missing::each(index, |missing| {
        if missing.kind != MissingKind::Meanwhile {
            return true;
        }
        let message = &index.messages[missing.known.message];
        let scan = index.id(index.scans[missing.scan].called);
        findings.add(missing.events(index), || {
            format!(
                "scan {scan} passes message {} at lsn {} without a word",
                message.key, missing.known.place.lsn
            )
        })
    });
    let bodies = bodies(index);
    for scan in &index.scans {
        if bodies.are_known(scan.channel) && !jumps(index, scan, &bodies, findings) {
            return;
        }
    }
}

/// The lsns of transactions' bodies: their place in a scan is at the commit, or nowhere.
struct Bodies {
    lsns: HashSet<(Row, Lsn)>,
    /// The channels with bodies of which nobody was told the lsn.
    unknown: HashSet<Row>,
}

impl Bodies {
    fn are_known(&self, channel: Row) -> bool {
        !self.unknown.contains(&channel)
    }
}

fn bodies(index: &Index<'_>) -> Bodies {
    let mut bodies = Bodies {
        lsns: HashSet::new(),
        unknown: HashSet::new(),
    };
    for transaction in &index.transactions {
        for row in &transaction.bodies {
            match index.place(*row) {
                Some(place) => {
                    bodies.lsns.insert((transaction.channel, place.lsn));
                }
                // What was not written took no lsn.
                None if matches!(index.messages[*row].fate, Fate::Failed(it) if !it.may_be_written()) =>
                    {}
                None => {
                    bodies.unknown.insert(transaction.channel);
                }
            }
        }
    }
    bodies
}

/// Lsns that no delivery has, no gap tells and no other check knows.
fn jumps(index: &Index<'_>, scan: &Scan<'_>, bodies: &Bodies, findings: &mut Findings) -> bool {
    // Messages of other streams are none of a filtered scan's business.
    if !scan.virtual_channels.is_empty() || index.era(scan.called) != index.era(scan.last) {
        return true;
    }
    let mut lsns: Vec<_> = scan
        .deliveries
        .iter()
        .map(|row| &index.deliveries[*row])
        .filter(|it| {
            it.message
                .is_none_or(|row| index.messages[row].transaction.is_none())
        })
        .map(|it| (it.place.lsn.get(), it.at))
        .collect();
    lsns.sort_unstable();
    let told = cover::told(scan, index);
    let first = match scan.from {
        Start::Earliest => Some((earliest(index, scan), scan.called)),
        Start::Lsn(lsn) => Some((lsn.get(), scan.called)),
        _ => None,
    };
    // The next lsn that must come, and the event that shows it.
    let mut expected = first;
    for (lsn, at) in lsns {
        if let Some((next, shown)) = expected
            && let Some(silent) = silent(index, scan, bodies, &told, next..lsn)
        {
            let events = [scan.called, shown, at];
            let go_on = findings.add(events, || {
                let scan = index.id(scan.called);
                format!("scan {scan} delivers lsn {lsn}, and says nothing of lsn {silent}")
            });
            if !go_on {
                return false;
            }
        }
        expected = Some((lsn + 1, at));
    }
    true
}

/// The first lsn that may have to come where a scan starts at the earliest: behind all that may be truncated.
fn earliest(index: &Index<'_>, scan: &Scan<'_>) -> u64 {
    let truncations = index.truncations.iter();
    let behind = truncations
        .filter(|it| it.channel == scan.channel && !index.before(scan.last, it.called))
        .map(|it| {
            let known = index.log(scan.channel, scan.called).and_then(|log| {
                let slot = log.known.partition_point(|known| known.place.id <= it.id);
                log.known.get(slot)
            });
            known.map_or(u64::MAX, |known| known.place.lsn.get())
        });
    behind.max().unwrap_or(0)
}

fn silent(
    index: &Index<'_>,
    scan: &Scan<'_>,
    bodies: &Bodies,
    told: &[(u64, u64)],
    lsns: std::ops::Range<u64>,
) -> Option<u64> {
    let known = index
        .log(scan.channel, scan.called)
        .map_or(&[][..], |log| &log.known);
    let mut lsn = lsns.start;
    while lsn < lsns.end {
        if let Some(behind) = cover::behind_hole(told, lsn) {
            lsn = behind;
            continue;
        }
        let slot = known.partition_point(|known| known.place.lsn.get() < lsn);
        let is_known = known
            .get(slot)
            .is_some_and(|it| it.place.lsn.get() == lsn && !dropped(index, scan, it.place));
        if !is_known && !bodies.lsns.contains(&(scan.channel, Lsn::new(lsn))) {
            return Some(lsn);
        }
        lsn += 1;
    }
    None
}

/// Whether a message may be truncated: then no other check asks for it, and a scan that is amid them tells the gap.
fn dropped(index: &Index<'_>, scan: &Scan<'_>, place: &Place) -> bool {
    index.truncations.iter().any(|it| {
        it.channel == scan.channel && place.id <= it.id && !index.before(scan.last, it.called)
    })
}
