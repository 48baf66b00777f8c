//! The commit driver: one task a wal that takes outcomes in order, moves the confirmed watermark, feeds the cache
//! and wakes whoever waits.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tracing::level_filters::LevelFilter;
use walx_core::{BoxFuture, Error, ErrorKind, Lsn, MessageId, Result, Seq};
use walx_impls::Batch;
use walx_utility::clock;
use walx_utility::sync::lock;

use super::Writer;
use super::answer::{Answer, Tally, definite, unknown};
use super::flight::Flight;
use super::order::{Ending, Numbering, Phase};
use super::pace::Pace;
use super::recover::Recovery;
use super::slow::SlowLog;
use crate::planted::{self, Bug};

/// The most appends that are confirmed at once, and the most of their bytes: also the size of a block of the cache.
const GROUP_APPENDS: usize = 1024;
const GROUP_BYTES: usize = 1 << 20;
/// Groups in a row before the driver lets other tasks of its thread run.
const GROUPS_A_TURN: usize = 16;

/// Decides appends until the wal ends.
pub(super) async fn drive(writer: Arc<Writer>, newest: Option<MessageId>, next: Numbering) {
    let mut driver = Driver {
        slow: SlowLog::new(writer.slow_append),
        writer,
        flights: VecDeque::new(),
        outcomes: VecDeque::new(),
        landed: Vec::new(),
        answers: VecDeque::new(),
        recovery: Recovery::default(),
        pace: None,
        failure: None,
        newest,
        next: (next.seq, next.lsn),
        ended: false,
        deadline: None,
    };
    poll_fn(|context| driver.poll(context)).await;
}

pub(super) struct Driver {
    pub(super) writer: Arc<Writer>,
    /// Appends fetched from the order, the oldest first.
    pub(super) flights: VecDeque<Flight>,
    /// What became of the first of them, one each: the backend's answers, or what a recovery found.
    pub(super) outcomes: VecDeque<Result<Batch<MessageId>>>,
    /// Appends that a recovery has found, in order, until it is through with the others.
    pub(super) landed: Vec<(Flight, Batch<MessageId>)>,
    /// What the callers of those that are decided get.
    answers: VecDeque<Answer>,
    slow: SlowLog,
    /// How it finds out what became of an append that failed.
    pub(super) recovery: Recovery,
    /// What the first one in the queue waits for, beside room of the wal's own.
    pace: Option<Pace>,
    /// The failure that it gave up at: from there on nothing is acknowledged.
    pub(super) failure: Option<Error>,
    /// The newest confirmed record, and the numbers of the one behind it.
    pub(super) newest: Option<MessageId>,
    pub(super) next: (Seq, Lsn),
    /// Whether it ended as it should.
    ended: bool,
    /// After the handle was dropped: when to give up on what is on its way.
    deadline: Option<BoxFuture<()>>,
}

impl Driver {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..GROUPS_A_TURN {
            self.poll_pace(context);
            if !self.poll_recovery(context) {
                self.collect(context);
            }
            if self.outcomes.is_empty() {
                match self.fetch(context) {
                    Fetched::More => continue,
                    Fetched::Nothing if self.gives_up_waiting() => continue,
                    Fetched::Nothing => {
                        self.look_at_the_slow();
                        return Poll::Pending;
                    }
                    Fetched::Ended => return Poll::Ready(()),
                }
            }
            self.settle();
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Tells of slow appends while it waits.
    fn look_at_the_slow(&mut self) {
        if !self.slow.owes() && self.flights.is_empty() {
            return;
        }
        let now = clock::now();
        self.slow.tell(&self.writer, now);
        lock(&self.writer.order).owes_a_look = self.slow.owes();
        if let Some(oldest) = self.flights.front() {
            self.slow.tell_stuck(&self.writer, oldest, now);
        }
    }

    /// Takes the answers to the first appends, up to one group.
    fn collect(&mut self, context: &mut Context<'_>) {
        let mut bytes = 0;
        for flight in &mut self.flights {
            let Some(appending) = &mut flight.appending else {
                break;
            };
            let Poll::Ready(outcome) = Pin::new(appending).poll(context) else {
                break;
            };
            bytes += flight.charge;
            self.outcomes.push_back(outcome);
            if self.outcomes.len() == GROUP_APPENDS || bytes >= GROUP_BYTES {
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
            Ending::Orphaned if planted::is(Bug::DrivesForEver) => false,
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
        let want = order.budget.want();
        if want.is_some() || self.pace.is_some() {
            let served = match &self.pace {
                Some(pace) => pace.serves(want),
                None => false,
            };
            if !served {
                drop(order);
                self.pace = want.and_then(|want| Pace::start(&writer, want));
                return Fetched::More;
            }
        }
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
        drop(order);
        if LevelFilter::current() >= LevelFilter::TRACE {
            self.flights.iter().for_each(Flight::tell_place);
        }
        Fetched::More
    }

    /// Lets the first one in the queue go on, where it was held up and may go now.
    fn poll_pace(&mut self, context: &mut Context<'_>) {
        if let Some(pace) = &mut self.pace
            && pace.poll(&self.writer, context).is_ready()
        {
            self.pace = None;
        }
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
    pub(super) fn settle(&mut self) {
        let mut records = Vec::with_capacity(self.outcomes.len());
        let (mut charge, mut appends) = (0, 0);
        let mut keys = Vec::new();
        let now = clock::now();
        let mut halt = None;
        while let Some(outcome) = self.next_outcome(&mut halt)
            && let Some(flight) = self.flights.pop_front()
        {
            (charge, appends) = (charge + flight.charge, appends + 1);
            let answer = match outcome {
                Ok(ids) => {
                    self.recovery.progressed();
                    self.next = flight.next().unwrap_or(self.next);
                    Answer::durable(flight, ids, &mut records)
                }
                Err(error) => {
                    let records = flight.records.as_slice();
                    keys.append(&mut self.writer.keys_failed(records, &error));
                    Answer::failed(flight, error)
                }
            };
            self.answers.push_back(answer);
        }
        self.confirm_in_part(&mut records);
        if let Some(halt) = halt {
            self.halt(halt);
        }
        keys.append(&mut self.writer.keys_stored(&records));
        // Scanners first, so that whoever has an acknowledgement finds the message in every scan.
        self.writer.newest.note(&records);
        self.writer.cache.publish(records, now);
        if let Some(failure) = &self.failure {
            let refused = self.writer.fail(failure);
            refused
                .into_iter()
                .for_each(|it| it.tell_hooks(&self.writer));
        }
        // One by one, so that a hook that panics leaves the others to the driver's end.
        let mut tally = Tally::default();
        while let Some(answer) = self.answers.pop_front() {
            answer.give(&self.writer, now, &mut self.slow, &mut tally);
        }
        self.writer.keys_decided(keys);
        let acked = clock::now();
        let Tally { messages, bytes } = tally;
        let ack = acked.saturating_duration_since(now);
        self.writer.metrics.acknowledged(messages, bytes, ack);
        self.slow.acknowledged(now, acked);
        self.slow.tell(&self.writer, acked);
        // Other wals may wait for it.
        self.writer.shared.shrink(charge);
        let mut order = lock(&self.writer.order);
        order.budget.give_own(charge);
        order.in_flight -= appends;
        order.owes_a_look = self.slow.owes();
        self.writer.admit_waiting(&mut order);
        self.writer.unlock(order);
    }

    /// What an answer of the backend means: after the failure that it gave up at nothing is acknowledged.
    pub(super) fn judge(
        &mut self,
        outcome: Result<Batch<MessageId>>,
        records: usize,
    ) -> Result<Batch<MessageId>> {
        let outcome = outcome.and_then(|ids| self.check(ids, records));
        match (&self.failure, outcome) {
            (None, Err(error))
                if planted::is(Bug::AcknowledgesUnknown)
                    && error.kind() == ErrorKind::OutcomeUnknown
                    && records == 1 =>
            {
                self.newest.map(Batch::One).ok_or(error)
            }
            (None, outcome) => outcome,
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
        self.recovery.stop();
        let mut keys = Vec::new();
        for flight in self.flights.drain(..) {
            let error = flight.undecided(why);
            keys.append(&mut self.writer.keys_failed(flight.records.as_slice(), &error));
            self.answers.push_back(Answer::failed(flight, error));
        }
        let (now, mut tally) = (clock::now(), Tally::default());
        while let Some(answer) = self.answers.pop_front() {
            answer.give(&self.writer, now, &mut self.slow, &mut tally);
        }
        self.writer.keys_decided(keys);
        self.slow.tell_now(&self.writer, now);
    }
}

impl Drop for Driver {
    /// A hook or a backend panicked, or the runtime was shut down: nobody waits for ever.
    fn drop(&mut self) {
        // What was on its way is decided, or never will be.
        self.writer.shared.shrink(usize::MAX);
        if self.ended {
            return;
        }
        let why = "the wal's commit driver was ended, by a panic or with its runtime";
        // Without the hooks, here and below: one of them may be what panicked.
        drop(self.writer.fail(&Error::new(ErrorKind::Internal, why)));
        let mut order = lock(&self.writer.order);
        order.driver = None;
        order.recovering = false;
        self.flights.append(&mut order.placed);
        order.abandon_keys(&unknown(why));
        let drained = order.drained.clone();
        let told = std::mem::take(&mut order.told);
        let refused = std::mem::take(&mut order.refused);
        drop(order);
        drained.send_replace(true);
        refused.iter().for_each(|it| it.tell_caller(&self.writer));
        let landed = self.landed.drain(..).map(|(flight, _)| flight);
        for flight in landed.chain(self.flights.drain(..)) {
            let error = self.writer.named(flight.undecided(why));
            if let Some(slot) = flight.slot {
                slot.decide(Err(error));
            }
        }
        for answer in self.answers.drain(..) {
            answer.give_caller(&self.writer);
        }
        for (joined, outcome) in told {
            joined.tell_caller(&self.writer, outcome);
        }
    }
}

enum Fetched {
    More,
    Nothing,
    Ended,
}
