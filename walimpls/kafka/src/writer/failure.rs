//! What appends get when one of them fails.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::Producer as _;
use walx_core::{Error, ErrorKind};
use walx_utility::clock::{self, Instant};

use super::flights::{Failure, Trouble};
use super::keeper::Keeper;
use crate::error;

/// How long it is looked for the mark of whoever took the transactional id. That open takes some 50 ms from there to
/// its mark.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(25);

/// Why a writer can't go on.
pub(super) enum Cause {
    /// The client's own word.
    Trouble(Trouble),
    /// An append has waited for its report too long.
    Late,
    /// The end of a transaction, or its start, failed.
    Transaction(Code, String),
    /// The handle or its store was closed, or dropped.
    Closed,
    /// The thread panicked.
    Panicked,
    /// Somebody else's mark was found.
    Overtaken(i64),
    /// It could not be found out in time whether somebody else has the channel.
    Unproved(Error),
}

impl Cause {
    pub(super) fn transaction(error: &KafkaError) -> Self {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        Self::Transaction(code, error.to_string())
    }
}

impl Keeper {
    /// Answers everything, for ever.
    pub(super) fn fail(&mut self, cause: Cause) {
        let failure = self.failure(cause);
        tracing::debug!(channel = %self.writer.channel, error = %failure.oldest, "a Kafka writer ends");
        self.writer.end_order(failure.unsent.clone());
        self.writer.flights.fail(failure);
        self.writer.strip();
    }

    fn failure(&self, cause: Cause) -> Failure {
        let code = match cause {
            Cause::Trouble(Trouble::Offset(offset)) => {
                let text = format!("the client reports offset {offset} for it, which can't be");
                return self.unknown(Error::new(ErrorKind::OutcomeUnknown, text), None);
            }
            Cause::Trouble(Trouble::Code(code) | Trouble::Elsewhere(code)) => code,
            Cause::Transaction(code, _) => code,
            Cause::Closed => {
                let text = "the handle was closed before the append was answered; scan to find out";
                return self.unknown(Error::new(ErrorKind::OutcomeUnknown, text), None);
            }
            Cause::Panicked => {
                let text = "the writer's thread panicked; open the channel again, and report it";
                return self.unknown(Error::new(ErrorKind::OutcomeUnknown, text), None);
            }
            Cause::Overtaken(mark) => return self.fenced(mark),
            Cause::Unproved(source) => {
                let text = "it is stored, but it could not be found out in time whether another owner has the channel";
                return self.unknown(
                    Error::new(ErrorKind::OutcomeUnknown, text).with_source(source),
                    None,
                );
            }
            Cause::Late => {
                let text = format!(
                    "the brokers did not answer in the time of delivery_timeout ({} ms)",
                    self.writer.limits.delivery_timeout.as_millis()
                );
                return self.unknown(Error::new(ErrorKind::OutcomeUnknown, text), None);
            }
        };
        let is_oldest = matches!(cause, Cause::Trouble(Trouble::Code(_)));
        // A purge behind a fatal error only says that there was one.
        let fatal = self.producer.client().fatal_error();
        let (code, said) = match (fatal, cause) {
            (Some((code, said)), _) => (code, said),
            (None, Cause::Transaction(_, said)) => (code, said),
            (None, _) => (code, code.to_string()),
        };
        if self.writer.limits.is_fenced_by_broker() && is_lost_epoch(code) {
            if let Some(mark) = self.find_successor() {
                return self.fenced(mark);
            }
            if self.writer.token.get().is_none() {
                let text = "another open of the channel came between; open again";
                let error = Error::new(ErrorKind::Conflict, text).with_context("client", said);
                return self.unknown(error, None);
            }
            let why = "the transaction coordinator ended this writer's transaction, by its time-out or for an open that \
                       did not come to its end";
            let error = Error::new(ErrorKind::OutcomeUnknown, why).with_context("client", said);
            return self.unknown(error, None);
        }
        let kind = match error::kind(code) {
            // The others would be said of an append that may lie in the log.
            kind @ (ErrorKind::TooLarge
            | ErrorKind::InvalidInput
            | ErrorKind::Denied
            | ErrorKind::NotFound)
                if is_oldest =>
            {
                kind
            }
            _ => ErrorKind::OutcomeUnknown,
        };
        let text = format!("the brokers did not store it: {said}");
        let cause = Error::new(ErrorKind::OutcomeUnknown, text.clone());
        let oldest = (kind != ErrorKind::OutcomeUnknown).then(|| Error::new(kind, text));
        self.unknown(cause, oldest)
    }

    /// Nobody knows what became of those that were sent.
    fn unknown(&self, cause: Error, oldest: Option<Error>) -> Failure {
        let name = |error: Error| self.writer.named("append", error);
        let sent = name(cause);
        let text = "an append of this writer failed before; open the channel again, then append it";
        let unsent = Error::new(ErrorKind::NotWritten, text).with_context("earlier append", &sent);
        Failure {
            oldest: oldest.map_or_else(|| sent.clone(), name),
            unsent: name(unsent),
            sent,
        }
    }

    /// Another owner has the channel: nothing more of this writer can land.
    fn fenced(&self, mark: i64) -> Failure {
        let error = self.writer.named("append", overtaken(mark));
        Failure {
            oldest: error.clone(),
            sent: error.clone(),
            unsent: error,
        }
    }

    /// The mark of whoever opened the channel since. The client only says that the transactional id is somebody
    /// else's, or was taken by the coordinator, whose time-out says so as well: the log tells.
    fn find_successor(&self) -> Option<i64> {
        let mark = self.writer.token.get()?.mark;
        let started = clock::now();
        loop {
            match self.newest() {
                Ok(newest) if newest > mark => return Some(newest),
                Ok(_) if !self.may_be_overtaken(started) => return None,
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(channel = %self.writer.channel, %error, "a look at the end of the log");
                }
            }
            if clock::now().saturating_duration_since(started) >= PATIENCE || self.is_hurried() {
                return None;
            }
            self.writer.flights.pause(PAUSE);
        }
    }

    /// Whether the transaction can't have been ended by its time-out.
    fn may_be_overtaken(&self, now: Instant) -> bool {
        let began = self.writer.flights.view().began;
        let age = began.map(|began| now.saturating_duration_since(began));
        age.is_none_or(|age| age < self.writer.limits.transaction_timeout * 9 / 10)
    }
}

/// Another writer left its mark at this offset.
pub(super) fn overtaken(mark: i64) -> Error {
    let text = "another writer opened the channel since; step back, or open anew";
    Error::new(ErrorKind::Fenced, text).with_context("its mark at offset", mark)
}

/// Whether the broker takes nothing more of this producer's epoch.
pub(super) fn is_lost_epoch(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced
            | Code::InvalidProducerEpoch
            | Code::ProducerFenced
            | Code::InvalidTransactionalState
            | Code::InvalidProducerIdMapping
            | Code::UnknownProducerId
    )
}
