use std::sync::Mutex;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use walx_utility::sync::lock;

/// What the clients of a store reported last. librdkafka tries again by itself and tells why it must only here: a
/// call that runs out of time finds its cause in it.
#[derive(Debug, Default)]
pub(crate) struct Health {
    brokers: String,
    last: Mutex<Option<Trouble>>,
}

/// Why brokers can't be reached.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) code: RDKafkaErrorCode,
    pub(crate) reason: String,
}

impl Health {
    /// Of a store with these brokers.
    pub(crate) fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            last: Mutex::default(),
        }
    }

    /// The brokers that the store's location names.
    pub(crate) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// Keeps what a client reported, unless something that tells more is known.
    pub(crate) fn report(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        // With TLS 1.3 a broker refuses a certificate behind the handshake, which librdkafka takes for a lost connection.
        let code = match reason.contains("SSL alert number") {
            true => RDKafkaErrorCode::SSL,
            false => code,
        };
        let mut last = lock(&self.last);
        let vague = code == RDKafkaErrorCode::AllBrokersDown;
        if !vague || last.is_none() {
            let reason = reason.to_owned();
            *last = Some(Trouble { code, reason });
        }
    }

    /// The brokers answered.
    pub(crate) fn good(&self) {
        *lock(&self.last) = None;
    }

    pub(crate) fn trouble(&self) -> Option<Trouble> {
        lock(&self.last).clone()
    }
}
