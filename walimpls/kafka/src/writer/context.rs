use std::sync::Arc;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;

use super::flights::Flights;
use crate::client::Context;

/// What a writer's client tells: the outcome of each record, beside what all clients do.
pub(crate) struct WriterContext {
    client: Context,
    flights: Arc<Flights>,
}

impl WriterContext {
    pub(super) fn new(client: Context, flights: &Arc<Flights>) -> Self {
        let flights = Arc::clone(flights);
        Self { client, flights }
    }
}

impl ClientContext for WriterContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.client.log(level, facility, text);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.client.stats_raw(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client.error(error, reason);
    }
}

impl ProducerContext for WriterContext {
    /// The record's number.
    type DeliveryOpaque = usize;

    fn delivery(&self, report: &DeliveryResult<'_>, number: usize) {
        let outcome = match report {
            Ok(message) => Ok(message.offset()),
            Err((error, _)) => {
                let code = error.rdkafka_error_code();
                Err(code.unwrap_or(RDKafkaErrorCode::Unknown))
            }
        };
        self.flights.report(number as u64, outcome);
    }
}
