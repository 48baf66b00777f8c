use serde::{Deserialize, Serialize};
use walx_core::{Capability, Fence, Truncation};
use walx_helper::config::ByteSize;

/// How a shelf store is configured: `shelf:?max_record=64KiB`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShelfConfig {
    /// The largest record. 4 MiB by default.
    pub max_record: ByteSize,
}

impl Default for ShelfConfig {
    fn default() -> Self {
        Self {
            max_record: ByteSize(4 << 20),
        }
    }
}

impl ShelfConfig {
    pub(crate) fn capability(&self) -> Capability {
        Capability::new(self.max_record.as_usize())
            .with_fence(Fence::Native)
            .with_truncation(Truncation::Exact)
            .with_atomic_batch(true)
    }
}
