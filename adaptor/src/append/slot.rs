//! Where the caller of an append waits for its outcome.

use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use walx_core::{AppendState, Error, ErrorKind, Message, Place, Result};
use walx_impls::Batch;
use walx_utility::sync::lock;

use super::Writer;
use super::stages::Begun;

/// One append, from its call to its outcome.
pub(super) struct Slot(Mutex<State>);

enum State {
    /// In the queue for admission, with what is to be written.
    Waiting {
        messages: Batch<Message>,
        begun: Begun,
        waker: Option<Waker>,
        /// How it leaves the queue.
        queue: Weak<Writer>,
        ticket: u64,
    },
    /// In the log's order, undecided.
    Placed { waker: Option<Waker> },
    /// Decided.
    Done(Result<Batch<Place>>),
    /// The caller has the outcome, or doesn't want it.
    Gone,
}

impl Slot {
    pub(super) fn placed() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Placed { waker: None })))
    }

    pub(super) fn waiting(
        messages: Batch<Message>,
        begun: Begun,
        queue: Weak<Writer>,
        ticket: u64,
    ) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Waiting {
            messages,
            begun,
            waker: None,
            queue,
            ticket,
        })))
    }

    pub(super) fn failed(error: Error) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Done(Err(error)))))
    }

    /// Moves from the queue into the order; `None` where the caller has given up.
    pub(super) fn take_waiting(&self) -> Option<(Batch<Message>, Begun)> {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, State::Gone) {
            State::Waiting {
                messages,
                begun,
                waker,
                ..
            } => {
                *state = State::Placed { waker };
                Some((messages, begun))
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// Decides the append, and wakes its caller.
    pub(super) fn decide(&self, outcome: Result<Batch<Place>>) {
        let mut state = lock(&self.0);
        let waker = match &mut *state {
            State::Waiting { waker, .. } | State::Placed { waker } => waker.take(),
            State::Done(_) | State::Gone => return,
        };
        *state = State::Done(outcome);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl AppendState for Slot {
    fn poll_outcome(
        &self,
        context: &mut Context<'_>,
        places: &mut dyn FnMut(Place),
    ) -> Poll<Result<()>> {
        let mut state = lock(&self.0);
        if let State::Waiting { waker, .. } | State::Placed { waker } = &mut *state {
            match waker {
                Some(waker) => waker.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        let outcome = std::mem::replace(&mut *state, State::Gone);
        drop(state);
        Poll::Ready(match outcome {
            State::Done(outcome) => outcome.map(|all| all.for_each(places)),
            _ => Err(Error::new(
                ErrorKind::Internal,
                "an append was polled after its end",
            )),
        })
    }

    fn forget(&self) {
        // What it held is freed outside of the lock.
        let forgotten = std::mem::replace(&mut *lock(&self.0), State::Gone);
        if let State::Waiting { queue, ticket, .. } = forgotten
            && let Some(writer) = queue.upgrade()
        {
            writer.leave(ticket);
        }
    }
}
