//! How a message is known again: by a property that travels with it.

use walx_core::{Bytes, Message, Properties};

use crate::history::event::{EventId, Key, Sent};

/// The property's name. Those that begin with `walx.` are refused of users.
const NAME: &str = "test.history";

/// The bytes that the property adds: its name, and process, number and index.
pub(super) const BYTES: usize = NAME.len() + 4 + 8 + 4;

/// What is put down of a message.
pub(super) fn sent(message: &Message) -> Sent {
    Sent {
        digest: digest(message),
        virtual_channel: message.virtual_channel.clone(),
        key: message.idempotency_key.as_ref().map(|key| {
            let mut hash = Hash(SEED);
            hash.add(key);
            hash.0
        }),
        bytes: (message.bytes() + BYTES) as u64,
        exclusive: message.exclusive,
    }
}

/// Adds the property.
pub(super) fn stamp(mut message: Message, key: Key) -> Message {
    let mut value = Vec::with_capacity(BYTES - NAME.len());
    value.extend(key.call.process.to_be_bytes());
    value.extend(key.call.number.to_be_bytes());
    value.extend(key.index.to_be_bytes());
    message.properties.push(NAME, value);
    message
}

/// Takes the property off; `None` where it is not there.
pub(super) fn unstamp(message: &mut Message) -> Option<Key> {
    // The user's own property of that name, if there is one, stands before it.
    let (at, key) = message
        .properties
        .iter()
        .enumerate()
        .filter(|(_, (name, _))| *name == NAME)
        .filter_map(|(at, (_, value))| Some((at, key(value)?)))
        .last()?;
    let rest = message
        .properties
        .iter()
        .enumerate()
        .filter(|(other, _)| *other != at);
    let rest: Properties = rest
        .map(|(_, (name, value))| (name, value.clone()))
        .collect();
    message.properties = rest;
    Some(key)
}

fn key(value: &[u8]) -> Option<Key> {
    let (process, rest) = value.split_first_chunk()?;
    let (number, rest) = rest.split_first_chunk()?;
    Some(Key {
        call: EventId {
            process: u32::from_be_bytes(*process),
            number: u64::from_be_bytes(*number),
        },
        index: u32::from_be_bytes(rest.try_into().ok()?),
    })
}

/// 64 bits of everything that a user hands in: FNV-1a, which stays the same between builds.
pub(super) fn digest(message: &Message) -> u64 {
    let mut hash = Hash(SEED);
    hash.add(&message.payload);
    for (name, value) in message.properties.iter() {
        hash.add(name.as_bytes());
        hash.add(value);
    }
    // What comes next is no property: those come in pairs, and each part with its length.
    hash.add(&[u8::from(message.virtual_channel.is_some())]);
    hash.add(
        message
            .virtual_channel
            .as_ref()
            .map_or(&[], |name| name.as_str().as_bytes()),
    );
    hash.add(&[u8::from(message.idempotency_key.is_some())]);
    hash.add(message.idempotency_key.as_ref().map_or(&[], Bytes::as_ref));
    hash.0
}

/// Where FNV-1a begins.
const SEED: u64 = 0xcbf2_9ce4_8422_2325;

struct Hash(u64);

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
        self.mix(&(bytes.len() as u64).to_be_bytes());
        self.mix(bytes);
    }

    // A plain loop: messages have up to 64 MiB, and tests are not optimised.
    fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
