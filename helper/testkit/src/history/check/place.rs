//! Invariants 1 and 3: the place that the caller was told is where every scan finds the message, unchanged.

use super::Findings;
use crate::history::event::{Appended, What};
use crate::history::index::{Fate, Index, Row};

pub(super) const PROMISE: &str = "every scan delivers a message at the place that its caller was told, byte for byte, and no other \
     message lies there (invariants 1 and 3)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    let _ = deliveries(index, findings) && answers(index, findings) && logs(index, findings);
}

fn deliveries(index: &Index<'_>, findings: &mut Findings) -> bool {
    for delivery in &index.deliveries {
        let Some(message) = delivery.message.map(|row| &index.messages[row]) else {
            continue;
        };
        let told = match (message.fate, message.answered, message.delivered) {
            (Fate::Acknowledged(place), Some(at), _) => Some((place, at)),
            (_, _, Some(first)) => {
                let first = &index.deliveries[first];
                // A second lsn of it is another check's.
                (first.place.lsn == delivery.place.lsn).then_some((first.place, first.at))
            }
            _ => None,
        };
        let moved = told.filter(|(place, _)| !delivery.again && *place != delivery.place);
        if message.digest == delivery.digest && moved.is_none() {
            continue;
        }
        let events = [message.called, delivery.at].into_iter();
        let events = events.chain(moved.map(|(_, at)| at));
        let go_on = findings.add(events, || match moved {
            Some((place, _)) => format!(
                "message {} has the place {place:?}, and is delivered at {:?}",
                message.key, delivery.place
            ),
            None => format!(
                "message {} is delivered with other bytes than were handed in",
                message.key
            ),
        });
        if !go_on {
            return false;
        }
    }
    true
}

/// Each message of an append has its place, and its handle's owner wrote it.
fn answers(index: &Index<'_>, findings: &mut Findings) -> bool {
    for message in &index.messages {
        let Some(answered) = message.answered else {
            continue;
        };
        let handle = &index.handles[message.handle];
        let events = [message.called, answered].into_iter();
        let go_on = match (
            &index.events[message.called].what,
            &index.events[answered].what,
        ) {
            (
                What::AppendCalled { messages, .. },
                What::AppendAnswered {
                    answer: Appended::Acknowledged(places),
                    ..
                },
            ) if message.key.index == 0 && places.len() != messages.len() => {
                findings.add(events, || {
                    format!(
                        "{} messages are answered with {} places",
                        messages.len(),
                        places.len()
                    )
                })
            }
            _ => match (message.fate, handle.answered) {
                // A handle that recovered by itself goes on as a later incarnation.
                (Fate::Acknowledged(place), Some((at, Ok(Some(owner)))))
                    if message.is_own()
                        && (place.owner.term != owner.term || place.owner < owner) =>
                {
                    findings.add(events.chain([at]), || {
                        format!(
                            "message {} of owner {owner} is acknowledged as one of owner {}",
                            message.key, place.owner
                        )
                    })
                }
                _ => true,
            },
        };
        if !go_on {
            return false;
        }
    }
    true
}

/// No two messages lie at one place.
fn logs(index: &Index<'_>, findings: &mut Findings) -> bool {
    index.logs.values().all(|log| {
        let mut pairs = log.known.windows(2);
        pairs.all(|pair| {
            if pair[0].place.lsn != pair[1].place.lsn {
                return true;
            }
            let rows: [Row; 2] = [pair[0].message, pair[1].message];
            let keys = rows.map(|row| index.messages[row].key);
            let events = rows.map(|row| index.messages[row].called).into_iter();
            let shown = pair.iter().flat_map(|it| it.acknowledged.or(it.delivered));
            findings.add(events.chain(shown), || {
                format!(
                    "messages {} and {} both lie at lsn {}",
                    keys[0], keys[1], pair[0].place.lsn
                )
            })
        })
    })
}
