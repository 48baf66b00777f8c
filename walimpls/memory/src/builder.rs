use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{BackendName, Capability, Config, Error, ErrorKind, Result};
use walx_helper::config;
use walx_impls::{Apart, OpenerBuilderImpls, OpenerImpls};
use walx_utility::random;

use crate::opener::MemoryOpener;
use crate::{MemoryConfig, MemoryStore, NAME};

/// Makes openers of memory stores.
#[derive(Clone, Debug, Default)]
pub struct MemoryBuilder {
    /// The only store it opens, where it was made by one.
    store: Option<MemoryStore>,
}

impl MemoryBuilder {
    /// Opens what the configuration names.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn bound_to(store: MemoryStore) -> Self {
        Self { store: Some(store) }
    }
}

#[async_trait]
impl OpenerBuilderImpls for MemoryBuilder {
    fn name(&self) -> BackendName {
        NAME
    }

    fn capability(&self) -> Capability {
        MemoryConfig::default().capability()
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>> {
        let config: MemoryConfig = config::parse(NAME, &config)?;
        let store = match (&self.store, &config.name) {
            (Some(_), Some(name)) => {
                let text = format!(
                    "this builder was made by a store and opens no other: leave out the name {name:?}"
                );
                return Err(Error::new(ErrorKind::InvalidInput, text).with_operation("build"));
            }
            (Some(store), None) => store.clone(),
            (None, Some(name)) => MemoryStore::shared(name),
            (None, None) => MemoryStore::new(),
        };
        Ok(Arc::new(MemoryOpener::new(store, &config)))
    }
    async fn apart(&self, config: Config) -> Result<Apart> {
        let mut parsed: MemoryConfig = config::parse(NAME, &config)?;
        if self.store.is_some() {
            // It is of one store only, which whoever made it made for itself.
            return Ok(Apart::new(config));
        }
        let name = format!("apart-{:016x}", random::number());
        // A store without a name would be another one at each open.
        let store = MemoryStore::shared(&name);
        parsed.name = Some(name);
        let apart = Apart::new(config::to_config(&parsed)?).with_keep(store.clone());
        Ok(apart.with_foreign(store.foreign_writer()))
    }
}
