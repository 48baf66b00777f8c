//! Counts who is inside, so that a close refuses newcomers and waits for those that are there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The highest bit says that nobody may come in any more; the others count who is inside.
const CLOSING: usize = 1 << (usize::BITS - 1);

/// The lifetime of a thing that many use at once.
#[derive(Clone, Debug, Default)]
pub struct Lifetime(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: AtomicUsize,
    changed: Notify,
}

/// Somebody inside. Dropped, they are out.
#[derive(Debug)]
#[must_use = "who drops the guard is out"]
pub struct Inside(Arc<Shared>);

impl Lifetime {
    /// Open, with nobody inside.
    pub fn new() -> Self {
        Self::default()
    }

    /// Comes in; `None` once closing has begun.
    pub fn enter(&self) -> Option<Inside> {
        let entered = self
            .0
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
                (state & CLOSING == 0).then_some(state + 1)
            });
        entered.is_ok().then(|| Inside(Arc::clone(&self.0)))
    }

    /// Lets nobody in any more. `true` for the first call.
    pub fn begin_close(&self) -> bool {
        let before = self.0.state.fetch_or(CLOSING, Ordering::AcqRel);
        self.0.changed.notify_waiters();
        before & CLOSING == 0
    }

    /// Waits until closing has begun.
    pub async fn closing(&self) {
        loop {
            let notified = self.0.changed.notified();
            if self.0.state.load(Ordering::Acquire) & CLOSING != 0 {
                return;
            }
            notified.await;
        }
    }

    /// Waits until closing has begun and nobody is inside.
    pub async fn emptied(&self) {
        loop {
            let notified = self.0.changed.notified();
            if self.0.state.load(Ordering::Acquire) == CLOSING {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if self.0.state.fetch_sub(1, Ordering::AcqRel) == CLOSING + 1 {
            self.0.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

    #[tokio::test(start_paused = true)]
    async fn close_refuses_newcomers_and_waits_for_those_inside() {
        let lifetime = Lifetime::new();
        let inside = lifetime.enter().unwrap();
        assert!(lifetime.begin_close());
        assert!(!lifetime.begin_close());
        assert!(lifetime.enter().is_none());
        lifetime.closing().await;
        assert!(
            clock::timeout(Duration::from_secs(9), lifetime.emptied())
                .await
                .is_err()
        );
        drop(inside);
        lifetime.emptied().await;
        lifetime.emptied().await;
    }

    #[tokio::test]
    async fn the_last_one_out_wakes_the_close_from_another_thread() {
        for _ in 0..200 {
            let lifetime = Lifetime::new();
            let guards: Vec<_> = (0..4).map(|_| lifetime.enter().unwrap()).collect();
            let threads: Vec<_> = guards
                .into_iter()
                .map(|guard| crate::spawn::thread("out", move || drop(guard)).unwrap())
                .collect();
            lifetime.begin_close();
            lifetime.emptied().await;
            threads
                .into_iter()
                .for_each(|thread| thread.join().unwrap());
        }
    }
}
