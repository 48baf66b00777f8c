use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::{Limits, LimitsSnapshot, lock};

/// Who watches a budget. While nobody does, telling them is one look at an atomic.
#[derive(Default)]
pub(super) struct Watchers {
    count: AtomicUsize,
    all: Mutex<Vec<Arc<Mutex<Seen>>>>,
}

/// What one of them knows.
#[derive(Default)]
struct Seen {
    stale: bool,
    waker: Option<Waker>,
}

impl Watchers {
    pub(super) fn tell(&self) {
        if self.count.load(SeqCst) > 0 {
            let wakers: Vec<_> = lock(&self.all)
                .iter()
                .filter_map(|watcher| {
                    let mut seen = lock(watcher);
                    seen.stale = true;
                    seen.waker.take()
                })
                .collect();
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    fn add(&self) -> Arc<Mutex<Seen>> {
        let first = Seen {
            stale: true,
            waker: None,
        };
        let watcher = Arc::new(Mutex::new(first));
        lock(&self.all).push(Arc::clone(&watcher));
        self.count.fetch_add(1, SeqCst);
        watcher
    }

    fn remove(&self, watcher: &Arc<Mutex<Seen>>) {
        lock(&self.all).retain(|it| !Arc::ptr_eq(it, watcher));
        self.count.fetch_sub(1, SeqCst);
    }
}

/// A stream of what is held of a budget: what it is now, then what it is after each change. It never ends.
#[must_use = "it tells nothing unless it is polled"]
pub struct LimitsWatch {
    limits: Limits,
    seen: Arc<Mutex<Seen>>,
}

impl LimitsWatch {
    pub(super) fn new(limits: Limits) -> Self {
        let seen = limits.0.watchers.add();
        Self { limits, seen }
    }

    /// Waits until something has changed since the last look, and looks. The first look is at once.
    ///
    /// # Cancel
    /// Dropping the future loses nothing.
    pub async fn changed(&mut self) -> LimitsSnapshot {
        std::future::poll_fn(|context| self.poll_changed(context)).await
    }

    fn poll_changed(&mut self, context: &mut Context<'_>) -> Poll<LimitsSnapshot> {
        let mut seen = lock(&self.seen);
        if !std::mem::take(&mut seen.stale) {
            seen.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        drop(seen);
        Poll::Ready(self.limits.snapshot())
    }
}

impl Stream for LimitsWatch {
    type Item = LimitsSnapshot;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<LimitsSnapshot>> {
        self.poll_changed(context).map(Some)
    }
}

impl Drop for LimitsWatch {
    fn drop(&mut self) {
        self.limits.0.watchers.remove(&self.seen);
    }
}

impl fmt::Debug for LimitsWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitsWatch").finish_non_exhaustive()
    }
}
