//! What librdkafka says at the place of a message.

use rdkafka::error::RDKafkaErrorCode as Code;
use walx_core::{Error, ErrorKind};

use crate::error::table;
use crate::topic;

/// The reason why reading a topic ends.
pub(crate) fn of(topic: &str, code: Code, text: &str) -> Error {
    let row = table::find(code);
    let (kind, way_out) = match (code, row.kind) {
        (_, ErrorKind::NotFound) => return topic::missing(topic),
        (Code::MessageSizeTooLarge, _) => (
            ErrorKind::Unsupported,
            "a batch is larger than the client takes: raise kafka.receive.message.max.bytes",
        ),
        (_, kind) => (kind, row.way_out),
    };
    let error = Error::new(kind, format!("can't read on: {text}; {way_out}"));
    error.with_context("topic", topic)
}

/// Whether what librdkafka says of a lost place is that the log was cut off before it: brokers have lost what it had read.
/// Then the place may be in the topic again, behind other messages than before.
pub(super) fn says_cut_off(text: &str) -> bool {
    text.contains("log truncation")
}

/// The topic was cut off before the place that was read up to.
pub(super) fn cut_off(topic: &str, next: i64) -> Error {
    let text = "the topic ended before the place that was read up to: it was made anew, or its brokers have lost what \
                was acknowledged (unclean leader election); start at the earliest record that is kept";
    Error::new(ErrorKind::PositionLost { earliest: None }, text)
        .with_context("topic", topic)
        .with_context("offset", next)
}

/// What is wrong with a message, with its place.
pub(crate) fn at(error: Error, topic: &str, offset: i64) -> Error {
    error
        .with_context("topic", topic)
        .with_context("partition", crate::store::PARTITION)
        .with_context("offset", offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_cut_off_is_known_by_librdkafka_s_words() {
        let reason = Code::LogTruncation.to_string();
        assert!(says_cut_off(&reason), "{reason}");
        for lost in [
            Code::OffsetOutOfRange,
            Code::AutoOffsetReset,
            Code::NoOffset,
        ] {
            assert!(!says_cut_off(&lost.to_string()), "{lost}");
        }
    }
}
