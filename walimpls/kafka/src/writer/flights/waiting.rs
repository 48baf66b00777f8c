use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use walx_core::{Error, MessageId, Result};
use walx_impls::Batch;
use walx_utility::sync::lock;

use super::{Failed, Flights, State};
use crate::id;

/// So many calls share one era.
const ERA: u64 = 4096;
/// So many runs are kept without asking who needs them.
const RUNS: usize = 64;

/// Calls that were made about the same time: as long as one of them waits for its answer, the offsets of its time are
/// kept.
pub(crate) struct Era {
    flights: Arc<Flights>,
    first: u64,
}

/// What a caller waits for.
pub(crate) struct Waiting {
    era: Arc<Era>,
    first: u64,
    records: u32,
    /// Whether it was called with a list.
    many: bool,
    /// Whether its waker stands among those that wait.
    waits: bool,
}

impl Flights {
    /// The era of the next call; a new one where the last one is over. Under the lock of the order.
    pub(crate) fn era<'a>(self: &Arc<Self>, last: &'a mut Option<Arc<Era>>) -> &'a Arc<Era> {
        let first = self.calls.called.load(Ordering::Relaxed);
        if last.as_ref().is_some_and(|last| first >= last.first + ERA) {
            *last = None;
        }
        last.get_or_insert_with(|| self.new_era(first))
    }

    fn new_era(self: &Arc<Self>, first: u64) -> Arc<Era> {
        let flights = Arc::clone(self);
        let era = Arc::new(Era { flights, first });
        let mut state = lock(&self.state);
        state.eras.retain(|it| it.strong_count() > 0);
        state.eras.push(Arc::downgrade(&era));
        era
    }

    /// The ids of records that are durable.
    fn ids(&self, first: u64, records: u32, many: bool) -> Option<Batch<MessageId>> {
        if first + u64::from(records) > self.durable() {
            return None;
        }
        // In this order, and behind the look at what is durable: the delta is that of the record's run or of a later one,
        // and where it is of a later one, `first` is as well.
        let delta = self.answers.delta.load(Ordering::Acquire);
        if first >= self.answers.first.load(Ordering::Acquire) {
            return Some(batch(first, records, many, |number| {
                delta.wrapping_add_unsigned(number)
            }));
        }
        let state = lock(&self.state);
        Some(batch(first, records, many, |number| {
            state.runs.offset(number)
        }))
    }
}

fn batch(first: u64, records: u32, many: bool, offset: impl Fn(u64) -> i64) -> Batch<MessageId> {
    match many {
        false => Batch::One(id::of(offset(first))),
        true => {
            let numbers = first..first + u64::from(records);
            Batch::Many(numbers.map(|number| id::of(offset(number))).collect())
        }
    }
}

impl State {
    /// Forgets where records lie that nobody waits for.
    pub(super) fn forget_runs(&mut self) {
        if self.runs.len() > RUNS {
            self.eras.retain(|it| it.strong_count() > 0);
            let oldest = self.eras.iter().find_map(Weak::upgrade);
            let oldest = oldest.map_or(self.reported, |era| era.first);
            self.runs.forget(oldest);
        }
    }
}

impl Failed {
    fn of(&self, first: u64, behind: u64) -> Error {
        let failure = &self.failure;
        let error = match first {
            first if first >= self.sent => &failure.unsent,
            first if (first..behind).contains(&self.reported) => &failure.oldest,
            _ => &failure.sent,
        };
        error.clone()
    }
}

impl Waiting {
    pub(crate) fn new(era: &Arc<Era>, first: u64, records: usize, many: bool) -> Self {
        Self {
            era: Arc::clone(era),
            first,
            // Their bytes are in memory: there are fewer.
            records: records as u32,
            many,
            waits: false,
        }
    }

    fn behind(&self) -> u64 {
        self.first + u64::from(self.records)
    }

    fn answer(&self) -> Option<Result<Batch<MessageId>>> {
        let flights = &self.era.flights;
        let ids = || flights.ids(self.first, self.records, self.many).map(Ok);
        ids().or_else(|| {
            if !flights.answers.failed.load(Ordering::Acquire) {
                return None;
            }
            // Behind the failure nothing more becomes durable; before it this may have.
            let state = lock(&flights.state);
            let failed = state.failed.as_ref();
            let failed = failed.filter(|_| self.behind() > flights.durable());
            let error = failed.map(|failed| failed.of(self.first, self.behind()));
            drop(state);
            error.map(Err).or_else(ids)
        })
    }
}

impl Future for Waiting {
    type Output = Result<Batch<MessageId>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(answer) = this.answer() {
            this.waits = false;
            return Poll::Ready(answer);
        }
        let flights = &this.era.flights;
        let behind = this.behind();
        // Made and dropped without the lock: its owner may be a user's code.
        let waker = context.waker().clone();
        let mut state = lock(&flights.state);
        if behind <= flights.durable() || state.failed.is_some() {
            drop(state);
            // It came between the two looks.
            this.waits = false;
            return this.answer().map_or(Poll::Pending, Poll::Ready);
        }
        let old = state.waiting.insert(behind, waker);
        this.waits = true;
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.waits {
            let waker = lock(&self.era.flights.state).waiting.remove(&self.behind());
            // Without the lock, too.
            drop(waker);
        }
    }
}
