//! Where the caller of an append waits for its outcome.

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};

use walx_core::{AppendState, Error, ErrorKind, Place, Result};
use walx_impls::Batch;
use walx_utility::sync::lock;

use super::Writer;
use super::gather::{Gather, Part};
use super::request::Request;
use super::stages::Begun;

/// One append, from its call to its outcome.
pub(super) struct Slot(Mutex<State>);

const _: () = assert!(size_of::<Slot>() <= 112);

enum State {
    /// In the queue for admission.
    Waiting(Box<Queued>),
    /// In the log's order, undecided.
    Placed {
        waker: Option<Waker>,
        /// Of a batch of which earlier appends write a part.
        gather: Option<Box<Gather>>,
    },
    /// Decided.
    Done(Result<Batch<Place>>),
    /// The caller has the outcome, or doesn't want it.
    Gone,
}

/// What is to be written. Apart, since it is large, and those that have room needn't carry it.
struct Queued {
    request: Request,
    begun: Begun,
    waker: Option<Waker>,
    /// How it leaves the queue.
    queue: Weak<Writer>,
    ticket: u64,
}

impl State {
    /// Where whoever waits for the outcome is noted; `None` where there is one.
    fn waker(&mut self) -> Option<&mut Option<Waker>> {
        match self {
            Self::Waiting(queued) => Some(&mut queued.waker),
            Self::Placed { waker, .. } => Some(waker),
            Self::Done(_) | Self::Gone => None,
        }
    }
}

impl Slot {
    pub(super) fn placed() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Placed {
            waker: None,
            gather: None,
        })))
    }

    pub(super) fn waiting(
        request: Request,
        begun: Begun,
        queue: Weak<Writer>,
        ticket: u64,
    ) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Waiting(Box::new(Queued {
            request,
            begun,
            waker: None,
            queue,
            ticket,
        })))))
    }

    pub(super) fn failed(error: Error) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Done(Err(error)))))
    }

    /// Moves from the queue into the order; `None` where the caller has given up.
    pub(super) fn take_waiting(&self) -> Option<(Request, Begun)> {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, State::Gone) {
            State::Waiting(queued) => {
                let Queued {
                    request,
                    begun,
                    waker,
                    ..
                } = *queued;
                *state = State::Placed {
                    waker,
                    gather: None,
                };
                Some((request, begun))
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// Earlier appends write a part of its batch: it is decided once all of them are.
    pub(super) fn gather(&self, parts: Vec<Part>) {
        if let State::Placed { gather, .. } = &mut *lock(&self.0) {
            *gather = Some(Box::new(Gather::new(parts)));
        }
    }

    /// One of those earlier appends is decided; or the one that it depends on as a whole.
    pub(super) fn decide_part(&self, part: Option<usize>, outcome: Result<Place>) {
        let Some(index) = part else {
            return self.decide(outcome.map(Batch::One));
        };
        let mut state = lock(&self.0);
        if let State::Placed {
            gather: Some(gather),
            ..
        } = &mut *state
        {
            gather.joined(index, outcome);
            let whole = gather.outcome();
            Self::finish(state, whole);
        }
    }

    /// Decides the append, and wakes its caller.
    pub(super) fn decide(&self, outcome: Result<Batch<Place>>) {
        let mut state = lock(&self.0);
        if let (
            State::Placed {
                gather: Some(gather),
                ..
            },
            Ok(places),
        ) = (&mut *state, &outcome)
        {
            gather.own(places);
            let whole = gather.outcome();
            return Self::finish(state, whole);
        }
        Self::finish(state, Some(outcome));
    }

    fn finish(mut state: MutexGuard<'_, State>, outcome: Option<Result<Batch<Place>>>) {
        let (Some(outcome), Some(waker)) = (outcome, state.waker()) else {
            return;
        };
        let waker = waker.take();
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
        if let Some(waker) = state.waker() {
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
        let mut state = lock(&self.0);
        if matches!(&*state, State::Waiting(queued) if queued.request.stays()) {
            return;
        }
        // What it held is freed outside of the lock.
        let forgotten = std::mem::replace(&mut *state, State::Gone);
        drop(state);
        if let State::Waiting(queued) = &forgotten
            && let Some(writer) = queued.queue.upgrade()
        {
            writer.leave(queued.ticket);
        }
    }
}
