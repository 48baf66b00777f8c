use walx_core::{BackendName, Error, ErrorKind, MessageId, Result};

/// The backend's name.
pub const NAME: BackendName = BackendName::constant("memory");

/// The id of a channel's record: its number, from 0, counting every record.
pub(crate) fn of(number: u64) -> MessageId {
    MessageId::from_u64(NAME, number)
}

/// The number of an id.
pub(crate) fn number(id: MessageId) -> Result<u64> {
    if id.backend() != NAME {
        let text = format!(
            "{id} is an id of backend '{}', not of '{NAME}'",
            id.backend()
        );
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    id.to_u64().ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("{id} is no id that this backend made"),
        )
    })
}
