//! The commit driver: one task a wal that takes outcomes in order, moves the confirmed watermark, feeds the cache
//! and wakes whoever waits.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use walx_core::{Availability, BoxFuture, Error, ErrorKind, MessageId, Place, Result};
use walx_impls::{Batch, Kind, Record, StoredRecord};
use walx_utility::clock::{self, Instant};
use walx_utility::sync::lock;

use super::Writer;
use super::order::{Ending, Flight, Phase};
use super::slot::Slot;

/// The most appends that are confirmed at once, and the most of their bytes: also the size of a block of the cache.
const GROUP_APPENDS: usize = 1024;
const GROUP_BYTES: usize = 1 << 20;
/// Groups in a row before the driver lets other tasks of its thread run.
const GROUPS_A_TURN: usize = 16;

/// Decides appends until the wal ends.
pub(super) async fn drive(writer: Arc<Writer>) {
    let mut driver = Driver {
        writer,
        flights: VecDeque::new(),
        group: Vec::new(),
        answers: VecDeque::new(),
        failure: None,
        newest: None,
        ended: false,
        deadline: None,
    };
    poll_fn(|context| driver.poll(context)).await;
}

/// Where a caller waits, since when, and what it gets.
type Answer = (Option<Arc<Slot>>, Instant, Outcome);

/// A place for each record, with its bytes and kind; or why there is none, with the records.
type Outcome = std::result::Result<Batch<(Place, usize, Kind)>, (Error, Batch<Record>)>;

struct Driver {
    writer: Arc<Writer>,
    /// Appends fetched from the order, the oldest first.
    flights: VecDeque<Flight>,
    /// Appends that are decided, in order.
    group: Vec<(Flight, Result<Batch<MessageId>>)>,
    /// What the callers of a group get.
    answers: VecDeque<Answer>,
    /// The first failure: from there on nothing is acknowledged.
    failure: Option<Error>,
    /// The last id that the backend gave.
    newest: Option<MessageId>,
    /// Whether it ended as it should.
    ended: bool,
    /// After the handle was dropped: when to give up on what is on its way.
    deadline: Option<BoxFuture<()>>,
}

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..GROUPS_A_TURN {
            self.collect(context);
            if self.group.is_empty() {
                match self.fetch(context) {
                    Fetched::More => continue,
                    Fetched::Nothing => return Poll::Pending,
                    Fetched::Ended => return Poll::Ready(()),
                }
            }
            self.settle();
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes the decided appends from the front, up to one group.
    fn collect(&mut self, context: &mut Context<'_>) {
        let mut bytes = 0;
        while let Some(flight) = self.flights.front_mut() {
            let Poll::Ready(outcome) = Pin::new(&mut flight.appending).poll(context) else {
                break;
            };
            let Some(flight) = self.flights.pop_front() else {
                break;
            };
            bytes += flight.charge;
            self.group.push((flight, outcome));
            if self.group.len() == GROUP_APPENDS || bytes >= GROUP_BYTES {
                break;
            }
        }
    }

    /// Fetches what was placed; waits where nothing was.
    fn fetch(&mut self, context: &mut Context<'_>) -> Fetched {
        let writer = Arc::clone(&self.writer);
        let mut order = lock(&writer.order);
        let empty = self.flights.is_empty() && order.placed.is_empty();
        let over = match order.ending {
            Ending::No => false,
            Ending::Orphaned => empty || self.is_late(context),
            Ending::Abandoned => true,
        };
        if over {
            self.flights.append(&mut order.placed);
            order.drained.send_replace(true);
            drop(order);
            self.ended = true;
            self.abandon("the wal was closed before the backend answered");
            return Fetched::Ended;
        }
        order.driver = Some(context.waker().clone());
        if !self.flights.is_empty() {
            // The first one wakes the driver; those behind it can't be decided before.
            return Fetched::Nothing;
        }
        if empty {
            order.idle = true;
            order
                .drained
                .send_replace(!matches!(order.phase, Phase::Open));
            return Fetched::Nothing;
        }
        std::mem::swap(&mut self.flights, &mut order.placed);
        Fetched::More
    }

    /// Whether an orphaned wal has waited long enough.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let timeout = self.writer.close_timeout;
        self.deadline
            .get_or_insert_with(|| Box::pin(clock::sleep(timeout)))
            .as_mut()
            .poll(context)
            .is_ready()
    }

    /// Publishes and answers one group, and admits those that wait for its room.
    fn settle(&mut self) {
        let mut records = Vec::with_capacity(self.group.len());
        let mut charge = 0;
        let mut group = std::mem::take(&mut self.group);
        let now = clock::now();
        for (flight, outcome) in group.drain(..) {
            charge += flight.charge;
            let outcome = match self.judge(outcome, flight.records.len()) {
                Ok(ids) => Ok(confirmed(flight.records, ids, &mut records)),
                Err(error) => Err((error, flight.records)),
            };
            self.answers
                .push_back((flight.slot, flight.started, outcome));
        }
        self.group = group;
        // Scanners first, so that whoever has an acknowledgement finds the message in every scan.
        self.writer.cache.publish(records, now);
        if let Some(failure) = &self.failure {
            self.writer.fail(failure);
        }
        // One by one, so that a hook that panics leaves the others to the driver's end.
        while let Some((slot, started, outcome)) = self.answers.pop_front() {
            let elapsed = now.saturating_duration_since(started);
            self.answer(slot, elapsed, outcome);
        }
        let mut order = lock(&self.writer.order);
        order.budget.give(charge);
        self.writer.admit_waiting(&mut order);
        self.writer.unlock(order);
    }

    /// Tells the caller, then the hooks.
    fn answer(&self, slot: Option<Arc<Slot>>, elapsed: Duration, outcome: Outcome) {
        let writer = &self.writer;
        match outcome {
            Ok(places) => {
                if let Some(slot) = slot {
                    slot.decide(Ok(places.clone().map(|(place, _, _)| place)));
                }
                for (place, bytes, kind) in places.as_slice() {
                    if *kind == Kind::Data {
                        writer.after(*bytes, elapsed, &Ok(*place));
                    }
                }
            }
            Err((error, records)) => {
                let error = writer.named(error);
                if let Some(slot) = slot {
                    slot.decide(Err(error.clone()));
                }
                for record in records.as_slice() {
                    if record.header.kind == Kind::Data {
                        writer.after(record.bytes(), elapsed, &Err(error.clone()));
                    }
                }
            }
        }
    }

    /// What an answer of the backend means: after the first failure nothing is acknowledged.
    fn judge(
        &mut self,
        outcome: Result<Batch<MessageId>>,
        records: usize,
    ) -> Result<Batch<MessageId>> {
        let outcome = outcome.and_then(|ids| self.check(ids, records));
        match (&self.failure, outcome) {
            (None, Ok(ids)) => Ok(ids),
            (None, Err(error)) => {
                let error = definite(error);
                self.failure = Some(error.clone());
                Err(error)
            }
            (Some(first), Ok(_)) => {
                Err(unknown("it was stored behind an append that failed")
                    .with_context("failed", first))
            }
            (Some(_), Err(error)) => Err(definite(error)),
        }
    }

    /// Ids must ascend, one a record: a backend that breaks this must not be built upon.
    fn check(&mut self, ids: Batch<MessageId>, records: usize) -> Result<Batch<MessageId>> {
        let mut newest = self.newest;
        let ascending = ids
            .as_slice()
            .iter()
            .all(|id| newest.replace(*id).is_none_or(|last| last < *id));
        if !ascending || ids.len() != records {
            return Err(Error::new(
                ErrorKind::Internal,
                "the backend answered with ids that don't fit the append",
            )
            .with_context("ids", format!("{:?}", ids.as_slice()))
            .with_context("records", records));
        }
        self.newest = newest;
        Ok(ids)
    }

    /// Tells everybody who still waits that the outcome stays open.
    fn abandon(&mut self, why: &'static str) {
        let group = self.group.drain(..).map(|(flight, _)| flight);
        let undecided = group.chain(self.flights.drain(..)).map(|flight| {
            let outcome = Err((unknown(why), flight.records));
            (flight.slot, flight.started, outcome)
        });
        self.answers.extend(undecided);
        while let Some((slot, started, outcome)) = self.answers.pop_front() {
            self.answer(slot, started.elapsed(), outcome);
        }
    }
}

impl Drop for Driver {
    /// A hook or a backend panicked, or the runtime was shut down: nobody waits for ever.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let why = "the wal's commit driver was ended, by a panic or with its runtime";
        self.writer.fail(&Error::new(ErrorKind::Internal, why));
        let mut order = lock(&self.writer.order);
        order.driver = None;
        self.flights.append(&mut order.placed);
        let drained = order.drained.clone();
        drop(order);
        drained.send_replace(true);
        // Without the hooks: one of them may be what panicked.
        let group = self.group.drain(..).map(|(flight, _)| flight);
        let undecided = group
            .chain(self.flights.drain(..))
            .map(|flight| flight.slot);
        for slot in undecided.flatten() {
            slot.decide(Err(self.writer.named(unknown(why))));
        }
        for (slot, _, outcome) in self.answers.drain(..) {
            let outcome = outcome.map(|places| places.map(|(place, _, _)| place));
            let outcome = outcome.map_err(|(error, _)| self.writer.named(error));
            if let Some(slot) = slot {
                slot.decide(outcome);
            }
        }
    }
}

enum Fetched {
    More,
    Nothing,
    Ended,
}

impl Writer {
    /// Takes no more appends after one has failed; scans of what is confirmed go on.
    fn fail(&self, failure: &Error) {
        let mut order = lock(&self.order);
        if matches!(order.phase, Phase::Failed(_)) {
            return;
        }
        order.phase = Phase::Failed(failure.clone());
        let dismissed: Vec<_> = order.budget.dismiss().collect();
        drop(order);
        let failure = self.named(failure.clone());
        self.availability.send_if_modified(|now| {
            let available = now.is_available();
            if available {
                *now = Availability::Unavailable(failure.clone());
            }
            available
        });
        for waiter in dismissed {
            let error = match failure.kind() {
                ErrorKind::Fenced => failure.clone(),
                _ => Error::new(
                    ErrorKind::NotWritten,
                    "an append before it failed; safe to append again after a new open",
                )
                .with_context("earlier append", &failure),
            };
            self.dismiss(waiter, error);
        }
    }
}

/// An error that says whether the record was written; one that doesn't say leaves it open.
fn definite(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Fenced
        | ErrorKind::NotWritten
        | ErrorKind::TooLarge
        | ErrorKind::OutcomeUnknown => error,
        _ => unknown("the backend did not say whether it was written").with_source(error),
    }
}

fn unknown(message: &'static str) -> Error {
    Error::new(ErrorKind::OutcomeUnknown, message).with_context(
        "way out",
        "open the wal anew and scan to find out; walx will not write it again",
    )
}

/// The places of confirmed records, with the bytes and the kind of each; the records go to the cache.
fn confirmed(
    batch: Batch<Record>,
    ids: Batch<MessageId>,
    records: &mut Vec<StoredRecord>,
) -> Batch<(Place, usize, Kind)> {
    let mut id = ids.as_slice().iter().copied();
    let first = ids.as_slice()[0];
    batch.map(|record| {
        let id = id.next().unwrap_or(first);
        let header = &record.header;
        let place = Place::new(
            id,
            header.lsn.unwrap_or(walx_core::Lsn::ZERO),
            header.tick,
            header.owner,
        );
        let answer = (place, record.bytes(), header.kind);
        records.push(StoredRecord { id, record });
        answer
    })
}
