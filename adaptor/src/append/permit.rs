//! Room that is reserved before an append.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use walx_core::{Append, Error, ErrorKind, Message, PermitState};
use walx_impls::Batch;
use walx_utility::clock;
use walx_utility::sync::lock;

use super::order::{Order, Waiter};
use super::slot::Slot;
use super::{OVERHEAD_BYTES, Writer, charge};

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

    pub(super) fn refuse(&self, error: Error) {
        if let Ok(Some(waker)) = self.settle(State::Refused(error)) {
            waker.wake();
        }
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
}

impl Reservation {
    pub(super) fn new(writer: &Arc<Writer>, order: &mut Order, charge: usize) -> Self {
        let granted = order.budget.try_take(charge);
        let state = if granted {
            State::Granted
        } else {
            State::Waiting(None)
        };
        let reserve = Arc::new(Reserve(Mutex::new(state)));
        if !granted {
            order
                .budget
                .wait(charge, Waiter::Permit(Arc::clone(&reserve)));
        }
        Self {
            writer: Arc::clone(writer),
            reserve,
            charge,
        }
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
        let granted = matches!(
            std::mem::replace(&mut *lock(&self.reserve.0), State::Gone),
            State::Granted
        );
        if granted {
            self.writer.give_back(self.charge);
        }
    }
}

/// What the permits of a wal append through.
pub(super) struct Permits(pub(super) Arc<Writer>);

impl PermitState for Permits {
    fn append(self: Arc<Self>, reserved_bytes: usize, message: Message) -> Append {
        let started = clock::now();
        let writer = &self.0;
        let reserved = reserved_bytes + OVERHEAD_BYTES;
        let admitted =
            writer
                .admit(Batch::One(message))
                .and_then(|messages| match charge(&messages) {
                    needed if needed <= reserved => Ok((messages, needed)),
                    needed => Err(writer
                        .refused(
                            ErrorKind::InvalidInput,
                            "the message is larger than its permit; nothing was written",
                        )
                        .with_context("bytes", needed - OVERHEAD_BYTES)
                        .with_context("permit in bytes", reserved_bytes)),
                });
        let (messages, needed) = match admitted {
            Ok(admitted) => admitted,
            Err(error) => {
                writer.give_back(reserved);
                return Append::failed(error);
            }
        };
        let mut order = lock(&writer.order);
        if let Err(error) = order.check_open() {
            order.budget.give(reserved);
            drop(order);
            return Append::failed(writer.named(error));
        }
        order.budget.give(reserved - needed);
        let slot = Slot::placed();
        writer.place(
            &mut order,
            messages,
            needed,
            Some(Arc::clone(&slot)),
            started,
        );
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
        let mut order = lock(&self.order);
        order.budget.give(charge);
        self.admit_waiting(&mut order);
        self.unlock(order);
    }
}
