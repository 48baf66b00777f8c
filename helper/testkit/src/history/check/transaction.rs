//! Invariant 12: a transaction is delivered whole, at its commit, or not at all.

use std::collections::BTreeMap;

use super::Findings;
use crate::history::event::{Start, Stop};
use crate::history::index::{Fate, Index, Row, Scan, Transaction};

pub(super) const PROMISE: &str = "a scan delivers a transaction whole, at one place and in the order of its calls, only once its commit \
     was called, and each one whose commit was acknowledged (invariant 12)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    if index.transactions.is_empty() {
        return;
    }
    for scan in &index.scans {
        let pieces = pieces(index, scan);
        for (row, piece) in &pieces {
            if !delivered(index, scan, &index.transactions[*row], piece, findings) {
                return;
            }
        }
        for (row, transaction) in index.transactions.iter().enumerate() {
            if transaction.channel == scan.channel
                && !pieces.contains_key(&row)
                && !absent(index, scan, transaction, findings)
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
    transaction: &Transaction,
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
        matches!(message.fate, Fate::Acknowledged(_)) && scan.wants(message)
    };
    let mut bodies = transaction.bodies.iter().filter(wanted);
    let missing = bodies.find(|row| !scan.has(**row));
    let apart = piece.windows(2).any(|pair| pair[0].0 + 1 != pair[1].0);
    let swapped = piece.windows(2).any(|pair| pair[0].1 > pair[1].1);
    let committed = transaction.end.filter(|(_, commit)| *commit);
    let why = if transaction.end.is_some() && committed.is_none() {
        "which is rolled back".to_owned()
    } else if committed.is_none() {
        "which nobody committed".to_owned()
    } else if committed.is_some_and(|(called, _)| index.before(first.at, called)) {
        "before its commit is called".to_owned()
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

/// A scan of everything up to the tail that began after the commit was acknowledged has the transaction.
fn absent(
    index: &Index<'_>,
    scan: &Scan<'_>,
    transaction: &Transaction,
    findings: &mut Findings,
) -> bool {
    let (Some((called, true)), Some((answered, Ok(())))) =
        (transaction.end, transaction.end_answered)
    else {
        return true;
    };
    let whole = scan.from == Start::Earliest
        && scan.until == Stop::Tail
        && scan.reached_its_end()
        && scan.holes.is_empty()
        && index.before(answered, scan.called)
        && index.era(answered) == index.era(scan.last)
        && !index
            .truncations
            .iter()
            .any(|it| it.channel == scan.channel);
    let body = transaction.bodies.iter().map(|row| &index.messages[*row]);
    let body = body
        .clone()
        .find(|it| matches!(it.fate, Fate::Acknowledged(_)) && scan.wants(it));
    let Some(body) = body.filter(|_| whole) else {
        return true;
    };
    let events = [
        transaction.called,
        called,
        answered,
        body.called,
        scan.called,
    ]
    .into_iter();
    let events = events
        .chain(body.answered)
        .chain(scan.end.map(|(at, _)| at));
    findings.add(events, || {
        format!(
            "scan {} has nothing of transaction {}, whose commit was acknowledged before",
            index.id(scan.called),
            index.id(transaction.called)
        )
    })
}
