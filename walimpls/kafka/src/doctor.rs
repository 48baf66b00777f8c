//! What only this backend knows of a store: whether the brokers can be reached, what they promise, and what the topics
//! of its channels are like.

mod brokers;
mod topics;

use std::sync::Arc;

use walx_core::{Check, Config, Health};
use walx_helper::config;

use crate::config::KafkaConfig;
use crate::id::NAME;
use crate::store::Store;
use crate::words;

/// Looks at everything that a store needs, and changes nothing.
pub(crate) async fn doctor(config: Config) -> Vec<Check> {
    let parsed = config::parse::<KafkaConfig>(NAME, &config).and_then(KafkaConfig::check);
    let config = match parsed {
        Ok(config) => config,
        Err(error) => return vec![problem("configuration", error)],
    };
    let addresses = config.location.brokers().join(", ");
    let store = match Store::connect(config).await {
        Ok(store) => store,
        Err(error) => return vec![problem("brokers", error)],
    };
    let mut checks = vec![met(&store, &addresses), connection(&store)];
    checks.extend(brokers::silent(&store));
    checks.push(brokers::fence(&store));
    checks.extend(brokers::transactions(&store));
    checks.push(brokers::copies(&store));
    checks.extend(brokers::auto_create(&store));
    checks.push(topics::create(&store).await);
    checks.extend(topics::existing(&store).await);
    store.close();
    checks
}

fn met(store: &Arc<Store>, addresses: &str) -> Check {
    let cluster = &store.cluster;
    let brokers: Vec<_> = cluster
        .brokers
        .iter()
        .map(|it| it.address.as_str())
        .collect();
    let text = format!(
        "{}, reached by {addresses}; they advertise {}",
        cluster
            .server()
            .unwrap_or_else(|| format!("{} of an unknown release", words::brokers(brokers.len()))),
        brokers.join(", ")
    );
    Check::new("brokers", Health::Good, text)
}

fn connection(store: &Arc<Store>) -> Check {
    let security = &store.settings.security;
    let text = security.in_words();
    match security.shows_password() {
        false => Check::new("connection", Health::Good, text),
        true => {
            let text = format!("{text}: anybody on the way can read the password; add tls=true");
            Check::new("connection", Health::Warning, text)
        }
    }
}

fn problem(name: &'static str, why: impl std::fmt::Display) -> Check {
    Check::new(name, Health::Problem, why.to_string())
}
