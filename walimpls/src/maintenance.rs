use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{
    ChannelName, Finding, Progress, RepairMode, Repaired, Result, StoreProcess, Usage,
};

use crate::OpenerImpls;

/// What operators' commands ask of a backend that stores records itself, beyond reading and writing. Optional.
#[async_trait]
pub trait Maintenance: Send + Sync {
    /// What a channel takes in the store.
    ///
    /// # Errors
    /// `NotFound` where there is no such channel; whatever the backend can't answer with.
    async fn usage(&self, channel: &ChannelName) -> Result<Usage>;

    /// The processes that have the store open, as far as this one may see them.
    async fn processes(&self) -> Vec<StoreProcess>;

    /// Reads everything that is stored and durable, and hands each damage to `found`, in the order of the log.
    /// What a scan meets as [`Scanned::Damage`](crate::Scanned::Damage) belongs to it as well: the adaptor goes by
    /// these findings alone.
    ///
    /// # Errors
    /// What can't be read at all.
    async fn verify(
        &self,
        found: &mut (dyn FnMut(Finding) + Send),
        progress: &Progress,
    ) -> Result<()>;

    /// The same store for readers that go on behind damage, however it is configured.
    fn salvaging(&self) -> Arc<dyn OpenerImpls>;

    /// Makes a damaged store usable again; see [`Opener::repair`](walx_core::Opener::repair).
    ///
    /// # Errors
    /// `Conflict` where the store is open; `Corrupt` where nothing can be repaired.
    async fn repair(&self, mode: RepairMode, progress: &Progress) -> Result<Repaired>;
}
