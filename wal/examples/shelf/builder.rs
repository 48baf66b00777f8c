use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{BackendName, Capability, Config, Result};
use walx_helper::config;
use walx_impls::{OpenerBuilderImpls, OpenerImpls};

use super::config::ShelfConfig;
use super::id::NAME;
use super::opener::ShelfOpener;
use super::system::System;

/// Makes openers of shelf stores. All that one builder opens is one store.
#[derive(Default)]
pub struct ShelfBuilder(Arc<System>);

#[async_trait]
impl OpenerBuilderImpls for ShelfBuilder {
    fn name(&self) -> BackendName {
        NAME
    }

    fn capability(&self) -> Capability {
        ShelfConfig::default().capability()
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>> {
        let config: ShelfConfig = config::parse(NAME, &config)?;
        Ok(Arc::new(ShelfOpener::new(Arc::clone(&self.0), &config)))
    }
}
