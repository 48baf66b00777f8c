//! On a real broker: its address stands in `WALX_KAFKA`.

mod config;
mod connect;
mod doctor;
pub(crate) mod line;
pub(crate) mod reading;
mod rules;
#[cfg(feature = "ssl")]
mod secure;
mod stats;
mod store;
mod tables;
mod three;
mod whole;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewTopic};
use walx_testkit::server;
use walx_utility::{clock, random};

use crate::config::KafkaConfig;
use crate::store::Store;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A store on the broker, below a prefix that nobody else has.
pub(crate) fn config() -> KafkaConfig {
    here().expect("WALX_WITHOUT leaves Kafka out; a test that may be left out asks `here`")
}

/// A store on the broker, below a prefix that nobody else has; `None` where the run does without it.
pub(crate) fn here() -> Option<KafkaConfig> {
    Some(at(&server("WALX_KAFKA")?))
}

/// A store at these brokers, below a prefix that nobody else has.
pub(crate) fn at(brokers: &str) -> KafkaConfig {
    let location = format!("{brokers}/t{:016x}-", random::number());
    KafkaConfig::new(location.parse().unwrap())
}

/// Makes a topic as somebody else does, without a writer.
async fn make(store: &Arc<Store>, new: &NewTopic<'_>) {
    let shared = store.admin().await.unwrap();
    let admin = shared.admin().unwrap();
    let made = admin.create_topics([new], &AdminOptions::new()).await;
    made.unwrap().remove(0).unwrap();
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = clock::now() + PATIENCE;
    while !holds().await {
        assert!(clock::now() < deadline, "{what} in time");
        clock::sleep(Duration::from_millis(10)).await;
    }
}
