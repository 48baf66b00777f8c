use bytes::Bytes;
use walx_core::ErrorKind::{Corrupt, Unsupported};

use super::taken;
use crate::frame;

/// A record's frame. Bytes that are taken are the only ones that stand for their record.
pub fn record(bytes: &[u8]) -> bool {
    let outcome = frame::decode(Bytes::copy_from_slice(bytes));
    let Some(record) = taken(outcome, &[Corrupt, Unsupported], "decode record") else {
        return false;
    };
    assert_eq!(frame::encoded_len(&record), bytes.len());
    let mut again = Vec::new();
    frame::encode(&record, &mut again);
    assert_eq!(again, bytes, "{record:?} has two frames");
    true
}

/// A header without its record.
pub fn header(bytes: &[u8]) -> bool {
    let outcome = frame::decode_header(bytes);
    let Some(header) = taken(outcome, &[Corrupt, Unsupported], "decode record") else {
        return false;
    };
    let mut again = Vec::new();
    frame::encode_header(&header, &mut again);
    assert_eq!(again, bytes, "{header:?} has two forms");
    true
}
