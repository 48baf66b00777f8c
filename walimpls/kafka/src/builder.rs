use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{BackendName, Capability, Check, Config, Error, Result};
use walx_helper::config;
use walx_impls::{Apart, OpenerBuilderImpls, OpenerImpls};

use crate::cluster::{self, Verified};
use crate::config::{KafkaConfig, KafkaFence};
use crate::id::NAME;
use crate::opener::{KafkaOpener, capability};
use crate::store::Store;
use crate::{apart, doctor};

/// Builds openers of stores on Kafka; see [`KafkaConfig`] for the keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct KafkaBuilder;

#[async_trait]
impl OpenerBuilderImpls for KafkaBuilder {
    fn name(&self) -> BackendName {
        NAME
    }

    fn capability(&self) -> Capability {
        capability(&KafkaConfig::default(), (1, 1))
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>> {
        let built = async {
            let config = config::parse::<KafkaConfig>(NAME, &config)?;
            open(config).await
        };
        let store = built
            .await
            .map_err(|error: Error| error.with_operation("build"))?;
        Ok(Arc::new(KafkaOpener::new(store)))
    }

    async fn doctor(&self, config: Config) -> Vec<Check> {
        doctor::doctor(config).await
    }

    async fn apart(&self, config: Config) -> Result<Apart> {
        let made = config::parse::<KafkaConfig>(NAME, &config).and_then(apart::apart);
        made.map_err(|error| error.with_operation("make a store for a test"))
    }
}

/// Connects, and makes sure that the brokers keep what the configuration promises.
async fn open(config: KafkaConfig) -> Result<Arc<Store>> {
    let store = Store::connect(config.check()?).await?;
    if store.settings.security.shows_password() {
        tracing::warn!(
            "the password goes to the brokers as it is, for anybody on the way to read: add tls=true, or use sasl=scram-sha-512"
        );
    }
    if store.config().fence == KafkaFence::Transaction
        && let Verified::Unknown(text) = cluster::verified(&store.cluster)?
    {
        tracing::warn!("{text}");
    }
    Ok(store)
}
