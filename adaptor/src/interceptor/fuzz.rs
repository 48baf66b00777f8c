//! What must hold of the parsers here, whatever they are given. Compiled for tests and for fuzzing only.
//!
//! Each function takes any bytes, panics where a promise is broken, and says whether the input was taken.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use walx_core::{
    BackendName, ChannelInfo, ChannelName, ErrorKind, Interceptor, Lsn, Message, MessageId, Owner,
    Place, PlacedMessage, ScanContext, Seq, Term, Tick,
};

use super::mark::{CHECKSUM, COMPRESSION, ENCRYPTION, left};
use super::{Encryption, Key, KeyRing, TraceParent, Undo};

/// A message with one of walx's marks, as somebody with access to a store could make it: which mark, how long it is, the
/// mark, the payload.
pub fn mark(bytes: &[u8]) -> bool {
    let Some((&[which, length], rest)) = bytes.split_first_chunk() else {
        return false;
    };
    let (mark, payload) = rest.split_at(rest.len().min(usize::from(length)));
    let name = [CHECKSUM, COMPRESSION, ENCRYPTION, "walx.later"][usize::from(which % 4)];
    let message = Message::new(payload.to_vec()).with_property(name, mark.to_vec());
    let Ok(key) = KeyRing::new("a", Key::new([1; 32])) else {
        return false;
    };
    let hook: Arc<dyn Interceptor> = Arc::new(Encryption::new(key).allow_plain());
    let with_key = undone(Undo::new(Arc::from([hook])), message.clone());
    let plain = undone(Undo::new(Arc::from([])), message);
    assert!(
        !plain || with_key || name == ENCRYPTION,
        "a key takes nothing away"
    );
    with_key
}

fn undone(undo: Undo, message: Message) -> bool {
    let Ok(channel) = ChannelName::new("orders") else {
        return false;
    };
    let id = MessageId::from_u64(BackendName::constant("memory"), 0);
    let place = Place::new(id, Lsn::ZERO, Tick::ZERO, Owner::new(Term::FIRST));
    let stored = message.payload.len();
    let mut placed = PlacedMessage::new(place, message, Seq::ZERO, None);
    let channel = ChannelInfo::read_only(channel);
    match undo.scan(&ScanContext::new(&channel), &mut placed) {
        Ok(()) => {
            assert_eq!(left(&placed.message), None, "a mark is delivered");
            assert!(placed.message.payload.len() <= stored * 255, "a bomb");
            true
        }
        Err(error) => {
            let kinds = [
                ErrorKind::Corrupt,
                ErrorKind::Denied,
                ErrorKind::TooLarge,
                ErrorKind::Unsupported,
            ];
            assert!(kinds.contains(&error.kind()), "another kind: {error}");
            let text = error.to_string();
            assert!(
                text.contains("interceptor: ") && text.contains("lsn: 0"),
                "{text}"
            );
            false
        }
    }
}

/// The text of a trace context: what is taken is what it says, and comes back from its own text.
pub fn trace_parent(bytes: &[u8]) -> bool {
    let message = Message::new("").with_property("traceparent", bytes.to_vec());
    let Some(parent) = TraceParent::of(&message) else {
        return false;
    };
    let printed = parent.to_string();
    assert_eq!(&printed.as_bytes()[2..], &bytes[2..55], "another context");
    assert_eq!(printed.parse().ok(), Some(parent), "{printed}");
    true
}

/// A file of keys. No error shows what may be a key.
pub fn keys(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    match KeyRing::from_text(text) {
        Ok(ring) => {
            assert!(ring.to_write().is_ok(), "there is a current key");
            true
        }
        Err(error) => {
            let kinds = [ErrorKind::InvalidInput, ErrorKind::Conflict];
            assert!(kinds.contains(&error.kind()), "another kind: {error}");
            let shown = format!("{error:?}");
            let words = text.split_whitespace();
            for secret in words.filter(|it| Key::from_text(it).is_ok()) {
                let is_id = text.lines().any(|it| it.trim().starts_with(secret));
                assert!(is_id || !shown.contains(secret), "a key is shown");
            }
            false
        }
    }
}
