//! Invariants 4 and 11: behind a hole, and behind a close, nothing is acknowledged.

use std::collections::HashSet;

use walx_core::{ErrorKind, Owner, Term};

use super::Findings;
use crate::history::echo::groups;
use crate::history::event::Failed;
use crate::history::index::{Fate, Index, Row};

pub(super) const PROMISE: &str = "after one failed append nothing later of the same owner is acknowledged, and after Fenced or a close \
     nothing of that handle (invariants 4 and 11)";

/// Larger than every owner.
const FOR_EVER: Owner = Owner {
    term: Term::new(u64::MAX),
    incarnation: u32::MAX,
};

/// What a handle may no longer do.
#[derive(Clone, Copy)]
struct Ended {
    /// Owners up to this one are at their end.
    owner: Owner,
    /// The message whose failure ended them; none where a close did.
    failed: Option<Row>,
    /// The acknowledged message that shows who its owner was; none where the open's answer does.
    shown: Option<Row>,
    at: Row,
}

enum Moment {
    Called(Row),
    Failed(Row, Failed),
    Closed(Row),
}

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    let mut ended: Vec<Option<Ended>> = vec![None; index.handles.len()];
    let mut owners: Vec<(Owner, Option<Row>)> = index
        .handles
        .iter()
        .map(|handle| match handle.answered {
            Some((_, Ok(Some(owner)))) => (owner, None),
            _ => (Owner::new(Term::new(0)), None),
        })
        .collect();
    // Those that may have waited for another one of their key.
    let joined: HashSet<Row> = groups(index)
        .into_values()
        .filter(|group| group.len() > 1)
        .flatten()
        .collect();
    for (at, moment) in moments(index) {
        match moment {
            Moment::Closed(handle) => {
                ended[handle] = Some(Ended {
                    owner: FOR_EVER,
                    failed: None,
                    shown: None,
                    at,
                });
            }
            // It was not written itself, and hears of what it waited for.
            Moment::Failed(row, failed)
                if joined.contains(&row)
                    && !matches!(failed.kind, ErrorKind::Fenced | ErrorKind::Closed) => {}
            Moment::Failed(row, failed) => {
                let handle = index.messages[row].handle;
                let owner = match failed.kind {
                    ErrorKind::Fenced | ErrorKind::Closed => FOR_EVER,
                    _ => owners[handle].0,
                };
                // The first hole that is deep enough is the one to tell.
                if ended[handle].is_none_or(|ended| ended.owner < owner) {
                    ended[handle] = Some(Ended {
                        owner,
                        failed: Some(row),
                        shown: owners[handle].1,
                        at,
                    });
                }
            }
            // What was written before is acknowledged whatever became of its owner.
            Moment::Called(row) if !index.messages[row].is_own() => {}
            Moment::Called(row) => {
                let message = &index.messages[row];
                let Fate::Acknowledged(place) = message.fate else {
                    continue;
                };
                let owner = &mut owners[message.handle];
                if owner.0 < place.owner {
                    *owner = (place.owner, Some(row));
                }
                // One that was reserved goes before those that wait for room, and are told later that they failed.
                let is_told = |ended: &Ended| {
                    let failed = ended.failed.and_then(|row| index.messages[row].answered);
                    !message.reserved || failed.is_none_or(|at| at < message.called)
                };
                let ended = ended[message.handle].filter(|it| place.owner <= it.owner);
                let Some(ended) = ended.filter(is_told) else {
                    continue;
                };
                if !told(index, findings, row, ended) {
                    return;
                }
            }
        }
    }
}

fn told(index: &Index<'_>, findings: &mut Findings, row: Row, ended: Ended) -> bool {
    let message = &index.messages[row];
    let failed = ended.failed.map(|row| &index.messages[row]);
    let open = index.handles[message.handle].answered.map(|(at, _)| at);
    let others = failed
        .into_iter()
        .chain(ended.shown.map(|row| &index.messages[row]));
    let events = [message.called, ended.at]
        .into_iter()
        .chain(message.answered);
    let events = events
        .chain(
            others
                .flat_map(|it| [Some(it.called), it.answered])
                .flatten(),
        )
        .chain(open);
    findings.add(events, || match failed {
        Some(failed) => format!(
            "message {} is acknowledged, and it was handed in behind message {}, which failed",
            message.key, failed.key
        ),
        None => format!(
            "message {} is acknowledged, and its handle was closed before",
            message.key
        ),
    })
}

/// What happens to each handle, in its order: calls, the moment at which an append that failed had its place, closes.
fn moments(index: &Index<'_>) -> Vec<(Row, Moment)> {
    let mut moments = Vec::with_capacity(index.messages.len());
    for (row, message) in index.messages.iter().enumerate() {
        moments.push((message.called, Moment::Called(row)));
        if let Fate::Failed(failed) = message.fate
            && ends(failed)
            // A transaction that was rolled back refuses what comes behind, and its owner goes on.
            && (message.transaction.is_none() || failed.kind != ErrorKind::NotWritten)
        {
            let taken = message.taken.or(message.answered);
            moments.extend(taken.map(|at| (at, Moment::Failed(row, failed))));
        }
    }
    for (row, handle) in index.handles.iter().enumerate() {
        moments.extend(handle.close_answered.map(|at| (at, Moment::Closed(row))));
    }
    moments.sort_by_key(|(at, _)| *at);
    moments
}

/// Whether a failure leaves a hole. Others refuse one message, and the handle goes on.
fn ends(failed: Failed) -> bool {
    failed.unknown
        || matches!(
            failed.kind,
            ErrorKind::OutcomeUnknown
                | ErrorKind::NotWritten
                | ErrorKind::Fenced
                | ErrorKind::Closed
        )
}
