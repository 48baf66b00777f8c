//! What the callers of decided appends get, and who else is told.

use std::sync::Arc;
use std::time::Duration;

use walx_core::{Error, ErrorKind, Lsn, MessageId, Place};
use walx_impls::{Batch, Kind, Record, StoredRecord};
use walx_utility::clock::Instant;

use super::Writer;
use super::flight::{Flight, Rare};
use super::slot::Slot;
use super::slow::SlowLog;
use super::stages::Stages;
use crate::interceptor;
use crate::planted::{self, Bug};

/// A decided append: where its caller waits, and what it gets.
pub(super) struct Answer {
    slot: Option<Arc<Slot>>,
    stages: Stages,
    /// Its span, and what the caller gets though the records are durable.
    rare: Option<Box<Rare>>,
    outcome: Outcome,
}

const _: () = assert!(size_of::<Answer>() <= 176);

/// A place for each record, with its bytes and kind; or why there is none, with the records.
type Outcome = Result<Batch<(Place, usize, Kind)>, Box<(Error, Batch<Record>)>>;

/// What was acknowledged together.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) messages: u64,
    pub(super) bytes: u64,
}

impl Answer {
    /// The flight is durable at these places; its records go to the cache.
    pub(super) fn durable(
        mut flight: Flight,
        ids: Batch<MessageId>,
        records: &mut Vec<StoredRecord>,
    ) -> Self {
        let rare = flight.rare.as_mut();
        let landed = rare.map(|it| std::mem::take(&mut it.landed));
        Self {
            outcome: Ok(confirmed(
                landed.unwrap_or_default(),
                flight.records,
                ids,
                records,
            )),
            slot: flight.slot,
            stages: flight.stages,
            rare: flight.rare,
        }
    }

    /// The flight has failed, or is given up.
    pub(super) fn failed(flight: Flight, error: Error) -> Self {
        Self {
            outcome: Err(Box::new((error, flight.records))),
            slot: flight.slot,
            stages: flight.stages,
            rare: flight.rare,
        }
    }

    /// Tells the caller, then the hooks, the metrics and the log.
    pub(super) fn give(self, writer: &Writer, now: Instant, slow: &mut SlowLog, tally: &mut Tally) {
        let whole = self.stages.whole(now);
        let mut rare = self.rare;
        match self.outcome {
            Ok(places) => {
                if let Some(slot) = self.slot {
                    let refused = rare.as_mut().and_then(|it| it.refused.take());
                    slot.decide(match refused {
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
                in_scope(rare, || {
                    for (place, bytes, _) in places {
                        interceptor::appended(&writer.channel.name, place, *bytes, whole);
                        writer.after(*bytes, whole, &Ok(*place));
                    }
                });
            }
            Err(failed) => {
                let (error, records) = *failed;
                let error = writer.named(error);
                if let Some(slot) = self.slot {
                    slot.decide(Err(error.clone()));
                }
                let records = records.as_slice();
                let data = |record: &&Record| record.header.kind == Kind::Data;
                let bytes = records.iter().filter(data).map(Record::bytes);
                in_scope(rare, || writer.after_failure(bytes, whole, &error));
            }
        }
    }

    /// Tells the caller alone.
    pub(super) fn give_caller(self, writer: &Writer) {
        let Some(slot) = self.slot else { return };
        let outcome = match self.outcome {
            Ok(places) => match self.rare.and_then(|it| it.refused) {
                None => Ok(places.map(|(place, _, _)| place)),
                Some(error) => Err(error),
            },
            Err(failed) => Err(failed.0),
        };
        slot.decide(outcome.map_err(|error| writer.named(error)));
    }
}

/// In the append's span, where it has one.
fn in_scope(rare: Option<Box<Rare>>, tell: impl FnOnce()) {
    match rare {
        Some(rare) => rare.span.in_scope(tell),
        None => tell(),
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
        let id = id.next().unwrap_or(first);
        let answer = answer_of(id, &record);
        records.push(StoredRecord { id, record });
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
pub(super) fn answer_of(id: MessageId, record: &Record) -> (Place, usize, Kind) {
    let header = &record.header;
    let lsn = header.lsn.unwrap_or(Lsn::ZERO);
    let place = Place::new(id, lsn, header.tick, header.owner);
    (place, record.bytes(), header.kind)
}
