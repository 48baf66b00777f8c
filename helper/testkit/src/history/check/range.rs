//! What positions and ends mean: a scan delivers nothing before its start, behind its end, or of another stream.

use super::Findings;
use crate::history::event::{Start, Stop};
use crate::history::index::{Delivery, Index, Message, Row, Scan};

pub(super) const PROMISE: &str = "a scan delivers only what lies between its start and its end, in the stream that it was asked for \
     (invariant 7)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    for scan in &index.scans {
        for row in &scan.deliveries {
            let delivery = &index.deliveries[*row];
            let message = delivery.message.map(|row| &index.messages[row]);
            let body = message.is_some_and(|it| it.transaction.is_some()) && !scan.raw;
            let found = match body {
                false => wrong(index, scan, delivery, message),
                true => wrong_body(index, scan, delivery, message),
            };
            let Some((why, proof)) = found else {
                continue;
            };
            let events = [scan.called, delivery.at].into_iter();
            let events = events
                .chain(delivery.whole.map(|row| index.wholes[row].at))
                .chain(message.map(|it| it.called))
                .chain(scan.answered.map(|(at, _)| at))
                .chain(proof);
            let go_on = findings.add(events, || {
                let scan = index.id(scan.called);
                format!(
                    "scan {scan} delivers lsn {}, which lies {why}",
                    delivery.place.lsn
                )
            });
            if !go_on {
                return;
            }
        }
    }
}

/// Why a scan must not deliver it, and the event that shows it.
fn wrong(
    index: &Index<'_>,
    scan: &Scan<'_>,
    delivery: &Delivery<'_>,
    message: Option<&Message<'_>>,
) -> Option<(&'static str, Option<Row>)> {
    let place = delivery.place;
    let started = scan.answered.map_or(scan.last, |(at, _)| at);
    let handed_in_later = message.is_some_and(|it| index.before(started, it.called));
    let confirmed = message
        .and_then(|it| it.answered)
        .filter(|_| {
            message
                .is_some_and(|it| matches!(it.fate, crate::history::index::Fate::Acknowledged(_)))
        })
        .filter(|at| index.before(*at, scan.called) && index.era(*at) == index.era(delivery.at));
    let before = match scan.from {
        Start::At(id) => place.id < id,
        Start::After(id) => place.id <= id,
        Start::Lsn(lsn) => place.lsn < lsn,
        Start::Tick(tick) => place.tick < tick,
        Start::Latest => confirmed.is_some(),
        Start::Earliest | Start::Somewhere => false,
    };
    let behind = match scan.until {
        Stop::Tail => handed_in_later,
        Stop::Id(id) => place.id > id,
        Stop::Lsn(lsn) => place.lsn > lsn,
        Stop::Tick(tick) => place.tick > tick,
        Stop::Never => false,
    };
    if before {
        Some(("before its start", confirmed))
    } else if behind {
        Some(("behind its end", None))
    } else if message.is_some_and(|it| !scan.wants(it)) {
        Some(("in another stream", None))
    } else {
        None
    }
}

/// A transaction stands at its commit, whatever its messages' places. A commit has the lsn of the next message: what
/// starts or ends there may have it or not.
fn wrong_body(
    index: &Index<'_>,
    scan: &Scan<'_>,
    delivery: &Delivery<'_>,
    message: Option<&Message<'_>>,
) -> Option<(&'static str, Option<Row>)> {
    if message.is_some_and(|it| !scan.wants(it)) {
        return Some(("in another stream", None));
    }
    let place = index.wholes[delivery.whole?].place;
    let before = match scan.from {
        Start::At(id) => place.id < id,
        Start::After(id) => place.id <= id,
        Start::Lsn(lsn) => place.lsn < lsn,
        Start::Tick(tick) => place.tick < tick,
        Start::Latest | Start::Earliest | Start::Somewhere => false,
    };
    let behind = match scan.until {
        Stop::Id(id) => place.id > id,
        Stop::Lsn(lsn) => place.lsn > lsn.next(),
        Stop::Tick(tick) => place.tick > tick,
        Stop::Tail | Stop::Never => false,
    };
    if before {
        Some(("in a transaction that is committed before its start", None))
    } else if behind {
        Some(("in a transaction that is committed behind its end", None))
    } else {
        None
    }
}
