//! A message as bytes, for the time that a scanner lives. Its stream and its transaction are known beside it.

use walx_core::{
    BackendName, Bytes, Lsn, Message, MessageId, Owner, Place, PlacedMessage, Seq, Term, Tick,
};

/// Stands for what is not there.
const NONE: u64 = u64::MAX;

/// Appends the bytes of a message.
pub(super) fn encode(body: &PlacedMessage, out: &mut Vec<u8>) {
    let (place, message, token) = (&body.place, &body.message, body.token());
    let numbers = [
        place.lsn.get(),
        place.tick.get(),
        place.owner.term.get(),
        u64::from(place.owner.incarnation),
        token.last().get(),
        token.oldest_open().map_or(NONE, Seq::get),
        u64::from(message.exclusive),
        message.properties.len() as u64,
    ];
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes());
    }
    push(place.id.bytes(), out);
    match &message.idempotency_key {
        Some(key) => push(key, out),
        None => out.extend_from_slice(&NONE.to_le_bytes()),
    }
    for (name, value) in message.properties.iter() {
        push(name.as_bytes(), out);
        push(value, out);
    }
    out.extend_from_slice(&message.payload);
}

/// The message of these bytes; `None` where they are none.
pub(super) fn decode(backend: BackendName, bytes: Bytes) -> Option<PlacedMessage> {
    let mut left = &bytes[..];
    let mut numbers = [0; 8];
    for number in &mut numbers {
        *number = take_number(&mut left)?;
    }
    let [
        lsn,
        tick,
        term,
        incarnation,
        seq,
        oldest,
        exclusive,
        properties,
    ] = numbers;
    let mut owner = Owner::new(Term::new(term));
    owner.incarnation = u32::try_from(incarnation).ok()?;
    let id = MessageId::new(backend, take(&mut left)??).ok()?;
    let key = take(&mut left)?.map(|key| bytes.slice_ref(key));
    let mut message = Message::default();
    for _ in 0..properties {
        let name = std::str::from_utf8(take(&mut left)??).ok()?;
        let value = bytes.slice_ref(take(&mut left)??);
        message.properties.push(name, value);
    }
    message.payload = bytes.slice_ref(left);
    message.idempotency_key = key;
    message.exclusive = exclusive != 0;
    let place = Place::new(id, Lsn::new(lsn), Tick::new(tick), owner);
    let oldest_open = (oldest != NONE).then(|| Seq::new(oldest));
    Some(PlacedMessage::new(
        place,
        message,
        Seq::new(seq),
        oldest_open,
    ))
}

fn push(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take_number(left: &mut &[u8]) -> Option<u64> {
    let (number, rest) = left.split_first_chunk()?;
    *left = rest;
    Some(u64::from_le_bytes(*number))
}

/// The next bytes; `Some(None)` where something that may be missing is.
fn take<'a>(left: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = match take_number(left)? {
        NONE => return Some(None),
        length => usize::try_from(length).ok()?,
    };
    let (bytes, rest) = left.split_at_checked(length)?;
    *left = rest;
    Some(Some(bytes))
}
