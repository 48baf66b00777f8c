//! From errors of librdkafka to those of walx.

pub(crate) mod table;
#[cfg(test)]
mod tests;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaConfRes;
use walx_core::{Error, ErrorKind, Status};

use crate::client::Health;

/// The error of walx for one of librdkafka, met by a call that tried to `doing`, such as `look at the topic`. Where the
/// client ran out of time, what it reported meanwhile tells why. No text has a value of the configuration in it.
pub(crate) fn of(doing: &str, error: &KafkaError, health: &Health) -> Error {
    let row = row(error);
    let reported = match row.kind {
        ErrorKind::Unavailable => health.trouble(),
        _ => None,
    };
    let (row, reason) = match reported {
        Some(it) => (
            table::find(it.code),
            format!("{} ({})", reason(error), it.reason),
        ),
        None => (row, reason(error)),
    };
    let text = format!("can't {doing}: {reason}; {}", row.way_out);
    let error = Error::new(row.kind, text);
    match health.brokers() {
        "" => error,
        brokers => error.with_context("brokers", brokers),
    }
}

/// How to react to a code of librdkafka or of a broker. What an append gets depends on more: whether it is known to be
/// written.
pub(crate) fn kind(code: RDKafkaErrorCode) -> ErrorKind {
    table::find(code).kind
}

/// The code of an error, also where librdkafka's wrapper doesn't give it.
pub(crate) fn code(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

fn row(error: &KafkaError) -> table::Row {
    match error {
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_) => {
            table::CONFIGURATION
        }
        KafkaError::Canceled => table::find(RDKafkaErrorCode::BrokerDestroy),
        other => code(other).map_or(table::UNKNOWN, table::find),
    }
}

fn reason(error: &KafkaError) -> String {
    match error {
        // Its own text has the value, which may be a secret.
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, key, _) => {
            format!("librdkafka has no option '{key}'")
        }
        KafkaError::ClientConfig(_, _, key, _) => {
            format!("librdkafka takes no such value for its option '{key}'")
        }
        KafkaError::ClientCreation(text) => format!("librdkafka says: {text}"),
        KafkaError::Transaction(error) => error.string(),
        other => code(other).map_or_else(|| other.to_string(), |code| code.to_string()),
    }
}

/// Work on a blocking thread ended without an answer.
pub(crate) fn broken(doing: &str) -> Error {
    let text = format!(
        "can't {doing}: the runtime was shut down while the call waited; keep it until the store is closed"
    );
    Error::new(ErrorKind::Unavailable, text).with_status(Status::Permanent)
}
