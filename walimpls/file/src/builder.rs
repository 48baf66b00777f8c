use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{BackendName, Capability, Check, Config, Result};
use walx_helper::config;
use walx_impls::{Apart, OpenerBuilderImpls, OpenerImpls};
use walx_utility::spawn;

use crate::apart;
use crate::config::FileConfig;
use crate::directory::Directory;
use crate::doctor;
use crate::fault;
use crate::id::NAME;
use crate::opener::{FileOpener, capability};

/// Builds openers of stores in directories; see [`FileConfig`] for the keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct FileBuilder;

#[async_trait]
impl OpenerBuilderImpls for FileBuilder {
    fn name(&self) -> BackendName {
        NAME
    }

    fn capability(&self) -> Capability {
        capability(&FileConfig::default())
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>> {
        let opener = config::parse::<FileConfig>(NAME, &config)
            .and_then(FileConfig::check)
            .and_then(Directory::enter)
            .map_err(|error| error.with_operation("build"))?;
        Ok(Arc::new(FileOpener::new(opener)))
    }

    async fn doctor(&self, config: Config) -> Vec<Check> {
        let checks = spawn::blocking(move || doctor::doctor(&config)).await;
        checks.unwrap_or_default()
    }
    async fn apart(&self, config: Config) -> Result<Apart> {
        let made = config::parse::<FileConfig>(NAME, &config).and_then(FileConfig::check)?;
        let made = spawn::blocking(move || apart::apart(made)).await;
        made.unwrap_or_else(|spawn::Lost| Err(fault::broken()))
            .map_err(|error| error.with_operation("make a store for a test"))
    }
}
