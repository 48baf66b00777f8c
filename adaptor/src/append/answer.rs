//! What the callers of decided appends get, and who else is told.

use std::sync::Arc;
use std::time::Duration;

use tracing::Span;
use walx_core::{Error, ErrorKind, Lsn, MessageId, Place};
use walx_impls::{Batch, Kind, Record, StoredRecord};
use walx_utility::clock::Instant;

use super::Writer;
use super::order::Flight;
use super::slot::Slot;
use super::slow::SlowLog;
use super::stages::Stages;
use crate::interceptor;
use crate::planted::{self, Bug};

/// A decided append: where its caller waits, and what it gets.
pub(super) struct Answer {
    slot: Option<Arc<Slot>>,
    stages: Stages,
    span: Span,
    /// What the caller gets though the records are durable.
    refused: Option<Error>,
    outcome: Outcome,
}

/// A place for each record, with its bytes and kind; or why there is none, with the records.
type Outcome = Result<Batch<(Place, usize, Kind)>, (Error, Batch<Record>)>;

/// What was acknowledged together.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Answer {
    /// The flight is durable at these places; its records go to the cache.
    pub(super) fn durable(
        flight: Flight,
        ids: Batch<MessageId>,
        records: &mut Vec<StoredRecord>,
    ) -> Self {
        Self {
            outcome: Ok(confirmed(flight.landed, flight.records, ids, records)),
            slot: flight.slot,
            stages: flight.stages,
            span: flight.span,
            refused: flight.refused,
        }
    }

    /// The flight has failed, or is given up.
    pub(super) fn failed(flight: Flight, error: Error) -> Self {
        Self {
            outcome: Err((error, flight.records)),
            refused: None,
            slot: flight.slot,
            stages: flight.stages,
            span: flight.span,
        }
    }

    /// Tells the caller, then the hooks, the metrics and the log.
    pub(super) fn give(self, writer: &Writer, now: Instant, slow: &mut SlowLog, tally: &mut Tally) {
        let whole = self.stages.whole(now);
        match self.outcome {
            Ok(places) => {
                if let Some(slot) = self.slot {
                    slot.decide(match self.refused {
                        None => Ok(places.clone().map(|(place, _, _)| place)),
                        Some(error) => Err(writer.named(error)),
                    });
                }
                let places = places.as_slice();
                // Walx's own records count nowhere.
                let Some((first, _, Kind::Data)) = places.first() else {
                    return;
                };
                writer.metrics.durable(self.stages.times(now), whole);
                tally.messages += places.len() as u64;
                let bytes: usize = places.iter().map(|(_, bytes, _)| bytes).sum();
                tally.bytes += bytes as u64;
                if slow.is_slow(whole) {
                    writer.metrics.slow.increment(1);
                    slow.note(first.lsn, bytes, self.stages, now);
                }
                self.span.in_scope(|| {
                    for (place, bytes, _) in places {
                        interceptor::appended(&writer.channel.name, place, *bytes, whole);
                        writer.after(*bytes, whole, &Ok(*place));
                    }
                });
            }
            Err((error, records)) => {
                let error = writer.named(error);
                if let Some(slot) = self.slot {
                    slot.decide(Err(error.clone()));
                }
                let records = records.as_slice();
                let data = |record: &&Record| record.header.kind == Kind::Data;
                let bytes = records.iter().filter(data).map(Record::bytes);
                self.span
                    .in_scope(|| writer.after_failure(bytes, whole, &error));
            }
        }
    }

    /// Tells the caller alone.
    pub(super) fn give_caller(self, writer: &Writer) {
        let outcome = self
            .outcome
            .map(|places| places.map(|(place, _, _)| place))
            .map_err(|(error, _)| error);
        let outcome = match self.refused {
            None => outcome,
            Some(error) => Err(error),
        };
        let outcome = outcome.map_err(|error| writer.named(error));
        if let Some(slot) = self.slot {
            slot.decide(outcome);
        }
    }
}

impl Writer {
    /// Lets everybody see that messages of these bytes were not written, or may not have been.
    pub(super) fn after_failure(
        &self,
        bytes: impl Iterator<Item = usize>,
        elapsed: Duration,
        error: &Error,
    ) {
        let mut messages = 0;
        for bytes in bytes {
            messages += 1;
            interceptor::not_appended(&self.channel.name, self.owner(), elapsed, error);
            self.after(bytes, elapsed, &Err(error.clone()));
        }
        if messages > 0 {
            interceptor::append_failed(error.kind(), messages);
        }
    }
}

/// An error that says whether the record was written; one that doesn't say leaves it open.
pub(super) fn definite(error: Error) -> Error {
    match error.kind() {
        _ if planted::is(Bug::TellsNotWritten) => {
            Error::new(ErrorKind::NotWritten, "a planted bug says so")
        }
        ErrorKind::Fenced
        | ErrorKind::NotWritten
        | ErrorKind::TooLarge
        | ErrorKind::OutcomeUnknown => error,
        _ => unknown("the backend did not say whether it was written").with_source(error),
    }
}

/// Nothing of it was written, for this reason.
pub(super) fn not_written(why: &'static str) -> Error {
    let text = "it was not written, and never will be; safe to append again after a new open";
    Error::new(ErrorKind::NotWritten, text).with_context("reason", why)
}

pub(super) fn unknown(message: &'static str) -> Error {
    Error::new(ErrorKind::OutcomeUnknown, message).with_context(
        "way out",
        "open the wal anew and scan to find out; walx will not write it again",
    )
}

/// The places of confirmed messages, with the bytes and the kind of each; the records go to the cache. A message in
/// chunks lies where its last one does.
fn confirmed(
    landed: Vec<(Place, usize, Kind)>,
    batch: Batch<Record>,
    ids: Batch<MessageId>,
    records: &mut Vec<StoredRecord>,
) -> Batch<(Place, usize, Kind)> {
    let mut id = ids.as_slice().iter().copied();
    let first = ids.as_slice()[0];
    let has_chunks = batch.as_slice().iter().any(|it| it.header.chunk.is_some());
    let behind = batch.map(|record| {
        let stored = StoredRecord {
            id: id.next().unwrap_or(first),
            record,
        };
        let answer = answer_of(&stored);
        records.push(stored);
        answer
    });
    if landed.is_empty() && !has_chunks {
        return behind;
    }
    let mut whole: Vec<(Place, usize, Kind)> = Vec::new();
    let mut add = |(place, bytes, kind): (Place, usize, Kind)| match whole.last_mut() {
        Some((last, sum, _)) if last.lsn == place.lsn => (*last, *sum) = (place, *sum + bytes),
        _ => whole.push((place, bytes, kind)),
    };
    landed.into_iter().for_each(&mut add);
    behind.for_each(add);
    Batch::Many(whole)
}

/// What the caller gets for a record that is durable.
pub(super) fn answer_of(stored: &StoredRecord) -> (Place, usize, Kind) {
    let header = &stored.record.header;
    let lsn = header.lsn.unwrap_or(Lsn::ZERO);
    let place = Place::new(stored.id, lsn, header.tick, header.owner);
    (place, stored.record.bytes(), header.kind)
}
