//! The queue for room: who places at once, who waits, and what those get that are not placed.

use std::sync::{Arc, MutexGuard};
use std::task::Waker;

use tracing::Span;
use walx_core::{Error, Message, Record, Tick};
use walx_utility::clock::{self, Instant};
use walx_utility::sync::lock;

use super::flight::Flight;
use super::order::{Order, Waiter};
use super::permit::Gone;
use super::request::Request;
use super::room::{Next, Taken};
use super::slot::Slot;
use super::stages::Begun;
use super::{Writer, charge};
use crate::planted::{self, Bug};

/// A request that took no place, to be told once the lock is free.
pub(super) struct Refusal {
    pub(super) slot: Option<Arc<Slot>>,
    pub(super) error: Error,
    /// Of each message.
    pub(super) bytes: Vec<usize>,
    pub(super) called: Instant,
    pub(super) span: Span,
}

impl Writer {
    pub(super) fn place_or_wait(self: &Arc<Self>, request: Request, begun: Begun) -> Arc<Slot> {
        let now = self.ticks.now();
        let order = lock(&self.order);
        self.place_in(order, request, now, begun)
    }

    /// Places the request where there is room, else puts it at the end of the queue.
    pub(super) fn place_in(
        self: &Arc<Self>,
        mut order: MutexGuard<'_, Order>,
        request: Request,
        now: Tick,
        begun: Begun,
    ) -> Arc<Slot> {
        let bytes = charge(&request);
        if let Err(error) = order.check_open() {
            drop(order);
            return Slot::failed(self.refuse(&request, &begun, error));
        }
        let paced = request.is_paced();
        match order.budget.try_take(&self.shared, bytes, paced) {
            Taken::Yes => return self.place_now(order, request, now, bytes, begun),
            Taken::No(_) => {}
            Taken::Refused(error) => {
                // Where its Begin still waits, it is refused behind that.
                if request
                    .transaction()
                    .is_none_or(|local| order.transactions.lose_one_of(local))
                {
                    self.unlock(order);
                    return Slot::failed(self.refuse(&request, &begun, error));
                }
            }
        }
        if planted::is(Bug::OvertakesTheQueue) && bytes < 400 {
            order.budget.take(&self.shared, bytes);
            return self.place_now(order, request, now, bytes, begun);
        }
        let queue = Arc::downgrade(self);
        let transaction = request.transaction();
        if let Some(local) = transaction {
            order.transactions.queue(local);
        }
        let slot = Slot::waiting(request, begun, queue, order.budget.ticket());
        let waiter = Waiter::Append {
            slot: Arc::clone(&slot),
            transaction,
            paced,
        };
        order.budget.wait(bytes, waiter);
        // Finds out what it waits for.
        self.admit_waiting(&mut order);
        self.unlock(order);
        slot
    }

    /// Takes the place of a request whose room is taken.
    pub(super) fn place_now(
        &self,
        mut order: MutexGuard<'_, Order>,
        request: Request,
        now: Tick,
        charge: usize,
        begun: Begun,
    ) -> Arc<Slot> {
        let slot = Slot::placed();
        let waiting = Some(Arc::clone(&slot));
        self.place(&mut order, request, now, charge, waiting, begun);
        self.unlock(order);
        slot
    }

    /// Admits those that wait, in order, as far as there is room. Their futures need not be polled for that.
    pub(super) fn admit_waiting(&self, order: &mut Order) {
        if !order.budget.is_contended() || order.check_open().is_err() {
            return order.budget.forget();
        }
        // Asked before anybody leaves the queue: it is a user's code, and may panic.
        let (tick, now) = (self.ticks.now(), clock::now());
        while let Some(next) = order.budget.next(&self.shared) {
            match next {
                Next::Admitted(charge, waiter) => {
                    self.admit_waiter(order, waiter, charge, tick, now);
                }
                Next::Refused(charge, waiter, error) => order.refuse_waiter(waiter, charge, error),
            }
        }
        // The driver waits for what is short.
        order.idle |= order.budget.want().is_some();
    }

    fn admit_waiter(
        &self,
        order: &mut Order,
        waiter: Waiter,
        charge: usize,
        tick: Tick,
        now: Instant,
    ) {
        match waiter {
            Waiter::Append {
                slot, transaction, ..
            } => {
                if let Some(local) = transaction {
                    order.transactions.unqueue(local);
                }
                match slot.take_waiting() {
                    Some((request, mut begun)) => {
                        begun.admitted(now);
                        self.place(order, request, tick, charge, Some(slot), begun);
                        // Its time in the queue does not count.
                        if let Some(local) = transaction {
                            order.transactions.touch(local, now);
                        }
                    }
                    None => {
                        order.budget.give(charge);
                        if let Some(local) = transaction {
                            order.transactions.give_up_one_of(local);
                        }
                    }
                }
            }
            Waiter::Permit(reserve) => match reserve.grant() {
                Ok(waker) => order.wakes.extend(waker),
                Err(Gone) => order.budget.give(charge),
            },
        }
    }

    /// Frees the lock, then wakes those who got room, and the driver if it is idle, and tells who got no place, or that of another: a waker
    /// may drop what its task holds, and that needs the lock. All callers are told before the first hook, which may panic.
    pub(super) fn unlock(&self, mut order: MutexGuard<'_, Order>) {
        if !order.has_news() {
            drop(order);
            return self.shared.tell();
        }
        let wakes = std::mem::take(&mut order.wakes);
        let refused = std::mem::take(&mut order.refused);
        let told = std::mem::take(&mut order.told);
        let spent = std::mem::take(&mut order.spent);
        let idle = std::mem::take(&mut order.idle);
        let driver = if idle { order.driver.take() } else { None };
        let owed = order.budget.take_owed();
        drop(order);
        match owed {
            0 => self.shared.tell(),
            _ => self.shared.shrink(owed),
        }
        wakes.into_iter().chain(driver).for_each(Waker::wake);
        drop(spent);
        refused.iter().for_each(|it| it.tell_caller(self));
        for (joined, outcome) in &told {
            joined.tell_caller(self, outcome.clone());
        }
        refused.into_iter().for_each(|it| it.tell_hooks(self));
        for (joined, outcome) in told {
            joined.tell_hooks(self, outcome);
        }
    }

    /// Tells those of the queue that nothing was written. The hooks are still to be told.
    #[must_use]
    pub(super) fn dismiss(&self, waiters: Vec<Waiter>, error: &Error) -> Vec<Refusal> {
        let mut refused = Vec::new();
        for waiter in waiters {
            match waiter {
                Waiter::Permit(reserve) => {
                    if let Some(waker) = reserve.refuse(self.named(error.clone())) {
                        waker.wake();
                    }
                }
                Waiter::Append { slot, .. } => {
                    if let Some((request, begun)) = slot.take_waiting() {
                        let refusal = Refusal {
                            slot: Some(slot),
                            error: error.clone(),
                            bytes: request.messages().iter().map(Message::bytes).collect(),
                            called: begun.called,
                            span: begun.span,
                        };
                        refusal.tell_caller(self);
                        refused.push(refusal);
                    }
                }
            }
        }
        refused
    }
}

impl Order {
    /// Whether somebody is to be told or woken, or something to be freed, once the lock is free. Mostly nobody is.
    fn has_news(&self) -> bool {
        self.idle
            || self.budget.owes()
            || !self.wakes.is_empty()
            || !self.told.is_empty()
            || !self.refused.is_empty()
            || !self.spent.is_empty()
    }

    /// Somebody of the queue gets no place, because of the flow.
    fn refuse_waiter(&mut self, waiter: Waiter, charge: usize, error: Error) {
        match waiter {
            Waiter::Append {
                slot, transaction, ..
            } => {
                if let Some(local) = transaction {
                    self.transactions.unqueue(local);
                    self.transactions.lose_one_of(local);
                }
                match slot.take_waiting() {
                    Some((request, begun)) => {
                        let bytes = request.messages().iter().map(Message::bytes).collect();
                        self.spent.push(Box::new(request));
                        self.refuse(Some(slot), error, bytes, charge, &begun);
                    }
                    None => self.budget.give(charge),
                }
            }
            Waiter::Permit(reserve) => {
                self.budget.give(charge);
                self.wakes.extend(reserve.refuse(error));
            }
        }
    }
}

impl Refusal {
    /// Of an append that had a place, and lost it.
    pub(super) fn of(flight: Flight, error: Error) -> Self {
        Self {
            slot: flight.slot,
            error,
            bytes: flight
                .records
                .as_slice()
                .iter()
                .map(Record::bytes)
                .collect(),
            called: flight.stages.called,
            span: flight.rare.map_or(Span::none(), |it| it.span),
        }
    }

    pub(super) fn tell_caller(&self, writer: &Writer) {
        if let Some(slot) = &self.slot {
            slot.decide(Err(writer.named(self.error.clone())));
        }
    }

    pub(super) fn tell_hooks(self, writer: &Writer) {
        let error = writer.named(self.error);
        let elapsed = self.called.elapsed();
        self.span
            .in_scope(|| writer.after_failure(self.bytes.into_iter(), elapsed, &error));
    }
}
