use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use walx_core::{Category, Charge, Limits, Seq};
use walx_impls::StoredRecord;
use walx_utility::clock::Instant;

use crate::foreign::ForeignRun;

/// Records that came in together. Shared by the cache and by every scanner that stands in it; its bytes count until
/// the last of them lets go.
pub(super) struct Block {
    pub(super) records: Vec<StoredRecord>,
    /// What somebody else wrote before the first of them, as far as it was read.
    pub(super) foreign: Option<ForeignRun>,
    pub(super) first: Seq,
    pub(super) since: Instant,
    pub(super) bytes: usize,
    live_bytes: Arc<AtomicUsize>,
    _charge: Charge,
}

impl Block {
    /// A block of numbered records; `None` where there are none.
    pub(super) fn new(
        records: Vec<StoredRecord>,
        foreign: Option<ForeignRun>,
        since: Instant,
        live_bytes: &Arc<AtomicUsize>,
        limits: &Limits,
    ) -> Option<Self> {
        let first = records.first()?.record.header.seq?;
        let bytes = records
            .iter()
            .map(|it| {
                it.record.bytes() + size_of::<StoredRecord>() + it.record.properties.held_bytes()
            })
            .sum();
        live_bytes.fetch_add(bytes, Ordering::Relaxed);
        Some(Self {
            records,
            foreign,
            first,
            since,
            bytes,
            live_bytes: Arc::clone(live_bytes),
            _charge: limits.charge(Category::Cache, bytes),
        })
    }

    /// The seq behind the last record.
    pub(super) fn next(&self) -> Seq {
        Seq::new(self.first.get() + self.records.len() as u64)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.live_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
