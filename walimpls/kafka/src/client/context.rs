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
            _ if is_expected(facility, text) => {
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

/// Whether a line that librdkafka logs as a warning tells nothing of a fault.
fn is_expected(facility: &str, text: &str) -> bool {
    match facility {
        // Options of the other role that a configuration has for both.
        "CONFWARN" => true,
        // At each take-over the coordinator is still ending the former writer's transaction. Where it doesn't come to an end
        // the open says so.
        "GETPID" => {
            text.contains("Failed to acquire transactional PID") && text.ends_with("retrying")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_take_over_and_options_of_both_roles_are_no_warnings() {
        // As librdkafka 2.12.1 writes them.
        let (at, why) = (
            "[thrd:main]: ",
            "Failed to acquire transactional PID from broker TxnCoordinator/1: Broker: Producer attempted to update a \
             transaction while another concurrent operation on the same transaction was ongoing",
        );
        assert!(is_expected("GETPID", &format!("{at}{why}: retrying")));
        assert!(is_expected("CONFWARN", "any"));
        assert!(!is_expected(
            "GETPID",
            &format!("{at}Acquired invalid PID{{-1}}")
        ));
        let other = why.replace("transactional", "idempotence");
        assert!(!is_expected("GETPID", &format!("{at}{other}: retrying")));
        assert!(!is_expected("FAIL", &format!("{why}: retrying")));
    }
}
