//! How each client of librdkafka is configured, and what it tells.

mod context;
mod health;
mod read_ahead;
mod stats;

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::config::{KafkaConfig, KafkaFence};
use crate::security::Security;

pub(crate) use context::Context;
pub(crate) use health::Health;

pub(crate) use read_ahead::ReadAhead;

/// What all clients of a store have in common.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) config: KafkaConfig,
    pub(crate) security: Security,
}

impl Settings {
    /// Asks for watermarks, offsets and metadata.
    pub(crate) fn asker(&self) -> ClientConfig {
        self.reading()
    }

    /// Creates topics, describes them, truncates. Nobody serves its main queue: it must not log anything there.
    pub(crate) fn admin(&self) -> ClientConfig {
        let mut client = self.any();
        client.set_log_level(RDKafkaLogLevel::Emerg);
        client
    }

    /// Appends to a topic.
    pub(crate) fn writer(&self, topic: &str) -> ClientConfig {
        let config = &self.config;
        let mut client = self.any();
        self.statistics(&mut client);
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("max.in.flight.requests.per.connection", "5")
            .set("linger.ms", ms(config.linger.0))
            .set("delivery.timeout.ms", ms(config.delivery_timeout.0))
            .set("compression.codec", config.compression.word())
            .set("message.max.bytes", config.max_batch_records().to_string())
            // Bytes in flight have their bound above, in the adaptor.
            .set("queue.buffering.max.messages", "0")
            .set("queue.buffering.max.kbytes", "2147483647");
        if config.fence == KafkaFence::Transaction {
            let timeout = config.transaction_timeout.0;
            // librdkafka wants room between the two.
            let socket = timeout.saturating_sub(Duration::from_millis(200));
            if socket < Duration::from_secs(60) {
                self.unless_set(&mut client, "socket.timeout.ms", ms(socket));
            }
            client
                .set("transactional.id", topic)
                .set("transaction.timeout.ms", ms(timeout));
        }
        client
    }

    /// Reads a topic, so many bytes ahead.
    pub(crate) fn reader(&self, read_ahead_bytes: usize) -> ClientConfig {
        let mut client = self.reading();
        self.statistics(&mut client);
        let ahead = ReadAhead::of(read_ahead_bytes);
        self.unless_set(&mut client, "queued.max.messages.kbytes", ahead.kib);
        self.unless_set(&mut client, "queued.min.messages", ahead.messages);
        self.unless_set(&mut client, "fetch.message.max.bytes", ahead.fetch);
        // When a full queue is looked at again: what keeps a reader waiting that has emptied it.
        self.unless_set(&mut client, "fetch.queue.backoff.ms", 2);
        self.unless_set(&mut client, "fetch.error.backoff.ms", 50);
        // How long brokers may hang before the reader finds out; librdkafka wants a second more than brokers wait for more.
        let hang = self.config.read_timeout.0;
        let hang = hang.clamp(Duration::from_millis(1_500), Duration::from_secs(60));
        self.unless_set(&mut client, "socket.timeout.ms", ms(hang));
        // It was there when the reader began: that brokers don't know it is to be told soon.
        self.unless_set(&mut client, "topic.metadata.propagation.max.ms", 3000);
        client
    }

    /// Looks at a few messages round an offset, now here, now there: one that waits for more at the end of a topic would
    /// keep the next look waiting.
    pub(crate) fn looker(&self) -> ClientConfig {
        let mut client = self.reading();
        client
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "2")
            .set("fetch.queue.backoff.ms", "2")
            .set("fetch.error.backoff.ms", "50")
            .set("fetch.message.max.bytes", "65536")
            .set("queued.max.messages.kbytes", "256")
            .set("queued.min.messages", "1000");
        client
    }

    /// Belongs to no group: that needs rights and look-ups.
    fn reading(&self) -> ClientConfig {
        let mut client = self.any();
        // A batch that was changed on its way, or on a broker's disk, is to be found.
        self.unless_set(&mut client, "check.crcs", true);
        let largest = (self.config.max_message.0 + (1 << 20)).max(100_000_000);
        self.unless_set(&mut client, "receive.message.max.bytes", largest);
        client
            // Also for watermarks: the other level ends at the open transaction.
            .set("isolation.level", "read_uncommitted")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error");
        client
    }

    /// Sets what the configuration leaves open.
    fn unless_set(&self, client: &mut ClientConfig, name: &str, value: impl ToString) {
        if !self.config.kafka.contains_key(name) {
            client.set(name, value.to_string());
        }
    }

    fn any(&self) -> ClientConfig {
        let config = &self.config;
        let mut client = ClientConfig::new();
        client.set_log_level(match config.kafka.get("debug") {
            Some(_) => RDKafkaLogLevel::Debug,
            None => RDKafkaLogLevel::Info,
        });
        client
            .set("client.id", "walx")
            .set("reconnect.backoff.max.ms", "1000")
            .set(
                "socket.connection.setup.timeout.ms",
                connection_ms(config.timeout.0),
            )
            .set("socket.keepalive.enable", "true");
        for (name, value) in &config.kafka {
            client.set(name, value.expose());
        }
        client
            .set("bootstrap.servers", config.location.brokers().join(","))
            // A topic that is gone is not to come back by a look at it.
            .set("allow.auto.create.topics", "false");
        self.security.apply(&mut client);
        client
    }

    fn statistics(&self, client: &mut ClientConfig) {
        client.set("statistics.interval.ms", ms(self.config.statistics.0));
    }
}

/// The broker that doesn't even take the connection is passed over while there is time for another one.
fn connection_ms(timeout: Duration) -> String {
    ms((timeout / 2).max(Duration::from_secs(1)))
}

/// As librdkafka writes durations.
pub(crate) fn ms(duration: Duration) -> String {
    duration.as_millis().to_string()
}
