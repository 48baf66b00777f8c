//! What operators' commands ask of a store.

mod copy;
mod inspect;
mod processes;
mod repair;
mod usage;
mod verify;

use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{
    ChannelName, Finding, Progress, RepairMode, Repaired, Result, StoreProcess, Usage,
};
use walx_impls::{Maintenance, OpenerImpls};
use walx_utility::spawn;

pub(crate) use self::inspect::unfinished;
pub(crate) use self::processes::name;
use crate::opener::FileOpener;

#[async_trait]
impl Maintenance for FileOpener {
    async fn usage(&self, channel: &ChannelName) -> Result<Usage> {
        let name = channel.clone();
        let config = self.config().clone();
        let usage = self.blocking("usage", move |directory| {
            usage::usage(directory, &config, &name)
        });
        usage.await.map_err(|error| error.with_channel(channel))
    }

    async fn processes(&self) -> Vec<StoreProcess> {
        let dir = self.config().path.clone();
        let found = spawn::blocking(move || processes::processes(&dir));
        found.await.unwrap_or_default()
    }

    async fn verify(
        &self,
        found: &mut (dyn FnMut(Finding) + Send),
        progress: &Progress,
    ) -> Result<()> {
        verify::verify(self, found, progress).await
    }

    fn salvaging(&self) -> Arc<dyn OpenerImpls> {
        Arc::new(self.reading_on())
    }

    async fn repair(&self, mode: RepairMode, progress: &Progress) -> Result<Repaired> {
        let progress = progress.clone();
        let repaired = self.blocking("repair", move |directory| {
            repair::repair(directory, mode, &progress)
        });
        repaired.await
    }
}
