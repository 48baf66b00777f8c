use serde::{Deserialize, Serialize};
use walx_core::{Capability, Durability, Fence, Truncation};
use walx_helper::config::ByteSize;

/// How a memory store is configured.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct MemoryConfig {
    /// The name by which openers of this process share the store; none = a store of its own.
    #[serde(alias = "location")]
    pub name: Option<String>,
    /// The largest record. 64 MiB by default.
    pub max_record: ByteSize,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self {
            name: None,
            max_record: ByteSize(64 << 20),
        }
    }
}

impl MemoryConfig {
    pub(crate) fn capability(&self) -> Capability {
        Capability::new(self.max_record.as_usize())
            .with_fence(Fence::Native)
            .with_truncation(Truncation::Exact)
            .with_atomic_batch(true)
            .with_start_by_time(true)
            .with_durability(Durability::None)
    }
}
