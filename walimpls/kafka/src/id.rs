use walx_core::{BackendName, Error, ErrorKind, MessageId, Result};

/// The backend's name.
pub const NAME: BackendName = BackendName::constant("kafka");

/// The id of the record at an offset of partition 0.
pub(crate) fn of(offset: i64) -> MessageId {
    MessageId::from_u64(NAME, offset.cast_unsigned())
}

/// The offset of an id.
pub(crate) fn offset(id: MessageId) -> Result<i64> {
    if id.backend() != NAME {
        let text = format!(
            "{id} is an id of backend '{}', not of '{NAME}'",
            id.backend()
        );
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    let number = id.to_u64().and_then(|number| i64::try_from(number).ok());
    number.ok_or_else(|| {
        let text = format!("{id} is no id that this backend made");
        Error::new(ErrorKind::InvalidInput, text)
    })
}
