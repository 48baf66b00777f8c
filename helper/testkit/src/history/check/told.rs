//! Invariants 3, 7 and 14: nothing is told to be missing or damaged but what is.

use walx_core::{ErrorKind, GapReason, Lsn};

use super::Findings;
use crate::history::event::{Failed, ScanEnd};
use crate::history::index::{Hole, Index, Row, Scan};

pub(super) const PROMISE: &str = "a gap or an error tells only of what somebody gave leave to drop, or damaged (invariants 3, 7 and 14)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    let _ = opens(index, findings)
        && index.scans.iter().all(|scan| {
            refused(index, scan, findings)
                && scan
                    .holes
                    .iter()
                    .all(|hole| told(index, scan, hole, findings))
        });
}

/// No open finds a log that is sound damaged, or its newest records gone.
fn opens(index: &Index<'_>, findings: &mut Findings) -> bool {
    index.handles.iter().all(|handle| {
        let Some((at, Err(failed))) = handle.answered else {
            return true;
        };
        if !tells_harm(failed) || harmed(index, at) {
            return true;
        }
        let open = index.id(handle.called);
        findings.add([handle.called, at], || {
            format!("open {open} ends with {failed}, and nobody damaged the store")
        })
    })
}

/// No scan ends with damage where there is none, or with a lost position where nothing was truncated.
fn refused(index: &Index<'_>, scan: &Scan<'_>, findings: &mut Findings) -> bool {
    let refused = scan
        .answered
        .and_then(|(at, answer)| Some((at, answer.err()?)));
    let ended = scan.end.and_then(|(at, end)| match end {
        ScanEnd::Failed(failed) => Some((at, failed)),
        _ => None,
    });
    let Some((at, failed)) = refused.or(ended) else {
        return true;
    };
    let truncated = failed.kind != ErrorKind::Corrupt
        && index
            .truncations
            .iter()
            .any(|it| it.channel == scan.channel && !index.before(at, it.called));
    if !tells_harm(failed) || truncated || harmed(index, at) {
        return true;
    }
    findings.add([scan.called, at], || {
        let scan = index.id(scan.called);
        format!("scan {scan} ends with {failed}, and nobody truncated or damaged anything")
    })
}

fn tells_harm(failed: Failed) -> bool {
    matches!(
        failed.kind,
        ErrorKind::Corrupt | ErrorKind::PositionLost { .. }
    )
}

/// Whether somebody may have damaged the store by then, or it may have lost something.
fn harmed(index: &Index<'_>, at: Row) -> bool {
    index.era(at) > 0
        || index
            .damaged
            .is_some_and(|damaged| !index.before(at, damaged))
}

/// A hole that was told has a cause.
fn told(index: &Index<'_>, scan: &Scan<'_>, hole: &Hole, findings: &mut Findings) -> bool {
    let wrong = match hole.reason {
        GapReason::Truncated => kept(index, scan, hole),
        _ => unharmed(index, scan, hole),
    };
    let Some((events, why)) = wrong else {
        return true;
    };
    let events = [scan.called, hole.at].into_iter().chain(events);
    findings.add(events, || {
        let scan = index.id(scan.called);
        format!("scan {scan} tells a gap ({}), {why}", hole.reason)
    })
}

/// Of what is told to be truncated: what nobody gave leave to drop.
fn kept(index: &Index<'_>, scan: &Scan<'_>, hole: &Hole) -> Option<(Vec<Row>, String)> {
    let last = index
        .truncations
        .iter()
        .filter(|it| it.channel == scan.channel && !index.before(hole.at, it.called))
        .max_by(|a, b| a.id.partial_cmp(&b.id).unwrap_or(std::cmp::Ordering::Equal));
    let Some(truncation) = last else {
        return Some((
            Vec::new(),
            "and nobody gave leave to drop anything".to_owned(),
        ));
    };
    let log = index.log(scan.channel, hole.at)?;
    let (from, to) = hole.lsns?;
    let slot = |lsn: Lsn| log.known.partition_point(|known| known.place.lsn < lsn);
    let behind = log
        .known
        .partition_point(|known| known.place.id <= truncation.id);
    let known = log.known.get(behind.max(slot(from))..slot(to))?.first()?;
    let message = &index.messages[known.message];
    let events = [message.called, truncation.called].into_iter();
    let events = events.chain(known.acknowledged.or(known.delivered));
    let why = format!(
        "and nobody gave leave to drop message {} at lsn {} in it",
        message.key, known.place.lsn
    );
    Some((events.collect(), why))
}

/// Of what is told to be lost: what is there.
fn unharmed(index: &Index<'_>, scan: &Scan<'_>, hole: &Hole) -> Option<(Vec<Row>, String)> {
    if !harmed(index, hole.at) {
        return Some((Vec::new(), "and nobody damaged the store".to_owned()));
    }
    let (from, to) = hole.lsns?;
    // Where lsns don't rise, another check says so.
    let lsn = |row: &Row| index.deliveries[*row].place.lsn;
    let behind = scan.deliveries.partition_point(|row| lsn(row) < from);
    let delivery = scan.deliveries.get(behind).filter(|row| lsn(row) < to)?;
    let delivery = &index.deliveries[*delivery];
    let events: Vec<_> = [delivery.at].into_iter().chain(index.damaged).collect();
    Some((
        events,
        format!("and delivers lsn {} in it", delivery.place.lsn),
    ))
}
