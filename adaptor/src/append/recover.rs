//! What becomes of appends behind one that failed: they wait, in their order, until the channel is open again and it is
//! known what landed. What did is acknowledged; what did not takes new places, and everything goes on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use walx_core::{
    Availability, BoxFuture, Error, ErrorKind, Header, Lsn, MessageId, Record, Result, Seq, Status,
};
use walx_impls::{Appending, Batch, Kind, StoredRecord};
use walx_utility::backoff::Backoff;
use walx_utility::clock::{self, Instant};
use walx_utility::sync::lock;

use super::Writer;
use super::answer::{definite, not_written, unknown};
use super::commit::Driver;
use super::flight::Flight;
use super::order::Ending;
use super::reopen::{self, Reopened, Reopening};
use crate::planted::{self, Bug};

/// A time that may be added to any moment.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// How a driver finds out what became of an append that failed.
#[derive(Default)]
pub(super) struct Recovery {
    reopening: Option<BoxFuture<Result<Reopened>>>,
    /// What it recovers from.
    cause: Option<Error>,
    /// Since when nothing was acknowledged.
    since: Option<Instant>,
    /// The pauses between opens, since then.
    pauses: Option<Backoff>,
    /// The first records of a batch whose others are written again.
    pub(super) landed_in_part: Vec<StoredRecord>,
}

impl Recovery {
    /// Something was acknowledged.
    pub(super) fn progressed(&mut self) {
        self.since = None;
        self.pauses = None;
    }

    pub(super) fn stop(&mut self) {
        self.reopening = None;
    }
}

impl Flight {
    /// What its caller gets where nobody will find out more.
    pub(super) fn undecided(&self, why: &'static str) -> Error {
        match &self.appending {
            Some(_) => unknown(why),
            None => not_written(why),
        }
    }

    fn first_seq(&self) -> Option<Seq> {
        self.records.as_slice().first()?.header.seq
    }

    /// The numbers of the record behind it.
    pub(super) fn next(&self) -> Option<(Seq, Lsn)> {
        numbers_behind(&self.records.as_slice().last()?.header)
    }

    /// What its caller gets where the channel could not be opened again: the backend may have said that nothing was
    /// written, even behind the failure.
    fn given_up(&mut self, cause: &Error) -> Error {
        let Some(appending) = &mut self.appending else {
            return not_written("an append before it failed").with_context("earlier append", cause);
        };
        let answer = Pin::new(appending).poll(&mut Context::from_waker(Waker::noop()));
        match answer {
            Poll::Ready(Err(error))
                if error.kind() == ErrorKind::NotWritten && !self.has_landed() =>
            {
                error
            }
            _ => unknown("an append failed, and it could not be found out what of it landed")
                .with_context("failed", cause),
        }
    }
}

impl Driver {
    /// What became of the oldest append. `None` where there is no answer that counts: that append, or one before it, has
    /// failed, and it can be found out what became of it. `halt` is why.
    pub(super) fn next_outcome(
        &mut self,
        halt: &mut Option<Error>,
    ) -> Option<Result<Batch<MessageId>>> {
        if halt.is_some() {
            return None;
        }
        let outcome = self.outcomes.pop_front()?;
        let records = self.flights.front()?.records.len();
        let outcome = self.judge(outcome, records);
        let error = match outcome {
            Err(error) if self.failure.is_none() => error,
            outcome => return Some(outcome),
        };
        if !self.writer.recovers_from(&error) {
            let error = definite(error);
            self.failure = Some(error.clone());
            return Some(Err(error));
        }
        *halt = Some(error.clone());
        let records = &self.flights.front()?.records;
        // One of walx's own marks is no message that somebody could do without: it is written again.
        let is_mark = |it: &Record| it.header.kind != Kind::Data;
        if is_refusal(&error) && !records.as_slice().iter().all(is_mark) {
            // It is decided, as by an acknowledgement.
            self.recovery.progressed();
            lock(&self.writer.order).lose(records);
            return Some(Err(error));
        }
        self.outcomes.push_front(Err(error));
        None
    }

    /// Begins to find out what became of the appends without an answer that counts.
    pub(super) fn halt(&mut self, cause: Error) {
        let unheard = self.outcomes.drain(..);
        for (flight, outcome) in self.flights.iter_mut().zip(unheard) {
            flight.appending = Some(Appending::ready(outcome));
        }
        let since = *self.recovery.since.get_or_insert_with(clock::now);
        // Nothing was acknowledged since the last open: a store that takes Barriers and nothing else is not opened in
        // a busy loop.
        let pauses = self.recovery.pauses.as_mut();
        let pause = pauses.map(Backoff::pause).unwrap_or_default();
        self.recovery.pauses.get_or_insert_with(reopen::pauses);
        let mut order = lock(&self.writer.order);
        order.recovering = true;
        let (backend, placed_by) = (Arc::clone(&order.backend), order.owner);
        let tick = order.numbering.tick;
        drop(order);
        self.writer.show_recovery(&cause);
        let reopening = Reopening {
            opener: Arc::clone(&self.writer.opener),
            channel: self.writer.channel.name.clone(),
            ticks: Arc::clone(&self.writer.ticks),
            token: backend.fence_token(),
            placed_by,
            newest: self.newest,
            next: self.next.0,
            tick,
            in_doubt: false,
            pause,
            deadline: since
                .checked_add(self.writer.recovery_timeout)
                .unwrap_or_else(|| since + FOR_EVER),
        };
        drop(backend);
        self.recovery.reopening = Some(match cause.kind() {
            ErrorKind::Fenced => Box::pin(reopening.overtaken(cause.clone())),
            _ => Box::pin(reopening.run()),
        });
        self.recovery.cause = Some(cause);
    }

    /// Whether the backend has had the oldest append for too long, so that it counts as failed.
    pub(super) fn gives_up_waiting(&mut self) -> bool {
        let (Some(limit), Some(oldest)) = (self.writer.append_timeout, self.flights.front()) else {
            return false;
        };
        let takes = oldest.stages.in_backend(clock::now());
        if self.recovery.reopening.is_some() || self.failure.is_some() || takes < limit {
            return false;
        }
        let text = "the backend has not answered in the time of append_timeout";
        let cause = Error::new(ErrorKind::Unavailable, text).with_context("ms", takes.as_millis());
        if !self.writer.recovers_from(&cause) {
            return false;
        }
        self.halt(cause);
        true
    }

    /// Goes on with a recovery; `true` while one runs.
    pub(super) fn poll_recovery(&mut self, context: &mut Context<'_>) -> bool {
        let Some(reopening) = &mut self.recovery.reopening else {
            return false;
        };
        if self.writer.is_abandoned() {
            return true;
        }
        let Poll::Ready(outcome) = reopening.as_mut().poll(context) else {
            return true;
        };
        self.recovery.reopening = None;
        match outcome {
            Ok(reopened) => self.go_on(reopened),
            Err(error) => self.give_up(error),
        }
        self.settle();
        false
    }

    /// Acknowledges what landed, and writes the rest again behind it.
    fn go_on(&mut self, reopened: Reopened) {
        let writer = Arc::clone(&self.writer);
        // Asked before anything changes: it is a user's code, and may panic.
        let now = writer.ticks.now();
        let mut order = lock(&writer.order);
        if order.ending == Ending::Abandoned {
            return;
        }
        self.flights.append(&mut order.placed);
        if let Some(first) = reopened.landed.first()
            && self.flights.front().and_then(Flight::first_seq) != first.record.header.seq
        {
            drop(order);
            return self.give_up(refused_in_part(first));
        }
        let last = reopened.landed.last().map(|it| &it.record.header);
        let behind = last.and_then(numbers_behind);
        (order.numbering.seq, order.numbering.lsn) = behind.unwrap_or(self.next);
        order.numbering.tick = reopened.tick;
        order.owner = reopened.owner;
        let former = std::mem::replace(&mut order.backend, Arc::clone(&reopened.backend));
        order.recovering = false;
        let mut landed = VecDeque::from(reopened.landed);
        if planted::is(Bug::WritesAgainBlindly) {
            landed.clear();
        }
        if planted::is(Bug::TurnsTheOrder) && landed.is_empty() {
            self.flights.make_contiguous().reverse();
        }
        self.fly_rest(&mut order, landed, now);
        if self.flights.is_empty() {
            // Nobody waits: the next failure has its whole time.
            self.recovery.progressed();
        }
        for (flight, ids) in self.landed.drain(..).rev() {
            self.flights.push_front(flight);
            self.outcomes.push_front(Ok(ids));
        }
        writer
            .incarnation
            .store(reopened.owner.incarnation, Ordering::Relaxed);
        // In the same critical section in which the wal can't end: a close closes the handle that it finds.
        let former = (former, writer.current.replace(reopened.backend));
        writer.unlock(order);
        drop(former);
        writer.show_available();
    }

    /// What landed of a batch is durable, though its caller waits for the rest.
    pub(super) fn confirm_in_part(&mut self, records: &mut Vec<StoredRecord>) {
        if let Some(last) = self.recovery.landed_in_part.last() {
            self.newest = Some(last.id);
            self.next = numbers_behind(&last.record.header).unwrap_or(self.next);
        }
        records.append(&mut self.recovery.landed_in_part);
    }

    /// Nothing more will be found out: from here on nothing is acknowledged.
    fn give_up(&mut self, error: Error) {
        let fenced = error.kind() == ErrorKind::Fenced;
        let cause = match self.recovery.cause.take() {
            Some(cause) if !fenced => definite(cause).with_context("recovery", &error),
            _ => error,
        };
        // First, so that nothing more takes a place: no handle is there that it could go to.
        let refused = self.writer.fail(&cause);
        refused
            .into_iter()
            .for_each(|it| it.tell_hooks(&self.writer));
        let mut order = lock(&self.writer.order);
        self.flights.append(&mut order.placed);
        order.recovering = false;
        drop(order);
        for flight in &mut self.flights {
            let error = match fenced {
                true => cause.clone(),
                false => flight.given_up(&cause),
            };
            self.outcomes.push_back(Err(error));
        }
        self.failure = Some(cause);
    }
}

impl Writer {
    /// Whether it can be found out what became of an append with this failure.
    fn recovers_from(&self, error: &Error) -> bool {
        let may = is_refusal(error)
            || error.kind() == ErrorKind::Fenced
            || error.status() != Status::Permanent;
        may && !self.recovery_timeout.is_zero() && !self.is_abandoned()
    }

    /// Whether it has ended: then its backend is closed, and nobody opens it again.
    fn is_abandoned(&self) -> bool {
        lock(&self.order).ending == Ending::Abandoned
    }

    fn show_recovery(&self, cause: &Error) {
        let cause = self.named(cause.clone());
        tracing::warn!(channel = %self.channel.name, error = %cause, "an append failed: finding out what landed");
        self.availability.send_if_modified(|now| {
            let available = now.is_available();
            if available {
                *now = Availability::Recovering(cause);
            }
            available
        });
    }

    fn show_available(&self) {
        self.availability.send_if_modified(|now| {
            let recovering = matches!(now, Availability::Recovering(_));
            if recovering {
                *now = Availability::Available;
            }
            recovering
        });
    }
}

/// The numbers with which a log goes on behind a record.
fn numbers_behind(header: &Header) -> Option<(Seq, Lsn)> {
    Some((header.seq?.next(), header.next_lsn()?))
}

fn refused_in_part(landed: &StoredRecord) -> Error {
    let text = "the backend refused an append that landed all the same, or in part; open the wal anew and scan";
    Error::new(ErrorKind::Internal, text).with_context(
        "landed",
        format!("{} at {}", landed.record.header, landed.id),
    )
}

/// Whether the backend refuses this very record, which it would do again.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::InvalidInput)
}
