use bytes::Bytes;

use crate::{MessageId, Properties};

/// What somebody else wrote into the storage of a channel: no record of walx, so it has no owner, no lsn, no seq and no
/// tick. A scan tells runs of them as one [gap](crate::GapReason::Foreign), or delivers each
/// [as it is](crate::ScanOption::with_foreign).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignRecord {
    /// Its place, ordered among those of the channel's own records.
    pub id: MessageId,
    /// When it was written, in Unix milliseconds, as the storage tells.
    pub unix_ms: Option<u64>,
    /// Its key, where it has one.
    pub key: Option<Bytes>,
    /// What stands beside its payload, such as headers.
    pub properties: Properties,
    /// Its bytes; empty where it has none.
    pub payload: Bytes,
}

impl ForeignRecord {
    /// One that has nothing but a payload.
    pub fn new(id: MessageId, payload: impl Into<Bytes>) -> Self {
        Self {
            id,
            unix_ms: None,
            key: None,
            properties: Properties::default(),
            payload: payload.into(),
        }
    }

    /// Sets when it was written.
    #[must_use]
    pub fn with_unix_ms(mut self, unix_ms: Option<u64>) -> Self {
        self.unix_ms = unix_ms;
        self
    }

    /// Sets its key.
    #[must_use]
    pub fn with_key(mut self, key: Option<Bytes>) -> Self {
        self.key = key;
        self
    }

    /// Sets what stands beside the payload.
    #[must_use]
    pub fn with_properties(mut self, properties: Properties) -> Self {
        self.properties = properties;
        self
    }

    /// The bytes of all its parts.
    pub fn bytes(&self) -> usize {
        let key = self.key.as_ref().map_or(0, Bytes::len);
        self.payload.len() + self.properties.bytes() + key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BackendName;

    #[test]
    fn all_its_parts_count() {
        let id = MessageId::from_u64(BackendName::constant("kafka"), 7);
        let record = ForeignRecord::new(id, "paid");
        assert_eq!((record.bytes(), record.key.is_none()), (4, true));
        let record = record
            .with_key(Some("4711".into()))
            .with_properties([("by", "shop")].into_iter().collect())
            .with_unix_ms(Some(1));
        assert_eq!((record.bytes(), record.unix_ms), (4 + 4 + 6, Some(1)));
    }
}
