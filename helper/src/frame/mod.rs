//! A record as bytes, for backends without fields of their own; the header as bytes, for all others.
//!
//! All numbers are little endian. The format is frozen: golden files hold it.
//!
//! ```text
//! frame  = header, count of properties u32, (length u32, name, length u32, value)*, length u32, payload
//! header = version u8 (1), kind u8, flags u16, presence u16, term u64, incarnation u32, tick u64,
//!          then what the bits of presence announce, in this order:
//!          0 seq u64 · 1 lsn u64 · 2 virtual channel (length u16, text) · 3 transaction id u64 · 4 its count u32 ·
//!          5 its keepalive u64, ms · 6 oldest open seq u64 · 7 idempotency key (length u32, bytes) ·
//!          8 chunk (index u32, total u32)
//! ```
//!
//! A frame has no checksum: whoever stores it knows what unit to protect.

mod cursor;
mod header;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use walx_core::{Properties, Record, Result};

pub use header::{VERSION, decode_header, encode_header};

use cursor::{Cursor, corrupt, length};

/// Appends the bytes of a record to `out`.
///
/// A field of 4 GiB or more doesn't fit: its frame is refused by [`decode`]. Backends limit records far below that.
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    out.reserve(encoded_len(record));
    encode_header(&record.header, out);
    out.extend_from_slice(&length(record.properties.len()).to_le_bytes());
    for (name, value) in record.properties.iter() {
        push(name.as_bytes(), out);
        push(value, out);
    }
    push(&record.payload, out);
}

/// How many bytes [`encode`] appends.
pub fn encoded_len(record: &Record) -> usize {
    let properties = record.properties.bytes() + 8 * record.properties.len();
    header::encoded_len(&record.header) + 4 + properties + 4 + record.payload.len()
}

/// The record of a frame. Payload and property values are slices of `frame`, and keep all of it alive.
///
/// # Errors
/// `Unsupported` for a newer version, an unknown kind, flag or field: upgrade. `Corrupt` for anything that [`encode`]
/// doesn't write.
pub fn decode(frame: Bytes) -> Result<Record> {
    let share = |part: &[u8]| frame.slice_ref(part);
    let mut cursor = Cursor::new(&frame);
    let header = header::decode_from(&mut cursor, share)?;
    let count = cursor.u32("count of properties")?;
    let properties = (0..count).map(|_| {
        let name = cursor.text32("property name")?;
        Ok((name, share(cursor.bytes32("property value")?)))
    });
    let properties = properties.collect::<Result<Properties>>()?;
    let payload = share(cursor.bytes32("payload")?);
    match cursor.left() {
        0 => Ok(Record {
            header,
            properties,
            payload,
        }),
        left => Err(corrupt(format!(
            "{left} bytes stand behind the record's end"
        ))),
    }
}

fn push(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&length(bytes.len()).to_le_bytes());
    out.extend_from_slice(bytes);
}
