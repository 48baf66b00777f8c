use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use walx_core::{Error, Result};

use crate::fault;

/// How the appends of one group ended; they share it.
#[derive(Default)]
pub(crate) struct Completion(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    outcome: Option<Result<()>>,
    wakers: Vec<Option<Waker>>,
}

impl Completion {
    pub(crate) fn complete(&self, outcome: Result<()>) {
        let wakers = match self.0.lock() {
            Ok(mut waiting) => {
                waiting.outcome.get_or_insert(outcome);
                std::mem::take(&mut waiting.wakers)
            }
            Err(_) => return,
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Tells an outcome where there is none yet.
    pub(crate) fn complete_late(&self, error: impl FnOnce() -> Error) {
        let told = self
            .0
            .lock()
            .map_or(true, |waiting| waiting.outcome.is_some());
        if !told {
            self.complete(Err(error()));
        }
    }

    /// The outcome. `place` is where this caller's waker stands.
    pub(crate) fn poll(
        &self,
        place: &mut Option<usize>,
        context: &mut Context<'_>,
    ) -> Poll<Result<()>> {
        let Ok(mut waiting) = self.0.lock() else {
            return Poll::Ready(Err(fault::broken()));
        };
        if let Some(outcome) = &waiting.outcome {
            return Poll::Ready(outcome.clone());
        }
        let place = *place.get_or_insert_with(|| {
            waiting.wakers.push(None);
            waiting.wakers.len() - 1
        });
        if let Some(slot) = waiting.wakers.get_mut(place)
            && !slot
                .as_ref()
                .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            *slot = Some(context.waker().clone());
        }
        Poll::Pending
    }

    /// Frees the waker of a caller that no longer waits.
    pub(crate) fn forget(&self, place: usize) {
        if let Ok(mut waiting) = self.0.lock()
            && let Some(slot) = waiting.wakers.get_mut(place)
        {
            *slot = None;
        }
    }
}
