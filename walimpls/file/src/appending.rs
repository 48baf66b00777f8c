use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use walx_core::{MessageId, Result};
use walx_impls::Batch;

use crate::completion::Completion;
use crate::handle::Handle;
use crate::id::id;

/// An append that waits for the writer.
pub(crate) struct Waiting {
    pub(crate) handle: Arc<Handle>,
    pub(crate) done: Arc<Completion>,
    /// Where its waker stands.
    pub(crate) place: Option<usize>,
    /// The number of its first record.
    pub(crate) first: u64,
    pub(crate) count: usize,
    /// Whether it was called with a list.
    pub(crate) many: bool,
}

impl Future for Waiting {
    type Output = Result<Batch<MessageId>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Poll::Ready(outcome) = this.done.poll(&mut this.place, context) else {
            return Poll::Pending;
        };
        let outcome = match outcome {
            // Another writer has the channel by now: nothing is acknowledged to this one any more.
            Ok(()) => {
                if this.handle.is_fenced() {
                    this.handle.reason().map_or(Ok(()), Err)
                } else {
                    Ok(())
                }
            }
            Err(error) => {
                this.handle.fail();
                Err(error)
            }
        };
        Poll::Ready(match outcome {
            Ok(()) if this.many => Ok(Batch::Many(
                (0..this.count as u64)
                    .map(|at| id(this.first + at))
                    .collect(),
            )),
            Ok(()) => Ok(Batch::One(id(this.first))),
            Err(error) => Err(error
                .with_operation("append")
                .with_channel(&this.handle.name)),
        })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.done.forget(place);
        }
    }
}
