//! Invariant 6: once an open has answered an owner, nothing of a smaller one is acknowledged.
//!
//! Where calls can't be ordered because two processes made them, the log itself shows it: owners never fall in it.

use std::collections::HashMap;

use super::Findings;
use crate::history::index::{Fate, Index};

pub(super) const PROMISE: &str = "after open has answered an owner, no append of a smaller owner is acknowledged, and owners rise along \
     the log (invariant 6)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    let _ = opens(index, findings) && appends(index, findings) && logs(index, findings);
}

/// Each open answers a larger owner than those before it.
fn opens(index: &Index<'_>, findings: &mut Findings) -> bool {
    let mut owners = HashMap::new();
    for (row, handle) in index.handles.iter().enumerate() {
        let Some((at, Ok(Some(owner)))) = handle.answered else {
            continue;
        };
        let log = index.log(handle.channel, handle.called);
        let larger = log
            .and_then(|log| log.opened.before(index.order, index.id(handle.called)))
            .filter(|(last, _)| *last >= owner);
        let same = owners.insert((handle.channel, index.era(at), owner), row);
        let Some(other) = larger.map(|(_, other)| other).or(same) else {
            continue;
        };
        let other = &index.handles[other];
        let events = [handle.called, at, other.called].into_iter();
        let events = events.chain(other.answered.map(|(at, _)| at));
        let go_on = findings.add(events, || {
            format!(
                "open {} answers owner {owner}, and open {} answered no smaller one",
                index.id(handle.called),
                index.id(other.called)
            )
        });
        if !go_on {
            return false;
        }
    }
    true
}

/// No append that is called after a larger owner's open is acknowledged.
fn appends(index: &Index<'_>, findings: &mut Findings) -> bool {
    for (row, message) in index.messages.iter().enumerate() {
        let (Fate::Acknowledged(place), Some(answered)) = (message.fate, message.answered) else {
            continue;
        };
        // It tells of what lay there before.
        if !message.is_own() {
            continue;
        }
        let larger = index
            .log_of(row)
            .and_then(|log| log.opened.before(index.order, index.id(message.called)))
            .filter(|(owner, _)| *owner > place.owner);
        let Some((owner, handle)) = larger else {
            continue;
        };
        let handle = &index.handles[handle];
        let events = [message.called, answered, handle.called].into_iter();
        let events = events.chain(handle.answered.map(|(at, _)| at));
        let go_on = findings.add(events, || {
            format!(
                "message {} of owner {} is handed in after owner {owner} was answered, and acknowledged",
                message.key, place.owner
            )
        });
        if !go_on {
            return false;
        }
    }
    true
}

/// Owners rise along the log.
fn logs(index: &Index<'_>, findings: &mut Findings) -> bool {
    index.logs.values().all(|log| {
        let mut pairs = log.known.windows(2);
        pairs.all(|pair| {
            let [first, second] = [pair[0].place, pair[1].place];
            if first.owner <= second.owner || first.lsn == second.lsn {
                return true;
            }
            let messages = [pair[0].message, pair[1].message].map(|row| &index.messages[row]);
            let called = messages.map(|message| message.called).into_iter();
            let shown = pair.iter().flat_map(|it| it.acknowledged.or(it.delivered));
            findings.add(called.chain(shown), || {
                format!(
                    "message {} of owner {} lies at lsn {}, behind message {} of owner {} at lsn {}",
                    messages[1].key, second.owner, second.lsn, messages[0].key, first.owner, first.lsn
                )
            })
        })
    })
}
