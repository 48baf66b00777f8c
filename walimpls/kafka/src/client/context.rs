use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::statistics::Statistics;
use walx_core::ErrorKind;
use walx_utility::metric;

use super::Health;
use super::stats::Stats;
use crate::error;

/// What a client of librdkafka tells: its logs go into `tracing`, its errors into the store's health as well.
/// A context of its own, such as a writer's, calls these three.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    role: &'static str,
    topic: Arc<str>,
    health: Arc<Health>,
    stats: Arc<Stats>,
}

impl Context {
    /// Of a client that is a `writer`, a `reader`, `asker` or `admin`, of a topic or of none. Metrics go by the channel.
    pub(crate) fn new(
        role: &'static str,
        topic: &str,
        channel: &str,
        health: &Arc<Health>,
    ) -> Self {
        Self {
            role,
            topic: topic.into(),
            health: Arc::clone(health),
            stats: Arc::new(Stats::new(role, channel)),
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
        let (role, topic) = (self.role, &*self.topic);
        match level {
            // Options of the other role that a configuration has for both.
            _ if facility == "CONFWARN" => {
                tracing::debug!(target: "librdkafka", role, topic, facility, "{text}");
            }
            Emerg | Alert | Critical | Error => {
                tracing::error!(target: "librdkafka", role, topic, facility, "{text}");
            }
            Warning => tracing::warn!(target: "librdkafka", role, topic, facility, "{text}"),
            Notice | Info => tracing::info!(target: "librdkafka", role, topic, facility, "{text}"),
            Debug => tracing::debug!(target: "librdkafka", role, topic, facility, "{text}"),
        }
    }

    fn stats(&self, statistics: Statistics) {
        self.stats.take(&statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let (role, topic) = (self.role, &*self.topic);
        tracing::warn!(target: "librdkafka", role, topic, %error, "{reason}");
        self.health.report(&error, reason);
        let reason = match error::code(&error).map(error::kind) {
            Some(ErrorKind::Unavailable) => "unavailable",
            Some(ErrorKind::Denied) => "denied",
            Some(ErrorKind::Fenced) => "fenced",
            _ => "other",
        };
        let name = metric::KAFKA_CLIENT_ERRORS_TOTAL;
        metrics::counter!(name, "role" => role, "reason" => reason).increment(1);
    }
}

impl ConsumerContext for Context {}
