use walx_core::{Bytes, ForeignRecord, Header, Record};
use walx_impls::{Scanned, StoredRecord};

use crate::id;

/// What lies at a place.
pub(super) enum Item {
    Record(Record),
    /// The payload of one that somebody else wrote.
    Foreign(Bytes),
}

impl Item {
    pub(super) fn header(&self) -> Option<&Header> {
        match self {
            Self::Record(record) => Some(&record.header),
            Self::Foreign(_) => None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Record(record) => record.bytes(),
            Self::Foreign(payload) => payload.len(),
        }
    }

    /// As scanners get it.
    pub(super) fn scanned(&self, number: u64) -> Scanned {
        let id = id::of(number);
        match self {
            Self::Record(record) => Scanned::Record(StoredRecord {
                id,
                record: record.clone(),
            }),
            Self::Foreign(payload) => Scanned::Foreign(ForeignRecord::new(id, payload.clone())),
        }
    }
}
