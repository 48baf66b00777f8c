//! The end of a transaction, and the start of the next one.

use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::Producer as _;
use walx_core::{Error, ErrorKind};
use walx_utility::clock::{self, Instant};

use super::failure::{Cause, is_lost_epoch};
use super::keeper::{Keeper, SHORT};
use crate::error;

/// How long a commit waits before it is looked whether there is still time for it.
const STEP: Duration = Duration::from_millis(100);

impl Keeper {
    /// Goes on in a new transaction. Appends wait in our own list meanwhile, no longer than this takes.
    pub(super) fn roll(&mut self) -> Option<Cause> {
        let started = clock::now();
        self.writer.hold();
        if let Err(cause) = self.commit_sent() {
            return Some(cause);
        }
        self.writer.send_held(true);
        let took = clock::now().saturating_duration_since(started);
        tracing::debug!(channel = %self.writer.channel, ?took, "a Kafka transaction was rolled");
        None
    }

    /// Sends what waits, commits it, and answers it.
    pub(super) fn commit_group(&mut self) -> Option<Cause> {
        // What is called from here on waits for the next group: librdkafka takes nothing while a transaction ends.
        self.writer.hold();
        self.writer.send_held(false);
        match self.commit_sent() {
            // The coordinator took the commit: at that moment nobody else had the channel.
            Ok(at) if self.writer.flights.is_fresh(at) => {
                let gate = self.writer.gate();
                self.writer.flights.acknowledge(i64::MAX, at, gate);
                None
            }
            Ok(_) => self.prove_until_answered(),
            Err(cause) => Some(cause),
        }
    }

    /// Waits for the reports of what was sent, commits it, and begins anew; when the commit was called.
    fn commit_sent(&mut self) -> Result<Instant, Cause> {
        loop {
            let view = self.writer.flights.view();
            if let Some(cause) = self.trouble(&view) {
                return Err(cause);
            }
            if view.reported {
                break;
            }
            if self.is_late_to_end() {
                return Err(Cause::Closed);
            }
            self.serve(SHORT);
        }
        let at = clock::now();
        let deadline = at + self.writer.limits.delivery_timeout;
        let done = self
            .commit(deadline)
            .and_then(|()| self.producer.begin_transaction());
        done.map_err(|error| Cause::transaction(&error))?;
        self.writer.flights.begin();
        Ok(at)
    }

    fn prove_until_answered(&mut self) -> Option<Cause> {
        loop {
            if let Some(cause) = self.prove() {
                return Some(cause);
            }
            if self.writer.flights.view().answered {
                return None;
            }
            if self.is_late_to_end() {
                return Some(Cause::Closed);
            }
            self.writer.flights.pause(SHORT);
        }
    }

    /// Ends the last transaction of a handle that is closed or dropped.
    pub(super) fn commit_last(&mut self, deadline: Instant) -> walx_core::Result<()> {
        if !self.writer.limits.is_fenced_by_broker() {
            return Ok(());
        }
        let Err(error) = self.commit(deadline) else {
            return Ok(());
        };
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        let fatal = self.producer.client().fatal_error().map(|(code, _)| code);
        if is_lost_epoch(fatal.unwrap_or(code)) {
            // Whoever has the channel by now has ended it.
            return Ok(());
        }
        let text = "its records are safe, but its last transaction could not be committed: programs that read committed \
                    records don't see them";
        let named = Error::new(ErrorKind::Unavailable, text);
        let source = error::of("commit", &error, &self.writer.store.health);
        Err(self.writer.named("close", named.with_source(source)))
    }

    /// In short steps: somebody may want the end meanwhile.
    fn commit(&mut self, deadline: Instant) -> Result<(), KafkaError> {
        loop {
            let deadline = self.end_by().map_or(deadline, |end| end.min(deadline));
            let left = deadline.saturating_duration_since(clock::now());
            match self.producer.commit_transaction(left.min(STEP)) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && !left.is_zero() => {
                    self.writer.flights.pause(SHORT.min(left));
                }
                done => return done,
            }
        }
    }
}
