//! What is on its way, and permits, recorded.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use walx_core::{
    Append, AppendBatch, AppendState, Expected, Message, Permit, PermitState, Place, Result,
};
use walx_utility::sync::lock;

use super::{Recorder, stamp};
use crate::history::event::{Appended, EventId, Failed, Key, What};

/// Makes the event of an answer.
pub(super) type Answered = fn(EventId, Appended) -> What;

pub(super) fn answered_append(call: EventId, answer: Appended) -> What {
    What::AppendAnswered { call, answer }
}

pub(super) fn answered_end(call: EventId, answer: Appended) -> What {
    What::EndAnswered { call, answer }
}

pub(super) fn answered_tick(call: EventId, answer: Appended) -> What {
    What::TickAnswered { call, answer }
}

/// The append, with its answer put down as soon as the caller hears it.
pub(super) fn recorded(
    recorder: &Recorder,
    call: EventId,
    append: Append,
    answered: Answered,
) -> Append {
    Append::new(RecordedAppend::state(
        recorder,
        call,
        Waiting::One(append),
        answered,
    ))
}

/// The batch, likewise.
pub(super) fn recorded_batch(
    recorder: &Recorder,
    call: EventId,
    batch: AppendBatch,
) -> AppendBatch {
    AppendBatch::new(RecordedAppend::state(
        recorder,
        call,
        Waiting::Many(batch),
        answered_append,
    ))
}

struct RecordedAppend {
    recorder: Recorder,
    call: EventId,
    answered: Answered,
    /// None once the caller has heard, or no longer listens.
    waiting: Mutex<Option<Waiting>>,
}

enum Waiting {
    One(Append),
    Many(AppendBatch),
}

impl RecordedAppend {
    fn state(
        recorder: &Recorder,
        call: EventId,
        waiting: Waiting,
        answered: Answered,
    ) -> Arc<Self> {
        Arc::new(Self {
            recorder: recorder.clone(),
            call,
            answered,
            waiting: Mutex::new(Some(waiting)),
        })
    }

    fn answered(&self, answer: Appended) {
        self.recorder.put((self.answered)(self.call, answer));
    }
}

impl AppendState for RecordedAppend {
    fn poll_outcome(
        &self,
        context: &mut Context<'_>,
        places: &mut dyn FnMut(Place),
    ) -> Poll<Result<()>> {
        let mut waiting = lock(&self.waiting);
        let polled = match &mut *waiting {
            Some(Waiting::One(append)) => {
                Pin::new(append).poll(context).map_ok(|place| vec![place])
            }
            Some(Waiting::Many(batch)) => Pin::new(batch).poll(context),
            None => return Poll::Pending,
        };
        let Poll::Ready(outcome) = polled else {
            return Poll::Pending;
        };
        *waiting = None;
        drop(waiting);
        Poll::Ready(match outcome {
            Ok(all) => {
                all.iter().for_each(|place| places(*place));
                self.answered(Appended::Acknowledged(all));
                Ok(())
            }
            Err(error) => {
                self.answered(Appended::Failed(Failed::from(&error)));
                Err(error)
            }
        })
    }

    fn forget(&self) {
        // Dropping the inner one tells the wal; only then is it put down, as an answer is.
        if lock(&self.waiting).take().is_some() {
            self.answered(Appended::Dropped);
        }
    }
}

/// Room for one append and its property.
pub(super) struct RecordedPermit {
    recorder: Recorder,
    handle: EventId,
    inner: Mutex<Option<Permit>>,
}

impl RecordedPermit {
    pub(super) fn permit(
        recorder: Recorder,
        handle: EventId,
        inner: Permit,
        bytes: usize,
    ) -> Permit {
        let state = Self {
            recorder,
            handle,
            inner: Mutex::new(Some(inner)),
        };
        Permit::new(Arc::new(state), bytes)
    }
}

impl PermitState for RecordedPermit {
    fn append(self: Arc<Self>, _reserved_bytes: usize, message: Message) -> Append {
        let called = self.recorder.call(What::AppendCalled {
            handle: self.handle,
            transaction: None,
            reserved: true,
            expected: Expected::new(),
            messages: vec![stamp::sent(&message)],
        });
        let call = match called {
            Ok(call) => call,
            Err(error) => return Append::failed(error),
        };
        // A permit is used up once; it is there.
        let Some(permit) = lock(&self.inner).take() else {
            return Append::failed(walx_core::Error::new(
                walx_core::ErrorKind::Internal,
                "a permit was used twice",
            ));
        };
        let append = permit.append(stamp::stamp(message, Key { call, index: 0 }));
        self.recorder.put(What::AppendTaken { call });
        recorded(&self.recorder, call, append, answered_append)
    }

    fn release(&self, _reserved_bytes: usize) {
        drop(lock(&self.inner).take());
    }
}
