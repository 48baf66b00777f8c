//! Invariant 12: a transaction is delivered whole, at its commit, or not at all.

use std::collections::BTreeMap;

use walx_core::Place;

use super::Findings;
use crate::history::event::{Ending, Start, Stop, What};
use crate::history::index::{Fate, Index, Row, Scan, Transaction};

pub(super) const PROMISE: &str = "a scan delivers a transaction whole, at the place of its commit and in the order of its calls, only once \
     its commit was called and unless that was refused, and each one whose commit it passes (invariant 12)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    if index.transactions.is_empty() {
        return;
    }
    for (row, transaction) in index.transactions.iter().enumerate() {
        if !exclusive(index, row, transaction, findings) {
            return;
        }
    }
    for scan in &index.scans {
        if scan.raw {
            if !bodies(index, scan, findings) {
                return;
            }
            continue;
        }
        let pieces = pieces(index, scan);
        for (row, piece) in &pieces {
            if !delivered(index, scan, &index.transactions[*row], piece, findings) {
                return;
            }
        }
        for (row, transaction) in index.transactions.iter().enumerate() {
            if transaction.channel == scan.channel
                && !pieces.contains_key(&row)
                && !absent(index, scan, row, transaction, findings)
            {
                return;
            }
        }
    }
}

/// The bodies of each transaction that a scan delivered: their places among its deliveries, and the messages.
fn pieces(index: &Index<'_>, scan: &Scan<'_>) -> BTreeMap<Row, Vec<(usize, Row)>> {
    let mut pieces = BTreeMap::<Row, Vec<(usize, Row)>>::new();
    for (number, row) in scan.deliveries.iter().enumerate() {
        let delivery = &index.deliveries[*row];
        if let Some(message) = delivery.message.filter(|_| !delivery.again)
            && let Some(transaction) = index.messages[message].transaction
        {
            pieces
                .entry(transaction)
                .or_default()
                .push((number, message));
        }
    }
    pieces
}

fn delivered(
    index: &Index<'_>,
    scan: &Scan<'_>,
    transaction: &Transaction<'_>,
    piece: &[(usize, Row)],
    findings: &mut Findings,
) -> bool {
    let delivery = |(number, _): &(usize, Row)| &index.deliveries[scan.deliveries[*number]];
    let (Some(first), Some(last)) = (piece.first().map(delivery), piece.last().map(delivery))
    else {
        return true;
    };
    // A history that ends with a body may end amid a transaction.
    let cut = scan.last == last.at;
    let wanted = |row: &&Row| {
        let message = &index.messages[**row];
        let lies_here = message.is_own() && scan.wants(message);
        matches!(message.fate, Fate::Acknowledged(_)) && lies_here
    };
    let mut bodies = transaction.bodies.iter().filter(wanted);
    let missing = bodies.find(|row| !scan.has(**row));
    let apart = piece.windows(2).any(|pair| pair[0].0 + 1 != pair[1].0);
    let swapped = piece.windows(2).any(|pair| pair[0].1 > pair[1].1);
    let committed = transaction.end.filter(|(_, how)| *how == Ending::Commit);
    let refused = matches!(transaction.fate, Fate::Failed(it) if !it.may_be_written());
    let whole = first.whole.map(|row| &index.wholes[row]);
    let moved = match (whole, transaction.fate) {
        (Some(whole), Fate::Acknowledged(place)) => whole.place != place,
        _ => false,
    };
    let why = if transaction.end.is_some() && committed.is_none() {
        "which is rolled back".to_owned()
    } else if committed.is_none() {
        "which nobody committed".to_owned()
    } else if committed.is_some_and(|(called, _)| index.before(first.at, called)) {
        "before its commit is called".to_owned()
    } else if refused {
        "whose commit was answered as not written".to_owned()
    } else if moved {
        "elsewhere than its commit was answered".to_owned()
    } else if swapped {
        "not in the order of its calls".to_owned()
    } else if apart {
        "with others between its messages".to_owned()
    } else if let Some(row) = missing.filter(|_| !cut) {
        format!("without its message {}", index.messages[*row].key)
    } else {
        return true;
    };
    let called = piece.iter().map(|(_, row)| index.messages[*row].called);
    let events = [transaction.called, scan.called].into_iter();
    let events = events
        .chain(transaction.end.map(|(at, _)| at))
        .chain(transaction.end_answered)
        .chain(whole.map(|it| it.at))
        .chain(called)
        .chain(piece.iter().map(|it| delivery(it).at))
        .chain(missing.iter().flat_map(|row| {
            let message = &index.messages[**row];
            [message.called].into_iter().chain(message.answered)
        }))
        .chain(between(index, scan, piece))
        .chain(scan.end.map(|(at, _)| at))
        .chain([scan.last]);
    findings.add(events, || {
        format!(
            "scan {} delivers transaction {}, {why}",
            index.id(scan.called),
            index.id(transaction.called)
        )
    })
}

/// A delivery that stands between the bodies, and its append.
fn between<'a>(
    index: &'a Index<'_>,
    scan: &'a Scan<'_>,
    piece: &[(usize, Row)],
) -> impl Iterator<Item = Row> + use<'a> {
    let hole = piece.windows(2).find(|pair| pair[0].0 + 1 != pair[1].0);
    let number = hole.map(|pair| pair[0].0 + 1);
    let delivery = number.map(|number| &index.deliveries[scan.deliveries[number]]);
    let called = delivery
        .and_then(|it| it.message)
        .map(|row| index.messages[row].called);
    delivery.map(|it| it.at).into_iter().chain(called)
}

/// A scan that passes a commit which was acknowledged or delivered before it began has the transaction.
fn absent(
    index: &Index<'_>,
    scan: &Scan<'_>,
    row: Row,
    transaction: &Transaction<'_>,
    findings: &mut Findings,
) -> bool {
    let Some((place, known)) = index.commit(row) else {
        return true;
    };
    let body = transaction.bodies.iter().map(|row| &index.messages[*row]);
    let mut body =
        body.filter(|it| matches!(it.fate, Fate::Acknowledged(_)) && it.is_own() && scan.wants(it));
    let passes = scan.holes.is_empty()
        && index.before(known, scan.called)
        && index.era(known) == index.era(scan.last)
        && !index.may_be_dropped(scan.channel, place.id, scan.last)
        && begins_before(scan, place)
        && ends_behind(index, scan, transaction, place, known);
    let Some(body) = body.next().filter(|_| passes) else {
        return true;
    };
    let events = [transaction.called, known, body.called, scan.called].into_iter();
    let whole = transaction.delivered.map(|row| index.wholes[row].at);
    let behind = scan
        .deliveries
        .iter()
        .find(|row| index.passed(**row).1 > place.lsn);
    let events = events
        .chain(transaction.end.map(|(at, _)| at))
        .chain(transaction.end_answered)
        .chain(whole)
        .chain(body.answered)
        .chain(behind.map(|row| index.deliveries[*row].at))
        .chain(scan.end.map(|(at, _)| at));
    findings.add(events, || {
        format!(
            "scan {} has nothing of transaction {}, whose commit was there before",
            index.id(scan.called),
            index.id(transaction.called)
        )
    })
}

fn begins_before(scan: &Scan<'_>, place: &Place) -> bool {
    match scan.from {
        Start::Earliest => true,
        Start::At(id) => id <= place.id,
        Start::After(id) => id < place.id,
        Start::Lsn(lsn) => lsn < place.lsn,
        Start::Tick(tick) => tick <= place.tick,
        Start::Latest | Start::Somewhere => false,
    }
}

/// Whether a scan certainly went on behind a commit: it delivered something from there, or ended behind it.
fn ends_behind(
    index: &Index<'_>,
    scan: &Scan<'_>,
    transaction: &Transaction<'_>,
    place: &Place,
    known: Row,
) -> bool {
    let behind = scan.deliveries.iter().any(|row| {
        let delivery = &index.deliveries[*row];
        match delivery.whole {
            Some(whole) => index.wholes[whole].place.id > place.id,
            None => {
                let message = delivery.message.map(|row| &index.messages[row]);
                message.is_none_or(|it| it.transaction.is_none()) && delivery.place.id > place.id
            }
        }
    });
    // An owner knows of its own, and of what was there when it opened the channel.
    let handle = &index.handles[scan.handle];
    let writes = matches!(
        index.events[handle.called].what,
        What::OpenCalled { write: true, .. }
    );
    let knows = !writes
        || (transaction.handle == scan.handle && transaction.end_answered == Some(known))
        || index.before(known, handle.called);
    behind || (scan.until == Stop::Tail && scan.reached_its_end() && knows)
}

/// A scan of messages as they were appended has each one that was acknowledged.
fn bodies(index: &Index<'_>, scan: &Scan<'_>, findings: &mut Findings) -> bool {
    let all = scan.from == Start::Earliest
        && scan.until == Stop::Tail
        && scan.reached_its_end()
        && scan.holes.is_empty();
    if !all {
        return true;
    }
    let handle = &index.handles[scan.handle];
    let writes = matches!(
        index.events[handle.called].what,
        What::OpenCalled { write: true, .. }
    );
    for (row, message) in index.messages.iter().enumerate() {
        let (Fate::Acknowledged(place), Some(at), Some(_)) =
            (message.fate, message.answered, message.transaction)
        else {
            continue;
        };
        let knows = !writes || message.handle == scan.handle || index.before(at, handle.called);
        if index.channel_of(row) != scan.channel
            || !message.is_own()
            || scan.has(row)
            || !scan.wants(message)
            || !knows
            || !index.before(at, scan.called)
            || index.era(at) != index.era(scan.last)
            || index.may_be_dropped(scan.channel, place.id, scan.last)
        {
            continue;
        }
        let events = [message.called, at, scan.called].into_iter();
        let go_on = findings.add(events.chain(scan.end.map(|(at, _)| at)), || {
            let scan = index.id(scan.called);
            format!(
                "scan {scan} has nothing of message {}, which was acknowledged before",
                message.key
            )
        });
        if !go_on {
            return false;
        }
    }
    true
}

/// No transaction that is open where an exclusive message of its stream lies is committed behind it.
fn exclusive(
    index: &Index<'_>,
    row: Row,
    transaction: &Transaction<'_>,
    findings: &mut Findings,
) -> bool {
    let Some((commit, known)) = index.commit(row) else {
        return true;
    };
    let bodies = transaction.bodies.iter().copied();
    let bodies = bodies.filter(|row| index.messages[*row].is_own());
    let placed = bodies.filter_map(|row| Some((index.place(row)?.id, row)));
    let first = placed.reduce(|first, it| if it.0 < first.0 { it } else { first });
    let Some((first, body)) = first else {
        return true;
    };
    for (row, message) in index.messages.iter().enumerate() {
        let Some(place) = index.place(row).filter(|_| message.exclusive) else {
            continue;
        };
        let stream = message.virtual_channel.is_none()
            || message.virtual_channel == transaction.virtual_channel;
        let between = first < place.id && place.id < commit.id;
        if !stream
            || !between
            || !message.is_own()
            || message.transaction.is_some()
            || index.channel_of(row) != transaction.channel
        {
            continue;
        }
        let evidence = [index.evidence(row), index.evidence(body)];
        let called = [message.called, index.messages[body].called];
        let events = [transaction.called, known].into_iter().chain(called);
        let events = events
            .chain(evidence.into_iter().flatten())
            .chain(transaction.end.map(|(at, _)| at));
        return findings.add(events, || {
            format!(
                "transaction {} is committed behind the exclusive message {}, which lies amid it",
                index.id(transaction.called),
                message.key
            )
        });
    }
    true
}
