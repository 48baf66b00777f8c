//! Wakes one task that may or may not be waiting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// A flag with a waiting task behind it. Signals that come before the wait are not lost; several count as one.
#[derive(Debug, Default)]
pub struct Signal {
    set: AtomicBool,
    waker: AtomicWaker,
}

impl Signal {
    /// Sets the flag and wakes the task.
    pub fn set(&self) {
        if !self.set.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Takes the flag; `Pending` until it is set. Only one task may wait.
    pub fn poll_take(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.set.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        self.waker.register(context.waker());
        if self.set.swap(false, Ordering::AcqRel) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn no_signal_is_lost_between_look_and_wait() {
        let signal = Arc::new(Signal::default());
        for _ in 0..2_000 {
            let setter = Arc::clone(&signal);
            let task = crate::spawn::task(async move { setter.set() });
            std::future::poll_fn(|context| signal.poll_take(context)).await;
            task.await.unwrap();
        }
    }
}
