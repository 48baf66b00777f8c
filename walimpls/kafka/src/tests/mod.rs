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

use walx_testkit::server;
use walx_utility::random;

use crate::config::KafkaConfig;

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
