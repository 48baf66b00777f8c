//! Messages whose keys are known: they are not written again, and get the places of those that were.

use std::collections::HashMap;
use std::sync::Arc;

use metrics::counter;
use walx_core::{Error, ErrorKind, Expected, Message, Tick, TransactionId};
use walx_impls::Batch;
use walx_utility::metric;

use super::Writer;
use super::gather::Part;
use super::joined::Joined;
use super::order::Order;
use super::request::Request;
use super::slot::Slot;
use super::stages::Begun;
use super::window::Found;

impl Writer {
    /// Takes out what is not to be written again. `None` where nothing is left: then its slot is told, or waits.
    pub(super) fn unknown_part(
        &self,
        order: &mut Order,
        request: Request,
        now: Tick,
        charge: usize,
        slot: &Option<Arc<Slot>>,
        begun: &Begun,
    ) -> Option<Request> {
        let Request::Messages {
            messages,
            transaction,
            expected,
        } = request
        else {
            return Some(request);
        };
        let keyed = |it: &Message| it.idempotency_key.is_some();
        let id = transaction.map(|local| order.transactions.get(local));
        // One that has ended is refused by whoever places its messages.
        let id = id
            .transpose()
            .map(|open| open.map(|it| TransactionId(it.seq)));
        let (true, Some(window), Ok(id)) =
            (messages.as_slice().iter().any(keyed), &mut order.window, id)
        else {
            return Some(Request::Messages {
                messages,
                transaction,
                expected,
            });
        };
        let mut found = Vec::new();
        for message in messages.as_slice() {
            found.push(match &message.idempotency_key {
                Some(key) => window.look_up(&message.virtual_channel, key, id, now),
                None => Found::New,
            });
        }
        let conflict = found.iter().find_map(|it| match it {
            Found::Conflict(id) => Some(*id),
            _ => None,
        });
        if let Some(id) = conflict {
            let bytes = messages.as_slice().iter().map(Message::bytes).collect();
            order.refuse(slot.clone(), conflicts(id), bytes, charge, begun);
            order.spent.push(Box::new(messages));
            return None;
        }
        let parts = parts(messages.as_slice(), &found);
        let own = parts.iter().filter(|it| matches!(it, Part::Own(_)));
        if own.count() == parts.len() && !has_twice(&parts) {
            return Some(Request::Messages {
                messages,
                transaction,
                expected,
            });
        }
        let is_alone = matches!(messages, Batch::One(_));
        if let (Some(slot), false) = (slot, is_alone) {
            slot.gather(parts.clone());
        }
        // Its room goes with what is written, else with the first that waits.
        let rest = rest(messages.as_slice(), &parts);
        let mut room = if rest.is_empty() { charge } else { 0 };
        for (index, (message, found)) in messages.as_slice().iter().zip(&found).enumerate() {
            let mut joined = Joined {
                slot: slot.clone(),
                part: (!is_alone).then_some(index),
                bytes: message.bytes(),
                charge: 0,
                called: begun.called,
                span: begun.span.clone(),
            };
            match *found {
                Found::Join(seq) => {
                    joined.charge = std::mem::take(&mut room);
                    window.join(seq, joined);
                }
                Found::Known(place) => order.told.push((joined, Ok(place))),
                Found::New | Found::Conflict(_) => {
                    let is_first = parts[..index].iter().all(|it| *it != parts[index]);
                    let (Some(key), false) = (&message.idempotency_key, is_first) else {
                        continue;
                    };
                    // Its place is that of the batch's own message; only the hooks are to be told.
                    joined.slot = None;
                    let name = (message.virtual_channel.clone(), key.clone());
                    order.twice.push((name, joined));
                }
            }
            counter!(metric::APPEND_KNOWN_TOTAL).increment(1);
        }
        order.budget.give(room);
        order.spent.push(Box::new(messages));
        (!rest.is_empty()).then(|| Request::Messages {
            messages: Batch::Many(rest),
            transaction,
            expected: Expected::new(),
        })
    }
}

/// Where each message of a batch comes from. The same key twice in it is one message.
fn parts(messages: &[Message], found: &[Found]) -> Vec<Part> {
    let mut own = 0;
    let mut first = HashMap::new();
    let parts = messages.iter().zip(found).map(|(message, found)| {
        let mut next = || {
            own += 1;
            Part::Own(own - 1)
        };
        match (found, &message.idempotency_key) {
            (Found::Known(place), _) => Part::There(*place),
            (Found::Join(_), _) => Part::Joined,
            (_, Some(key)) => *first
                .entry((&message.virtual_channel, key))
                .or_insert_with(next),
            (_, None) => next(),
        }
    });
    parts.collect()
}

fn has_twice(parts: &[Part]) -> bool {
    let last = parts.iter().rev().find_map(|it| match it {
        Part::Own(index) => Some(*index),
        _ => None,
    });
    last.is_some_and(|last| last + 1 < parts.len())
}

/// The messages that are written.
fn rest(messages: &[Message], parts: &[Part]) -> Vec<Message> {
    let mut rest = Vec::new();
    for (message, part) in messages.iter().zip(parts) {
        if *part == Part::Own(rest.len()) {
            rest.push(message.clone());
        }
    }
    rest
}

fn conflicts(id: TransactionId) -> Error {
    let text = "a message with this key is in a transaction that is still open; nothing was written; append it again \
                once that has ended";
    Error::new(ErrorKind::Conflict, text).with_context("transaction", id.0)
}
