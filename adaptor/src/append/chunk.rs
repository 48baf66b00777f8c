//! Messages that are larger than a record: their records share one lsn.

use walx_core::{Bytes, Chunk, Header, Message, Properties, Record};

use super::admit::{HEADER_BYTES, PROPERTY_BYTES};

/// How many records the message takes, where each payload has at most `room` beside what stands on every chunk.
pub(super) fn count(message: &Message, max_record_bytes: usize) -> Option<u32> {
    let room = room(message, max_record_bytes)?;
    u32::try_from(message.payload.len().div_ceil(room).max(1)).ok()
}

/// The bytes of payload that fit into one record. The first one has the properties as well, and so fewer.
fn room(message: &Message, max_record_bytes: usize) -> Option<usize> {
    let beside = message.bytes() - message.payload.len();
    let beside = beside + HEADER_BYTES + PROPERTY_BYTES * message.properties.len();
    max_record_bytes
        .checked_sub(beside)
        .filter(|room| *room > 0)
}

/// The records of a message, each under a header that `number` gives.
pub(super) fn split(
    message: Message,
    total: u32,
    max_record_bytes: usize,
    mut number: impl FnMut(Option<Chunk>) -> Header,
    records: &mut Vec<Record>,
) {
    let room = room(&message, max_record_bytes).unwrap_or(usize::MAX);
    let mut payload = message.payload.clone();
    for index in 0..total {
        let piece = payload.split_to(room.min(payload.len()));
        let header = number(Some(Chunk { index, total }));
        records.push(record(header, &message, piece, index == 0));
    }
}

fn record(header: Header, message: &Message, payload: Bytes, is_first: bool) -> Record {
    let mut piece = message.clone();
    piece.payload = payload;
    if !is_first {
        piece.properties = Properties::default();
    }
    Record::data(header, piece)
}
