use walx_core::{BackendName, Error, ErrorKind, MessageId, Result};

/// The name of this backend.
pub(crate) const NAME: BackendName = BackendName::constant("file");

/// The id of a channel's record `number`.
pub(crate) fn id(number: u64) -> MessageId {
    MessageId::from_u64(NAME, number)
}

/// The number of a record; `InvalidInput` for an id of another backend.
pub(crate) fn number(id: MessageId) -> Result<u64> {
    let own = if id.backend() == NAME {
        id.to_u64()
    } else {
        None
    };
    own.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidInput,
            format!("{id} is no id of the file backend: use one that it gave"),
        )
    })
}
