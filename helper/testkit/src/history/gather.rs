//! Fills the [`Index`] in one pass over the events, and one over what was delivered.

use std::collections::HashMap;

use walx_core::ChannelName;

use super::event::{Appended, Event, EventId, Key, What};
use super::index::{
    Delivery, Fate, Handle, Hole, Index, Mark, Message, Newest, Point, Row, Scan, Transaction,
    Truncation, Whole,
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
    Point(Row),
    Newest(Row),
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
        What::OpenCalled { channel, keys, .. } => {
            let channel = row_of(index, channels, channel);
            index.handles.push(Handle {
                channel,
                called: at,
                keys: *keys,
                answered: None,
                close_answered: None,
            });
            Some(Named::Handle(index.handles.len() - 1))
        }
        What::AppendCalled {
            handle,
            transaction,
            reserved,
            expected,
            messages,
        } => {
            let handle = handle_of(handle)?;
            let transaction = match transaction {
                Some(id) => Some(transaction_of(id)?),
                None => None,
            };
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
                    expected: *expected,
                    idempotency: sent.key,
                    bytes: sent.bytes,
                    exclusive: sent.exclusive,
                    echo: None,
                    doubtful: false,
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
            virtual_channels,
            raw,
            ticks,
        } => {
            let handle = handle_of(handle)?;
            index.scans.push(Scan {
                channel: index.handles[handle].channel,
                handle,
                called: at,
                answered: None,
                from: *from,
                until: *until,
                virtual_channels,
                raw: *raw,
                ticks: *ticks,
                deliveries: Vec::new(),
                wholes: Vec::new(),
                marks: Vec::new(),
                holes: Vec::new(),
                end: None,
                last: at,
                messages: Vec::new(),
            });
            Some(Named::Scan(index.scans.len() - 1))
        }
        What::BeginCalled {
            handle,
            virtual_channel,
        } => {
            let handle = handle_of(handle)?;
            index.transactions.push(Transaction {
                channel: index.handles[handle].channel,
                handle,
                called: at,
                virtual_channel: virtual_channel.as_ref(),
                bodies: Vec::new(),
                end: None,
                end_taken: None,
                end_answered: None,
                fate: Fate::Open,
                delivered: None,
                id: None,
            });
            Some(Named::Transaction(index.transactions.len() - 1))
        }
        What::TickCalled {
            handle,
            virtual_channel,
        } => {
            index.points.push(Point {
                handle: handle_of(handle)?,
                called: at,
                virtual_channel: virtual_channel.as_ref(),
                taken: None,
                answered: None,
                fate: Fate::Open,
            });
            Some(Named::Point(index.points.len() - 1))
        }
        What::NewestCalled {
            handle,
            virtual_channel,
        } => {
            index.newest.push(Newest {
                handle: handle_of(handle)?,
                called: at,
                virtual_channel,
                answered: None,
            });
            Some(Named::Newest(index.newest.len() - 1))
        }
        What::CloseCalled { handle } => handle_of(handle).map(Named::Close),
        What::EndCalled { transaction, how } => {
            let row = transaction_of(transaction)?;
            index.transactions[row].end.get_or_insert((at, *how));
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
                message.fate = fate(answer, number);
            }
        }
        (Named::Truncation(row), What::TruncateAnswered { answer, .. }) => {
            index.truncations[row].answered = Some((at, *answer));
        }
        (Named::End(row), What::EndTaken { .. }) => {
            index.transactions[row].end_taken = Some(at);
        }
        (Named::End(row), What::EndAnswered { answer, .. }) => {
            index.transactions[row].end_answered = Some(at);
            index.transactions[row].fate = fate(answer, 0);
        }
        (Named::Point(row), What::TickTaken { .. }) => index.points[row].taken = Some(at),
        (Named::Point(row), What::TickAnswered { answer, .. }) => {
            index.points[row].answered = Some(at);
            index.points[row].fate = fate(answer, 0);
        }
        (Named::Newest(row), What::NewestAnswered { answer, .. }) => {
            index.newest[row].answered = Some((at, *answer));
        }
        (Named::Scan(row), what) => scanned(index, row, at, what),
        _ => {}
    }
}

fn fate(answer: &Appended, number: usize) -> Fate<'_> {
    match answer {
        Appended::Acknowledged(places) => places.get(number).map_or(Fate::Open, Fate::Acknowledged),
        Appended::Failed(failed) => Fate::Failed(*failed),
        Appended::Dropped => Fate::Open,
    }
}

fn scanned<'a>(index: &mut Index<'a>, row: Row, at: Row, what: &'a What) {
    let scan = &mut index.scans[row];
    scan.last = at;
    match what {
        What::ScanAnswered { answer, .. } => scan.answered = Some((at, *answer)),
        What::Delivered {
            key,
            place,
            digest,
            transaction,
            ..
        } => {
            scan.deliveries.push(index.deliveries.len());
            index.deliveries.push(Delivery {
                at,
                scan: row,
                key: *key,
                message: None,
                place,
                digest: *digest,
                id: *transaction,
                whole: scan
                    .wholes
                    .last()
                    .copied()
                    .filter(|row| !scan.raw && Some(index.wholes[*row].id) == *transaction),
                again: false,
            });
        }
        What::Committed {
            place, transaction, ..
        } => {
            scan.wholes.push(index.wholes.len());
            index.wholes.push(Whole {
                at,
                scan: row,
                id: *transaction,
                place,
                transaction: None,
            });
        }
        What::Marked {
            place,
            kind,
            transaction,
            ..
        } => {
            scan.marks.push(index.marks.len());
            index.marks.push(Mark {
                at,
                scan: row,
                id: *transaction,
                kind: *kind,
                place,
            });
        }
        // Nothing is missing there; one that says so all the same is judged as any other.
        What::Gap {
            reason, lsns: None, ..
        } if !reason.is_hole() => {}
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
    super::whole::transactions(index);
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
