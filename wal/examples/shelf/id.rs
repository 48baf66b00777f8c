use walx_core::{BackendName, Error, ErrorKind, MessageId, Result};

/// The backend's name.
pub const NAME: BackendName = BackendName::constant("shelf");

/// The id of a record: its number in the channel, from 0.
pub(crate) fn of(number: u64) -> MessageId {
    MessageId::from_u64(NAME, number)
}

/// The number of an id that this backend made.
pub(crate) fn number(id: MessageId) -> Result<u64> {
    let number = id.to_u64().filter(|_| id.backend() == NAME);
    let text = || format!("{id} is no id of backend '{NAME}'");
    number.ok_or_else(|| Error::new(ErrorKind::InvalidInput, text()))
}
