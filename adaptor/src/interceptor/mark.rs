//! The marks that hooks leave in a message's properties.

use walx_core::{Bytes, Error, ErrorKind, Message, PlacedMessage, Result};

/// Property names that begin so are walx's own.
pub(super) const PREFIX: &str = "walx.";
/// CRC-32C, 4 bytes.
pub(super) const CHECKSUM: &str = "walx.checksum";
/// Codec and size.
pub(super) const COMPRESSION: &str = "walx.compression";
/// Version, key id, nonce.
pub(super) const ENCRYPTION: &str = "walx.encryption";

/// Refuses a user's message that carries walx's own names: its reader would take them for the marks of a hook.
pub(crate) fn check_reserved(message: &Message) -> Result<()> {
    match left(message) {
        None => Ok(()),
        Some(name) => {
            let text = "property names that begin with 'walx.' are walx's own; take another name";
            Err(Error::new(ErrorKind::InvalidInput, text).with_context("property", name))
        }
    }
}

/// The first of walx's own properties of a message.
pub(super) fn left(message: &Message) -> Option<&str> {
    let mut names = message.properties.iter().map(|(name, _)| name);
    names.find(|name| name.starts_with(PREFIX))
}

/// Hands out everything of a message but its payload as bytes that no other message has.
pub(super) fn context(message: &Message, mut put: impl FnMut(&[u8])) {
    let mut sized = |bytes: &[u8]| {
        put(&(bytes.len() as u64).to_be_bytes());
        put(bytes);
    };
    let stream = message.virtual_channel.as_ref();
    sized(stream.map_or(&[], |it| it.as_str().as_bytes()));
    // An empty key is a key; an empty stream is none.
    let key = message.idempotency_key.as_ref();
    let flags = u8::from(message.exclusive) | u8::from(key.is_some()) << 1;
    sized(&[flags]);
    sized(key.map_or(&[], |it| &it[..]));
    for (name, value) in message.properties.iter() {
        sized(name.as_bytes());
        sized(value);
    }
}

/// A mark that this version doesn't understand.
pub(super) fn unknown(placed: &PlacedMessage, name: &'static str, why: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, why)
        .with_context("interceptor", name)
        .with_context("lsn", placed.place.lsn)
}

/// A message that is not what was handed in.
pub(super) fn corrupt(placed: &PlacedMessage, name: &'static str, why: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, why)
        .with_context("interceptor", name)
        .with_context("lsn", placed.place.lsn)
        .with_context("id", placed.place.id)
}

/// Takes a mark out; `None` where the message has none.
pub(super) fn take(message: &mut Message, name: &str) -> Option<Bytes> {
    match message.properties.is_empty() {
        true => None,
        false => message.properties.remove(name),
    }
}
