//! Idempotent appends: a key that is remembered is written once.

use std::collections::HashMap;

use walx_core::{MessageId, Tick};

use super::Findings;
use crate::history::echo::{Group, groups};
use crate::history::index::{Fate, Index, Message, Row};

pub(super) const PROMISE: &str = "messages with one key in the window lie at one place: each append of it that is acknowledged is told that \
     place, and a scan delivers it once (exactly once by key)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    let groups = groups(index);
    if groups.values().any(|rows| rows.len() > 1) {
        let remembered = remembered(index);
        let is_kept = |message: Row| remembered[index.channel_of(message)];
        let _ = answers(index, &groups, is_kept, findings)
            && deliveries(index, &groups, is_kept, findings);
    }
}

/// Of which channels every owner remembers all keys of the history: whatever was handed in has room in the window, and
/// its time isn't over. One that remembers none may write a key again.
fn remembered(index: &Index<'_>) -> Vec<bool> {
    // What a record takes besides its message is less.
    const MORE: u64 = 1 << 10;
    let mut bytes = vec![0; index.channels.len()];
    let mut ticks = vec![None::<(Tick, Tick)>; index.channels.len()];
    let mut seen = |channel: Row, tick: Tick| {
        let (first, last) = ticks[channel].unwrap_or((tick, tick));
        ticks[channel] = Some((first.min(tick), last.max(tick)));
    };
    let mut forgets = vec![false; index.channels.len()];
    for (row, message) in index.messages.iter().enumerate() {
        let keys = index.handles[message.handle].keys;
        forgets[index.channel_of(row)] |= message.idempotency.is_some() && keys.is_none();
        bytes[index.channel_of(row)] += message.bytes + MORE;
        if let Some(place) = index.place(row) {
            seen(index.channel_of(row), place.tick);
        }
    }
    let is_kept = |channel: Row| {
        let spans = ticks[channel].map_or(0, |(first, last)| last.unix_ms() - first.unix_ms());
        let owners = index.handles.iter().filter(|it| it.channel == channel);
        let remembers = owners.filter_map(|it| it.keys).all(|keys| {
            bytes[channel] <= keys.bytes as u64 && u128::from(spans) < keys.keep.as_millis()
        });
        remembers && !forgets[channel]
    };
    (0..index.channels.len()).map(is_kept).collect()
}

/// Where a message lies for good, and the event that shows it: of a transaction only where that is committed.
fn settled(index: &Index<'_>, row: Row) -> Option<(MessageId, Vec<Row>)> {
    let message = &index.messages[row];
    let mut events = vec![message.called, index.evidence(row)?];
    if let Some(transaction) = message.transaction {
        events.push(index.commit(transaction)?.1);
        events.push(index.transactions[transaction].called);
        events.extend(index.transactions[transaction].end.map(|(at, _)| at));
    }
    Some((index.place(row)?.id, events))
}

/// All that were acknowledged were told one place.
fn answers(
    index: &Index<'_>,
    groups: &HashMap<Group<'_>, Vec<Row>>,
    is_kept: impl Fn(Row) -> bool,
    findings: &mut Findings,
) -> bool {
    let mut rows: Vec<_> = groups.values().collect();
    rows.sort_unstable();
    for group in rows {
        let mut first: Option<(Row, MessageId, Vec<Row>)> = None;
        for row in group.iter().copied().filter(|row| is_kept(*row)) {
            let Some((id, events)) = settled(index, row) else {
                continue;
            };
            let Some((other, place, shown)) = &first else {
                first = Some((row, id, events));
                continue;
            };
            let (message, other) = (&index.messages[row], &index.messages[*other]);
            let acknowledged = |it: &Message<'_>| matches!(it.fate, Fate::Acknowledged(_));
            let one_era = index.era(message.called) == index.era(other.called);
            // What was truncated is no longer there to be found again; of what scans deliver the other half tells.
            if *place == id
                || !one_era
                || !acknowledged(message)
                || index.may_be_dropped(index.channel_of(row), *place, message.called)
                || index.may_be_dropped(index.channel_of(row), id, message.called)
            {
                continue;
            }
            let go_on = findings.add(events.into_iter().chain(shown.iter().copied()), || {
                format!(
                    "messages {} and {} have one key, and lie at {place} and at {id}",
                    other.key, message.key
                )
            });
            if !go_on {
                return false;
            }
        }
    }
    true
}

/// No scan delivers two of them.
fn deliveries(
    index: &Index<'_>,
    groups: &HashMap<Group<'_>, Vec<Row>>,
    is_kept: impl Fn(Row) -> bool,
    findings: &mut Findings,
) -> bool {
    let grouped: HashMap<Row, usize> = groups
        .values()
        .filter(|rows| rows.len() > 1)
        .enumerate()
        .flat_map(|(number, rows)| rows.iter().map(move |row| (*row, number)))
        .filter(|(row, _)| is_kept(*row))
        .collect();
    for scan in index.scans.iter().filter(|it| !it.raw) {
        let mut seen = HashMap::new();
        for row in &scan.deliveries {
            let delivery = &index.deliveries[*row];
            let Some((message, group)) = delivery
                .message
                .filter(|_| !delivery.again)
                .and_then(|message| Some((message, *grouped.get(&message)?)))
            else {
                continue;
            };
            let Some(first) = seen.insert(group, *row) else {
                continue;
            };
            let first = &index.deliveries[first];
            if index.may_be_dropped(scan.channel, first.place.id, delivery.at) {
                continue;
            }
            let other = first.message.map_or(message, |row| row);
            let (key, other) = (&index.messages[message], &index.messages[other]);
            let events = [scan.called, first.at, delivery.at, key.called, other.called];
            let go_on = findings.add(events, || {
                format!(
                    "scan {} delivers messages {} and {}, which have one key",
                    index.id(scan.called),
                    other.key,
                    key.key
                )
            });
            if !go_on {
                return false;
            }
        }
    }
    true
}
