//! The critical section in which an append takes its place: seq, lsn, tick, the backend's append.

use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard};
use std::task::Waker;

use tokio::sync::watch;
use tracing::Span;
use walx_core::{
    Error, ErrorKind, Header, Lsn, Message, MessageId, Owner, Place, Record, Result, Seq, Tick,
};
use walx_impls::{Appending, Batch, Kind, StoredRecord, WalImpls};
use walx_utility::budget::Budget;
use walx_utility::clock;

use super::Writer;
use super::answer::unknown;
use super::permit::{Gone, Reserve};
use super::slot::Slot;
use super::stages::{Begun, Stages};
use crate::planted::{self, Bug};

/// The numbers with which a log goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbering {
    /// The seq of the next record.
    pub(crate) seq: Seq,
    /// The lsn of the next message.
    pub(crate) lsn: Lsn,
    /// The largest tick that was given out.
    pub(crate) tick: Tick,
}

/// What every append of a wal takes its place under.
pub(super) struct Order {
    /// Who places them.
    pub(super) owner: Owner,
    pub(super) numbering: Numbering,
    pub(super) backend: Arc<dyn WalImpls>,
    /// Whether an append has failed and it is being found out what landed: meanwhile appends take their place, but don't
    /// go to the backend.
    pub(super) recovering: bool,
    pub(super) budget: Budget<Waiter>,
    /// Appends that have their place and that the commit driver has not fetched yet.
    pub(super) placed: VecDeque<Flight>,
    /// Appends that are placed and not decided.
    pub(super) in_flight: usize,
    /// Whether the driver has something to tell later, though no append is on its way.
    pub(super) owes_a_look: bool,
    /// Who got room and is to be woken once the lock is free.
    pub(super) wakes: Vec<Waker>,
    /// The commit driver.
    pub(super) driver: Option<Waker>,
    /// Whether the driver has nothing to decide and waits for an append.
    pub(super) idle: bool,
    pub(super) phase: Phase,
    /// Set while the backend takes an append; still set only where it panicked.
    half_placed: bool,
    pub(super) ending: Ending,
    /// Whether, since admission stopped, no append is on its way.
    pub(super) drained: watch::Sender<bool>,
}

/// Whether appends are taken.
pub(super) enum Phase {
    Open,
    Closing,
    /// An append failed: nothing that came after it may be acknowledged.
    Failed(Error),
}

/// What becomes of appends that are on their way when the wal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// The wal has not ended.
    No,
    /// The handle was dropped: the driver decides what it can in the time of a close.
    Orphaned,
    /// The time is over: they get `OutcomeUnknown`.
    Abandoned,
}

/// Somebody in the queue for admission.
pub(super) enum Waiter {
    Append(Arc<Slot>),
    Permit(Arc<Reserve>),
}

/// An append that has its place.
pub(super) struct Flight {
    /// The backend's answer; `None` where it was not handed to the backend.
    pub(super) appending: Option<Appending>,
    pub(super) records: Batch<Record>,
    /// What the caller gets for the records of its batch that landed when the append of all of them failed.
    pub(super) landed: Vec<(Place, usize, Kind)>,
    pub(super) charge: usize,
    /// Where the caller waits; `None` where nobody does.
    pub(super) slot: Option<Arc<Slot>>,
    pub(super) stages: Stages,
    pub(super) span: Span,
}

impl Flight {
    /// Tells the append's span where it is.
    pub(super) fn tell_place(&self) {
        let first = self.records.as_slice().first();
        if let Some(lsn) = first.and_then(|it| it.header.lsn) {
            self.span.record("lsn", lsn.get());
        }
    }
}

impl Order {
    pub(super) fn new(
        owner: Owner,
        numbering: Numbering,
        backend: Arc<dyn WalImpls>,
        max_in_flight_bytes: usize,
    ) -> Self {
        Self {
            owner,
            numbering,
            backend,
            recovering: false,
            budget: Budget::new(max_in_flight_bytes),
            placed: VecDeque::new(),
            in_flight: 0,
            owes_a_look: false,
            wakes: Vec::new(),
            driver: None,
            idle: false,
            phase: Phase::Open,
            half_placed: false,
            ending: Ending::No,
            drained: watch::Sender::new(false),
        }
    }

    pub(super) fn check_open(&self) -> Result<()> {
        let closed = || {
            Error::new(
                ErrorKind::Closed,
                "the wal is closed; nothing was written; open it anew",
            )
        };
        match &self.phase {
            _ if self.half_placed => Err(Error::new(
                ErrorKind::Internal,
                "the backend panicked while an append took its place; nothing more is written; open the wal anew",
            )),
            _ if self.ending != Ending::No => Err(closed()),
            Phase::Open => Ok(()),
            Phase::Closing => Err(closed()),
            Phase::Failed(cause) => Err(after_failure(cause)),
        }
    }
}

impl Order {
    /// Takes the next numbers.
    fn number(&mut self, kind: Kind, now: Tick) -> Header {
        let numbering = &mut self.numbering;
        numbering.tick = now.max(numbering.tick.next());
        let header =
            Header::new(kind, self.owner, numbering.tick).numbered(numbering.seq, numbering.lsn);
        numbering.seq = numbering.seq.next();
        if kind == Kind::Data {
            numbering.lsn = numbering.lsn.next();
        }
        header
    }

    fn hand_over(&mut self, records: &Batch<Record>) -> Appending {
        self.half_placed = true;
        let appending = self.backend.append(records.clone());
        self.half_placed = false;
        appending
    }

    /// Takes new places for what is not in the log, under the present owner.
    pub(super) fn fly_again(&mut self, flight: &mut Flight, now: Tick) {
        flight.records = flight.records.clone().map(|record| {
            let placed = self.number(record.header.kind, now);
            let header = Header {
                owner: placed.owner,
                seq: placed.seq,
                lsn: placed.lsn,
                tick: placed.tick,
                ..record.header
            };
            Record { header, ..record }
        });
        flight.stages = flight.stages.again();
        // Where the backend panics it may have it.
        let panicked = unknown("the backend panicked while the append took its place");
        flight.appending = Some(Appending::ready(Err(panicked)));
        flight.appending = Some(self.hand_over(&flight.records));
    }
}

/// What an append gets that is called after one has failed. Nothing of it was written.
fn after_failure(cause: &Error) -> Error {
    match cause.kind() {
        ErrorKind::Fenced => cause.clone(),
        _ => Error::new(
            ErrorKind::Unavailable,
            "an earlier append failed; nothing was written; close the wal and open it anew, with take_over",
        )
        .with_context("earlier append", cause),
    }
}

impl Writer {
    /// Takes the place of `messages`: from here on they are in the log's order. Their room was taken before.
    pub(super) fn place(
        &self,
        order: &mut Order,
        messages: Batch<Message>,
        now: Tick,
        charge: usize,
        slot: Option<Arc<Slot>>,
        begun: Begun,
    ) {
        let records = messages.map(|message| {
            let header = order.number(Kind::Data, now);
            Record::data(header, message)
        });
        self.fly(order, records, charge, slot, begun);
    }

    /// Takes the place of one of walx's own records.
    pub(super) fn place_marker(&self, order: &mut Order, kind: Kind, now: Tick, slot: Arc<Slot>) {
        let header = order.number(kind, now);
        self.fly(
            order,
            Batch::One(Record::marker(header)),
            0,
            Some(slot),
            Begun::now(Span::none()),
        );
    }

    /// Admits those that wait, in order, as far as there is room. Their futures need not be polled for that.
    pub(super) fn admit_waiting(&self, order: &mut Order) {
        if !order.budget.is_contended() || order.check_open().is_err() {
            return;
        }
        // Asked before anybody leaves the queue: it is a user's code, and may panic.
        let (tick, now) = (self.ticks.now(), clock::now());
        while let Some((charge, waiter)) = order.budget.admit() {
            match waiter {
                Waiter::Append(slot) => match slot.take_waiting() {
                    Some((messages, mut begun)) => {
                        begun.admitted(now);
                        self.place(order, messages, tick, charge, Some(slot), begun);
                    }
                    None => order.budget.give(charge),
                },
                Waiter::Permit(reserve) => match reserve.grant() {
                    Ok(waker) => order.wakes.extend(waker),
                    Err(Gone) => order.budget.give(charge),
                },
            }
        }
    }

    /// Frees the lock, then wakes those who got room, and the driver if it is idle: a waker may drop what its task
    /// holds, and that needs the lock.
    pub(super) fn unlock(&self, mut order: MutexGuard<'_, Order>) {
        let wakes = std::mem::take(&mut order.wakes);
        let idle = std::mem::take(&mut order.idle);
        let driver = if idle { order.driver.take() } else { None };
        drop(order);
        wakes.into_iter().chain(driver).for_each(Waker::wake);
    }

    fn fly(
        &self,
        order: &mut Order,
        records: Batch<Record>,
        charge: usize,
        slot: Option<Arc<Slot>>,
        begun: Begun,
    ) {
        if planted::is(Bug::DeliversEarly) && records.len() == 1 {
            self.publish_early(&records);
        }
        let appending = if order.recovering {
            None
        } else {
            Some(order.hand_over(&records))
        };
        order.placed.push_back(Flight {
            appending,
            records,
            landed: Vec::new(),
            charge,
            slot,
            stages: begun.placed(),
            span: begun.span,
        });
        order.in_flight += 1;
    }

    /// A planted bug: scanners get a record whose outcome nobody knows.
    fn publish_early(&self, records: &Batch<Record>) {
        let tail = self.cache.tail().id;
        let Some((tail, last)) = tail.and_then(|tail| Some((tail, tail.to_u64()?))) else {
            return;
        };
        let record = records.as_slice()[0].clone();
        let id = MessageId::from_u64(tail.backend(), last + 1);
        self.cache
            .publish(vec![StoredRecord { id, record }], clock::now());
    }
}
