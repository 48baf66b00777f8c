//! An append whose answer comes later: only under fault switches.

use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use walx_core::{MessageId, Result};
use walx_impls::{Appending, Batch};
use walx_utility::sync::lock;

/// The place of one answer.
#[derive(Default)]
pub(crate) struct Pending(Mutex<State>);

#[derive(Default)]
struct State {
    answer: Option<Result<Batch<MessageId>>>,
    waker: Option<Waker>,
}

impl Pending {
    /// Gives the answer, and whom to wake; a second answer changes nothing.
    pub(crate) fn answer(&self, answer: Result<Batch<MessageId>>) -> Option<Waker> {
        let mut state = lock(&self.0);
        state.answer.get_or_insert(answer);
        state.waker.take()
    }

    /// What waits for the answer.
    pub(crate) fn appending(self: &Arc<Self>) -> Appending {
        let pending = Arc::clone(self);
        Appending::new(std::future::poll_fn(move |context| {
            let mut state = lock(&pending.0);
            match &state.answer {
                Some(answer) => Poll::Ready(answer.clone()),
                None => {
                    state.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        }))
    }
}
