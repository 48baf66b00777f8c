use rdkafka::message::{Header, OwnedHeaders};
use walx_core::Record;
use walx_helper::frame;

use super::{MARK, MARK_VERSION, READ, RECORD, Stamp, Token, name};

/// The headers of a record. `scratch` is overwritten: one that is used again spares an allocation.
pub(crate) fn headers(record: &Record, stamp: Stamp, scratch: &mut Vec<u8>) -> OwnedHeaders {
    scratch.clear();
    frame::encode_header(&record.header, scratch);
    scratch.extend_from_slice(&stamp.writer.to_le_bytes());
    let count = 1 + usize::from(stamp.read.is_some()) + record.properties.len();
    let mut headers = with(OwnedHeaders::new_with_capacity(count), RECORD, scratch);
    if let Some(read) = stamp.read {
        headers = with(headers, READ, &read.to_le_bytes());
    }
    for (property, value) in record.properties.iter() {
        headers = with(headers, &name::header(property), value);
    }
    headers
}

/// The timestamp of a record. librdkafka takes 0 for now, which only ticks of 1970 are.
pub(crate) fn unix_ms(record: &Record) -> i64 {
    i64::try_from(record.header.tick.unix_ms()).unwrap_or(i64::MAX)
}

/// The headers of a writer's mark; it has no value and no key.
pub(crate) fn mark(token: &Token) -> OwnedHeaders {
    let mut value = [MARK_VERSION; 17];
    value[1..].copy_from_slice(token);
    with(OwnedHeaders::new_with_capacity(1), MARK, &value)
}

fn with(headers: OwnedHeaders, key: &str, value: &[u8]) -> OwnedHeaders {
    let value = Some(value);
    headers.insert(Header { key, value })
}
