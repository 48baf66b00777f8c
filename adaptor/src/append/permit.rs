//! Room that is reserved before an append.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use walx_core::{Append, Error, ErrorKind, Message, PermitState};
use walx_impls::Batch;
use walx_utility::sync::lock;

use super::order::{Order, Waiter};
use super::request::Request;
use super::room::Taken;
use super::slot::Slot;
use super::{OVERHEAD_BYTES, Writer, charge};
use crate::planted::{self, Bug};

/// Somebody who waits for room.
pub(super) struct Reserve(Mutex<State>);

enum State {
    Waiting(Option<Waker>),
    Granted,
    Refused(Error),
    /// The caller has the room, or doesn't want it.
    Gone,
}

impl Reserve {
    /// Gives the room, with whom to wake; `Err` where the caller has given up.
    pub(super) fn grant(&self) -> Result<Option<Waker>, Gone> {
        self.settle(State::Granted)
    }

    /// Refuses it, with whom to wake.
    pub(super) fn refuse(&self, error: Error) -> Option<Waker> {
        self.settle(State::Refused(error)).ok().flatten()
    }

    fn settle(&self, outcome: State) -> Result<Option<Waker>, Gone> {
        let mut state = lock(&self.0);
        let State::Waiting(waker) = &mut *state else {
            return Err(Gone);
        };
        let waker = waker.take();
        *state = outcome;
        Ok(waker)
    }
}

/// Nobody waits any more.
pub(super) struct Gone;

/// Waits for room. Dropped before it has it, it leaves the queue; dropped after, it gives the room back.
pub(super) struct Reservation {
    writer: Arc<Writer>,
    reserve: Arc<Reserve>,
    charge: usize,
    /// How it leaves the queue.
    ticket: u64,
}

impl Reservation {
    pub(super) fn new(
        writer: &Arc<Writer>,
        order: &mut Order,
        charge: usize,
    ) -> walx_core::Result<Self> {
        let state = match order.budget.try_take(&writer.shared, charge, true) {
            Taken::Yes => State::Granted,
            Taken::No(_) => State::Waiting(None),
            Taken::Refused(error) => return Err(writer.named(error)),
        };
        let waits = matches!(state, State::Waiting(_));
        let reserve = Arc::new(Reserve(Mutex::new(state)));
        let ticket = order.budget.ticket();
        if waits {
            let waiter = Waiter::Permit(Arc::clone(&reserve));
            order.budget.wait(charge, waiter);
            // Finds out what it waits for.
            writer.admit_waiting(order);
        }
        Ok(Self {
            writer: Arc::clone(writer),
            reserve,
            charge,
            ticket,
        })
    }
}

impl Future for Reservation {
    type Output = walx_core::Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<walx_core::Result<()>> {
        let mut state = lock(&self.reserve.0);
        if let State::Waiting(waker) = &mut *state {
            *waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(match std::mem::replace(&mut *state, State::Gone) {
            State::Refused(error) => Err(error),
            _ => Ok(()),
        })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut *lock(&self.reserve.0), State::Gone);
        match state {
            State::Granted => self.writer.give_back(self.charge),
            State::Waiting(_) => self.writer.leave(self.ticket),
            State::Refused(_) | State::Gone => {}
        }
    }
}

/// What the permits of a wal append through.
pub(super) struct Permits(pub(super) Arc<Writer>);

impl PermitState for Permits {
    fn append(self: Arc<Self>, reserved_bytes: usize, message: Message) -> Append {
        let writer = &self.0;
        let mut begun = writer.begin_append();
        let reserved = reserved_bytes + OVERHEAD_BYTES;
        // What hooks add is not the caller's to reserve.
        let bytes = message.bytes();
        let admitted = if bytes <= reserved_bytes {
            writer.admit(Batch::One(message), &mut begun)
        } else {
            Err(writer
                .refused(
                    ErrorKind::InvalidInput,
                    "the message is larger than its permit; nothing was written",
                )
                .with_context("bytes", bytes)
                .with_context("permit in bytes", reserved_bytes))
        };
        let messages = match admitted {
            Ok(admitted) => admitted,
            Err(error) => {
                writer.give_back(reserved);
                return Append::failed(error);
            }
        };
        let request = Request::plain(messages);
        let (needed, now) = (charge(&request), writer.ticks.now());
        let mut order = lock(&writer.order);
        order.budget.give(reserved);
        if let Err(error) = order.check_open() {
            writer.unlock(order);
            return Append::failed(writer.refuse(&request, &begun, error));
        }
        // It goes before those that wait for room.
        order.budget.take(&writer.shared, needed);
        let slot = Slot::placed();
        let waiting = Some(Arc::clone(&slot));
        writer.place(&mut order, request, now, needed, waiting, begun);
        writer.admit_waiting(&mut order);
        writer.unlock(order);
        Append::new(slot)
    }

    fn release(&self, reserved_bytes: usize) {
        self.0.give_back(reserved_bytes + OVERHEAD_BYTES);
    }
}

impl Writer {
    /// Gives room back that no append used.
    fn give_back(&self, charge: usize) {
        if planted::is(Bug::LeaksRoom) {
            return;
        }
        let mut order = lock(&self.order);
        order.budget.give(charge);
        self.admit_waiting(&mut order);
        self.unlock(order);
    }

    /// Takes somebody out of the queue, who may have held up those behind.
    pub(super) fn leave(&self, ticket: u64) {
        let mut order = lock(&self.order);
        let gone = order.budget.leave(ticket);
        if let Some(Waiter::Append {
            transaction: Some(local),
            ..
        }) = &gone
        {
            order.transactions.give_up_one_of(*local);
            order.transactions.unqueue(*local);
        }
        self.admit_waiting(&mut order);
        self.unlock(order);
        drop(gone);
    }
}
