//! Invariants 1, 2 and 12: what has no lsn of its own lies in the order of the calls too, and a transaction ends once.

use std::collections::HashMap;

use walx_core::{MarkerKind, MessageId, Place, TransactionId};

use super::Findings;
use crate::history::event::Ending;
use crate::history::index::{Fate, Index, Row, Scan};

pub(super) const PROMISE: &str = "commits, rollbacks and points in time lie in the order of the calls, every scan hands all out in the \
     order of the log, and each transaction has one number, one begin before its messages and one end behind them \
     (invariants 1, 2 and 12)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    if index.transactions.is_empty() && index.points.is_empty() && index.marks.is_empty() {
        return;
    }
    let _ = calls(index, findings)
        && scans(index, findings)
        && numbers(index, findings)
        && raw(index, findings)
        && ends(index, findings);
}

/// Something that took a place in the order.
struct Placed<'a> {
    handle: Row,
    called: Row,
    taken: Option<Row>,
    answered: Row,
    place: &'a Place,
    reserved: bool,
    /// A plain message: another check orders those among each other.
    plain: bool,
}

/// All that was acknowledged with a place of its own.
fn placed<'a>(index: &Index<'a>) -> Vec<Placed<'a>> {
    let mut all = Vec::new();
    for it in index.messages.iter().filter(|it| it.is_own()) {
        if let (Fate::Acknowledged(place), Some(answered)) = (it.fate, it.answered) {
            all.push(Placed {
                handle: it.handle,
                called: it.called,
                taken: it.taken,
                answered,
                place,
                reserved: it.reserved,
                plain: it.transaction.is_none(),
            });
        }
    }
    for it in &index.transactions {
        let ends = (it.fate, it.end, it.end_answered);
        if let (Fate::Acknowledged(place), Some((called, _)), Some(answered)) = ends {
            all.push(Placed {
                handle: it.handle,
                called,
                taken: it.end_taken,
                answered,
                place,
                reserved: false,
                plain: false,
            });
        }
    }
    for it in &index.points {
        if let (Fate::Acknowledged(place), Some(answered)) = (it.fate, it.answered) {
            all.push(Placed {
                handle: it.handle,
                called: it.called,
                taken: it.taken,
                answered,
                place,
                reserved: false,
                plain: false,
            });
        }
    }
    all
}

/// On one handle: a call that began after another had returned lies behind it. An append whose room was reserved goes
/// before those that wait for theirs, so it lies behind only what was answered by then.
fn calls(index: &Index<'_>, findings: &mut Findings) -> bool {
    let all = placed(index);
    let mut moments = Vec::with_capacity(3 * all.len());
    for (row, it) in all.iter().enumerate() {
        moments.push((it.called, 0, row));
        moments.push((it.taken.unwrap_or(it.answered), 1, row));
        moments.push((it.answered, 2, row));
    }
    moments.sort_unstable();
    let none: Vec<Option<Row>> = vec![None; index.handles.len()];
    // The last in the log of all, and of those that are no plain messages.
    let mut last = [[none.clone(), none.clone()], [none.clone(), none]];
    for (_, moment, row) in moments {
        let it = &all[row];
        if moment == 0 {
            let before = &last[usize::from(it.reserved)][usize::from(it.plain)][it.handle];
            let Some(other) = before.map(|row| &all[row]) else {
                continue;
            };
            if other.place.id < it.place.id {
                continue;
            }
            let events = [other.called, other.answered, it.called, it.answered];
            let events = events.into_iter().chain(other.taken);
            let go_on = findings.add(events, || {
                format!(
                    "call {} lies at {}, before call {} at {}, which was made before it",
                    index.id(it.called),
                    it.place.id,
                    index.id(other.called),
                    other.place.id
                )
            });
            if !go_on {
                return false;
            }
            continue;
        }
        for marks in 0..=usize::from(!it.plain) {
            let last = &mut last[moment - 1][marks][it.handle];
            if last.is_none_or(|row| all[row].place.id < it.place.id) {
                *last = Some(row);
            }
        }
    }
    true
}

/// Every scan hands out rising ids and ticks: a transaction at its commit, a mark where it lies.
fn scans(index: &Index<'_>, findings: &mut Findings) -> bool {
    for scan in &index.scans {
        let plain = scan.deliveries.iter().map(|row| &index.deliveries[*row]);
        let plain = plain.filter(|it| !it.again && it.whole.is_none());
        // A message of a transaction that nobody saw whole is another check's.
        let plain = plain.filter(|it| {
            let row = it.message.filter(|_| !scan.raw);
            row.is_none_or(|row| index.messages[row].transaction.is_none())
        });
        let mut entries: Vec<_> = plain.map(|it| (it.at, it.place)).collect();
        let marks = scan.marks.iter().map(|row| &index.marks[*row]);
        let wholes = scan.wholes.iter().map(|row| &index.wholes[*row]);
        let own = entries.len();
        entries.extend(marks.map(|it| (it.at, it.place)));
        entries.extend(wholes.map(|it| (it.at, it.place)));
        if entries.len() == own {
            continue;
        }
        entries.sort_unstable_by_key(|(at, _)| *at);
        for pair in entries.windows(2) {
            let [(first, before), (second, behind)] = [pair[0], pair[1]];
            if before.id < behind.id && before.tick < behind.tick {
                continue;
            }
            let go_on = findings.add([scan.called, first, second], || {
                let scan = index.id(scan.called);
                format!("scan {scan} hands out {behind:?} behind {before:?}")
            });
            if !go_on {
                return false;
            }
        }
    }
    true
}

/// A transaction has one number, and no other one has it.
fn numbers(index: &Index<'_>, findings: &mut Findings) -> bool {
    let mut owners = HashMap::<(Row, usize, TransactionId), Row>::new();
    for delivery in &index.deliveries {
        let message = delivery.message.map(|row| &index.messages[row]);
        let Some((id, row)) = delivery.id.zip(message.and_then(|it| it.transaction)) else {
            continue;
        };
        let transaction = &index.transactions[row];
        let key = (transaction.channel, index.era(delivery.at), id);
        let other = *owners.entry(key).or_insert(row);
        let (why, shown) = match transaction.id {
            _ if other != row => ("as another one has", index.transactions[other].id),
            Some((first, _)) if first != id => ("after another number", transaction.id),
            _ => continue,
        };
        let called = message.map(|it| it.called);
        let others = [transaction.called, index.transactions[other].called];
        let events = [delivery.at].into_iter().chain(called).chain(others);
        let shown = shown.map(|(_, at)| at);
        let go_on = findings.add(events.chain(shown), || {
            format!(
                "transaction {} is delivered with the number {}, {why}",
                index.id(transaction.called),
                id.0
            )
        });
        if !go_on {
            return false;
        }
    }
    true
}

/// What a scan has seen of a transaction's number.
#[derive(Default)]
struct Seen {
    begin: Option<Row>,
    end: Option<Row>,
    bodies: u32,
}

/// A scan of marks sees the begin first, then the messages, then one end, whose count covers them.
fn raw(index: &Index<'_>, findings: &mut Findings) -> bool {
    for scan in index.scans.iter().filter(|it| it.raw) {
        let mut entries: Vec<(Row, TransactionId, Option<MarkerKind>)> = Vec::new();
        for delivery in scan.deliveries.iter().map(|row| &index.deliveries[*row]) {
            entries.extend(delivery.id.map(|id| (delivery.at, id, None)));
        }
        for mark in scan.marks.iter().map(|row| &index.marks[*row]) {
            entries.extend(mark.id.map(|id| (mark.at, id, Some(mark.kind))));
        }
        entries.sort_unstable_by_key(|(at, ..)| *at);
        let mut seen = HashMap::<TransactionId, Seen>::new();
        for (at, id, kind) in entries {
            if !step(
                index,
                scan,
                seen.entry(id).or_default(),
                (at, id, kind),
                findings,
            ) {
                return false;
            }
        }
    }
    true
}

fn step(
    index: &Index<'_>,
    scan: &Scan<'_>,
    seen: &mut Seen,
    (at, id, kind): (Row, TransactionId, Option<MarkerKind>),
    findings: &mut Findings,
) -> bool {
    let wrong = match kind {
        _ if seen.end.is_some() => Some("something behind its end"),
        Some(MarkerKind::Begin) if seen.begin.is_some() => Some("a second begin"),
        Some(MarkerKind::Begin) if seen.bodies > 0 => Some("its begin behind a message"),
        // Each message is at least one record.
        Some(MarkerKind::Commit { count }) if count < seen.bodies => {
            Some("a commit that counts too few")
        }
        _ => None,
    };
    let events = [scan.called, at].into_iter();
    let events: Vec<_> = events.chain(seen.begin).chain(seen.end).collect();
    match kind {
        Some(MarkerKind::Begin) => seen.begin = Some(at),
        Some(MarkerKind::Commit { .. } | MarkerKind::Rollback { .. }) => seen.end = Some(at),
        _ => seen.bodies += 1,
    }
    match wrong {
        None => true,
        Some(wrong) => findings.add(events, || {
            let scan = index.id(scan.called);
            format!("scan {scan} hands out of transaction {} {wrong}", id.0)
        }),
    }
}

/// A mark tells the end that the caller was told, where it was told.
fn ends(index: &Index<'_>, findings: &mut Findings) -> bool {
    let of: HashMap<_, _> = index
        .transactions
        .iter()
        .enumerate()
        .filter_map(|(row, it)| Some(((it.channel, it.id?.0), row)))
        .collect();
    for mark in &index.marks {
        let channel = index.scans[mark.scan].channel;
        let Some(row) = mark.id.and_then(|id| of.get(&(channel, id))) else {
            continue;
        };
        let it = &index.transactions[*row];
        let commits = match mark.kind {
            MarkerKind::Commit { .. } => true,
            MarkerKind::Rollback { .. } => false,
            _ => continue,
        };
        if !wrong_end(it.fate, it.end.map(|(_, how)| how), commits, mark.place.id) {
            continue;
        }
        let events = [it.called, mark.at, index.scans[mark.scan].called].into_iter();
        let events = events
            .chain(it.end.map(|(at, _)| at))
            .chain(it.end_answered)
            .chain(it.id.map(|(_, at)| at));
        let go_on = findings.add(events, || {
            format!(
                "transaction {} ends with {:?} at {}, and its caller was told otherwise",
                index.id(it.called),
                mark.kind,
                mark.place.id
            )
        });
        if !go_on {
            return false;
        }
    }
    true
}

fn wrong_end(fate: Fate<'_>, how: Option<Ending>, commits: bool, at: MessageId) -> bool {
    match (fate, how) {
        (Fate::Acknowledged(place), Some(how)) => {
            commits != (how == Ending::Commit) || place.id != at
        }
        (Fate::Failed(failed), Some(Ending::Commit)) => commits && !failed.may_be_written(),
        (_, Some(Ending::Commit)) => false,
        _ => commits,
    }
}
