//! Appends that wait for both stores.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use walx_core::{
    Append, AppendBatch, AppendState, BoxFuture, Error, ErrorKind, Place, Result, Transaction,
    TransactionState,
};
use walx_utility::clock;
use walx_utility::sync::lock;

use super::state::Trail;

/// How long an append waits for the second store, and on what.
#[derive(Clone)]
pub(super) struct Both {
    pub(super) trail: Arc<Trail>,
    pub(super) timeout: Duration,
}

impl Both {
    /// Resolves when both stores have it.
    pub(super) fn append(&self, first: Append) -> Append {
        Append::new(Waiting::start(self.wait(async { Ok(vec![first.await?]) })))
    }

    /// As [`append`](Self::append), of a batch.
    pub(super) fn append_batch(&self, first: AppendBatch) -> AppendBatch {
        AppendBatch::new(Waiting::start(self.wait(first)))
    }

    fn wait(
        &self,
        first: impl Future<Output = Result<Vec<Place>>> + Send + 'static,
    ) -> BoxFuture<Result<Vec<Place>>> {
        let Self { trail, timeout } = self.clone();
        Box::pin(async move {
            let places = first.await?;
            if let Some(last) = places.last() {
                let reached = clock::timeout(timeout, trail.reach(last.id)).await;
                let cause = match reached {
                    Ok(Ok(())) => return Ok(places),
                    Ok(Err(error)) => Some(error),
                    Err(_) => trail.state().stalled,
                };
                return Err(only_in_first(&trail, *last, cause));
            }
            Ok(places)
        })
    }

    /// Messages wait for the first store, the commit for both.
    pub(super) fn transaction(&self, first: Transaction) -> Transaction {
        Transaction::new(Arc::new(BothTransaction {
            first: Mutex::new(Some(first)),
            both: self.clone(),
        }))
    }
}

fn only_in_first(trail: &Trail, place: Place, cause: Option<Error>) -> Error {
    let text = "it is durable in the first store, and it is not known whether the second one has it; it gets it as soon \
                as it can be reached: don't append it again";
    let error = Error::new(ErrorKind::OutcomeUnknown, text)
        .with_operation("append")
        .with_channel(&trail.channel)
        .with_context("lsn", place.lsn)
        .with_context("id", place.id);
    match cause {
        Some(cause) => error.with_context("because", cause),
        None => error,
    }
}

/// An append as its caller polls it.
struct Waiting(Mutex<Option<BoxFuture<Result<Vec<Place>>>>>);

impl Waiting {
    fn start(future: BoxFuture<Result<Vec<Place>>>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(future))))
    }
}

impl AppendState for Waiting {
    fn poll_outcome(
        &self,
        context: &mut Context<'_>,
        places: &mut dyn FnMut(Place),
    ) -> Poll<Result<()>> {
        let mut waiting = lock(&self.0);
        let Some(future) = waiting.as_mut() else {
            let text = "an append was polled after its end";
            return Poll::Ready(Err(Error::new(ErrorKind::Internal, text)));
        };
        let Poll::Ready(outcome) = future.as_mut().poll(context) else {
            return Poll::Pending;
        };
        *waiting = None;
        drop(waiting);
        Poll::Ready(outcome.map(|all| all.into_iter().for_each(places)))
    }

    fn forget(&self) {
        // Dropped outside of the lock.
        let forgotten = lock(&self.0).take();
        drop(forgotten);
    }
}

struct BothTransaction {
    first: Mutex<Option<Transaction>>,
    both: Both,
}

impl BothTransaction {
    fn end(&self, end: impl FnOnce(Transaction) -> Append) -> Append {
        let taken = lock(&self.first).take();
        taken.map_or_else(|| Append::failed(ended()), end)
    }
}

impl TransactionState for BothTransaction {
    fn append(&self, message: walx_core::Message) -> Append {
        match &*lock(&self.first) {
            Some(first) => first.append(message),
            None => Append::failed(ended()),
        }
    }

    fn keep_alive(&self) -> Result<()> {
        match &*lock(&self.first) {
            Some(first) => first.keep_alive(),
            None => Err(ended()),
        }
    }

    fn commit(&self) -> Append {
        self.end(|first| self.both.append(first.commit()))
    }

    fn rollback(&self) -> Append {
        self.end(Transaction::rollback)
    }

    fn forget(&self) {
        let forgotten = lock(&self.first).take();
        drop(forgotten);
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Internal, "a transaction was used after its end")
}
