//! Fills the [`Index`] in one pass over the events, and one over what was delivered.

use std::collections::{BTreeMap, HashMap};

use walx_core::ChannelName;

use super::event::{Appended, Event, EventId, Key, What};
use super::index::{
    Delivery, Fate, Handle, Hole, Index, Known, Log, Message, Row, Scan, Transaction, Truncation,
};

/// What an event's name stands for.
#[derive(Clone, Copy)]
enum Named {
    Handle(Row),
    /// The first message, and how many there are.
    Append(Row, usize),
    Scan(Row),
    Truncation(Row),
    Transaction(Row),
    Close(Row),
    End(Row),
}

/// Sorts the events into the tables. What belongs to nothing that is known is left out.
pub(super) fn gather<'a>(index: &mut Index<'a>, loses: impl Fn(&Event) -> bool) {
    let mut names = HashMap::<EventId, Named>::with_capacity(index.events.len() / 2);
    let mut channels = HashMap::<&ChannelName, Row>::new();
    for (at, event) in index.events.iter().enumerate() {
        if loses(event) {
            index.losses.push(at);
        }
        if let Some(named) = begin(index, &names, &mut channels, at, event) {
            names.insert(event.id, named);
        } else if let Some(named) = event.what.parent().and_then(|id| names.get(&id)) {
            go_on(index, *named, at, &event.what);
        }
    }
    deliver(index, &names);
}

/// An event that others belong to.
fn begin<'a>(
    index: &mut Index<'a>,
    names: &HashMap<EventId, Named>,
    channels: &mut HashMap<&'a ChannelName, Row>,
    at: Row,
    event: &'a Event,
) -> Option<Named> {
    let handle_of = |id: &EventId| match names.get(id) {
        Some(Named::Handle(row)) => Some(*row),
        _ => None,
    };
    let transaction_of = |id: &EventId| match names.get(id) {
        Some(Named::Transaction(row)) => Some(*row),
        _ => None,
    };
    match &event.what {
        What::OpenCalled { channel, .. } => {
            let channel = row_of(index, channels, channel);
            index.handles.push(Handle {
                channel,
                called: at,
                answered: None,
                close_answered: None,
            });
            Some(Named::Handle(index.handles.len() - 1))
        }
        What::AppendCalled {
            handle,
            transaction,
            reserved,
            messages,
        } => {
            let handle = handle_of(handle)?;
            let transaction = transaction.as_ref().and_then(transaction_of);
            let first = index.messages.len();
            for (number, sent) in (0..).zip(messages) {
                if let Some(row) = transaction {
                    index.transactions[row].bodies.push(index.messages.len());
                }
                index.messages.push(Message {
                    key: Key {
                        call: event.id,
                        index: number,
                    },
                    handle,
                    called: at,
                    taken: None,
                    answered: None,
                    fate: Fate::Open,
                    digest: sent.digest,
                    virtual_channel: sent.virtual_channel.as_ref(),
                    transaction,
                    reserved: *reserved,
                    delivered: None,
                });
            }
            Some(Named::Append(first, messages.len()))
        }
        What::TruncateCalled {
            channel,
            through,
            id,
        } => {
            let channel = row_of(index, channels, channel);
            index.truncations.push(Truncation {
                channel,
                called: at,
                answered: None,
                through: *through,
                id: *id,
            });
            Some(Named::Truncation(index.truncations.len() - 1))
        }
        What::ScanCalled {
            handle,
            from,
            until,
            virtual_channel,
        } => {
            let handle = handle_of(handle)?;
            index.scans.push(Scan {
                channel: index.handles[handle].channel,
                handle,
                called: at,
                answered: None,
                from: *from,
                until: *until,
                virtual_channel: virtual_channel.as_ref(),
                deliveries: Vec::new(),
                holes: Vec::new(),
                end: None,
                last: at,
                messages: Vec::new(),
            });
            Some(Named::Scan(index.scans.len() - 1))
        }
        What::BeginCalled { handle } => {
            let handle = handle_of(handle)?;
            index.transactions.push(Transaction {
                channel: index.handles[handle].channel,
                called: at,
                bodies: Vec::new(),
                end: None,
                end_answered: None,
            });
            Some(Named::Transaction(index.transactions.len() - 1))
        }
        What::CloseCalled { handle } => handle_of(handle).map(Named::Close),
        What::EndCalled {
            transaction,
            commit,
        } => {
            let row = transaction_of(transaction)?;
            index.transactions[row].end.get_or_insert((at, *commit));
            Some(Named::End(row))
        }
        What::Damaged => {
            index.damaged.get_or_insert(at);
            None
        }
        _ => None,
    }
}

fn row_of<'a>(
    index: &mut Index<'a>,
    channels: &mut HashMap<&'a ChannelName, Row>,
    channel: &'a ChannelName,
) -> Row {
    *channels.entry(channel).or_insert_with(|| {
        index.channels.push(channel);
        index.channels.len() - 1
    })
}

/// An event that belongs to another.
fn go_on<'a>(index: &mut Index<'a>, named: Named, at: Row, what: &'a What) {
    match (named, what) {
        (Named::Handle(row), What::OpenAnswered { answer, .. }) => {
            index.handles[row].answered.get_or_insert((at, *answer));
        }
        (Named::Close(row), What::CloseAnswered { answer: Ok(()), .. }) => {
            index.handles[row].close_answered.get_or_insert(at);
        }
        (Named::Append(first, count), What::AppendTaken { .. }) => {
            for message in &mut index.messages[first..first + count] {
                message.taken = Some(at);
            }
        }
        (Named::Append(first, count), What::AppendAnswered { answer, .. }) => {
            for (number, message) in index.messages[first..first + count].iter_mut().enumerate() {
                message.answered = Some(at);
                message.fate = match answer {
                    Appended::Acknowledged(places) => {
                        places.get(number).map_or(Fate::Open, Fate::Acknowledged)
                    }
                    Appended::Failed(failed) => Fate::Failed(*failed),
                    Appended::Dropped => Fate::Open,
                };
            }
        }
        (Named::Truncation(row), What::TruncateAnswered { answer, .. }) => {
            index.truncations[row].answered = Some((at, *answer));
        }
        (Named::End(row), What::EndAnswered { answer, .. }) => {
            index.transactions[row].end_answered = Some((at, *answer));
        }
        (Named::Scan(row), what) => scanned(index, row, at, what),
        _ => {}
    }
}

fn scanned<'a>(index: &mut Index<'a>, row: Row, at: Row, what: &'a What) {
    let scan = &mut index.scans[row];
    scan.last = at;
    match what {
        What::ScanAnswered { answer, .. } => scan.answered = Some((at, *answer)),
        What::Delivered {
            key, place, digest, ..
        } => {
            scan.deliveries.push(index.deliveries.len());
            index.deliveries.push(Delivery {
                at,
                scan: row,
                key: *key,
                message: None,
                place,
                digest: *digest,
                again: false,
            });
        }
        What::Gap { reason, lsns, .. } => scan.holes.push(Hole {
            at,
            reason: *reason,
            lsns: *lsns,
            behind: scan.deliveries.len(),
        }),
        What::ScanEnded { end, .. } => scan.end = Some((at, *end)),
        _ => {}
    }
}

/// Finds the messages that were delivered: only now all appends are known.
fn deliver(index: &mut Index<'_>, names: &HashMap<EventId, Named>) {
    for (row, delivery) in index.deliveries.iter_mut().enumerate() {
        let named = delivery
            .key
            .and_then(|key| Some((key, names.get(&key.call)?)));
        if let Some((key, Named::Append(first, count))) = named {
            let number = key.index as usize;
            if number < *count {
                delivery.message = Some(first + number);
                index.messages[first + number].delivered.get_or_insert(row);
            }
        }
    }
    for scan in &mut index.scans {
        let mut messages: Vec<(Row, Row)> = scan
            .deliveries
            .iter()
            .filter_map(|row| Some((index.deliveries[*row].message?, *row)))
            .collect();
        messages.sort_unstable();
        for pair in messages.windows(2) {
            index.deliveries[pair[1].1].again = pair[0].0 == pair[1].0;
        }
        messages.dedup_by_key(|(message, _)| *message);
        scan.messages = messages.into_iter().map(|(message, _)| message).collect();
    }
}

/// Puts together what is known of each channel. Bodies of transactions stand at their commit: they have a check of
/// their own.
pub(super) fn logs(index: &mut Index<'_>) {
    let mut logs = BTreeMap::<(Row, usize), Log<'_>>::new();
    let mut rows = HashMap::<(Row, Row, usize), Row>::with_capacity(index.messages.len());
    for (row, message) in index.messages.iter().enumerate() {
        let (Fate::Acknowledged(place), Some(at)) = (message.fate, message.answered) else {
            continue;
        };
        if message.transaction.is_none() {
            let (channel, era) = (index.channel_of(row), index.era(at));
            let log = logs.entry((channel, era)).or_default();
            rows.insert((row, channel, era), log.known.len());
            log.known.push(Known {
                message: row,
                place,
                acknowledged: Some(at),
                delivered: None,
            });
        }
    }
    for delivery in &index.deliveries {
        let Some(row) = delivery.message else {
            continue;
        };
        if index.messages[row].transaction.is_some() {
            continue;
        }
        let (channel, era) = (index.scans[delivery.scan].channel, index.era(delivery.at));
        let log = logs.entry((channel, era)).or_default();
        let slot = *rows.entry((row, channel, era)).or_insert_with(|| {
            log.known.push(Known {
                message: row,
                place: delivery.place,
                acknowledged: None,
                delivered: None,
            });
            log.known.len() - 1
        });
        if let Some(known) = log.known.get_mut(slot) {
            known.delivered.get_or_insert(delivery.at);
        }
    }
    for log in logs.values_mut() {
        log.known
            .sort_by_key(|known| (known.place.lsn, known.message));
    }
    let mut opens: Vec<_> = (0..)
        .zip(&index.handles)
        .filter_map(|(row, handle)| match handle.answered {
            Some((at, Ok(Some(owner)))) => Some((at, handle.channel, (owner, row))),
            _ => None,
        })
        .collect();
    opens.sort_unstable();
    for (at, channel, open) in opens {
        let log = logs.entry((channel, index.era(at))).or_default();
        log.opened.add(index.order, index.id(at), open);
    }
    for log in logs.values_mut() {
        confirm(index, log);
    }
    index.logs = logs;
}

/// When each lsn was known to be confirmed.
fn confirm(index: &Index<'_>, log: &mut Log<'_>) {
    let mut seen: Vec<_> = log
        .known
        .iter()
        .enumerate()
        .flat_map(|(slot, known)| {
            let seen = [known.acknowledged, known.delivered].into_iter().flatten();
            seen.map(move |at| (at, (known.place.lsn, slot)))
        })
        .collect();
    seen.sort_unstable();
    for (at, value) in seen {
        log.confirmed.add(index.order, index.id(at), value);
    }
}
