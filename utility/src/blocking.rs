//! Waiting for futures on threads that have no async runtime.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tokio::task::unconstrained;

use crate::sync::lock;

/// Enough for drivers and readers, which wait most of the time: work that blocks has the runtime's pool.
const WORKERS: usize = 2;

/// The runtime behind all blocking calls of the process. It is made at the first use and never shut down.
#[derive(Clone, Copy, Debug)]
pub struct Runtime(&'static tokio::runtime::Runtime);

impl Runtime {
    /// The one of this process.
    ///
    /// # Errors
    /// Where the operating system gives no threads; the next call tries again.
    pub fn shared() -> io::Result<Self> {
        static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
        // One thread makes it: a second runtime could not be dropped on a thread of another one.
        static MAKING: Mutex<()> = Mutex::new(());
        if let Some(made) = RUNTIME.get() {
            return Ok(Self(made));
        }
        let _making = lock(&MAKING);
        if let Some(made) = RUNTIME.get() {
            return Ok(Self(made));
        }
        let made = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .thread_name("walx-blocking")
            .enable_all()
            .build()?;
        Ok(Self(RUNTIME.get_or_init(|| made)))
    }

    /// Runs `work`, which may start tasks and timers: they belong to this runtime, whatever thread this is.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        let _inside = self.0.enter();
        work()
    }

    /// Waits for a future on this thread, which is blocked meanwhile. Works on any thread, also on one of another
    /// runtime. Wakes that come between two looks are not lost.
    pub fn wait<F: Future>(self, future: F) -> F::Output {
        let _inside = self.0.enter();
        let parked = Arc::new(Parked::default());
        let waker = Waker::from(Arc::clone(&parked));
        let mut context = Context::from_waker(&waker);
        // On a thread of another runtime the budget of the task that runs there must not count: once it is used up,
        // a tokio resource is not ready before that task yields, and it can't as long as it waits here.
        let mut future = pin!(unconstrained(future));
        loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(output) => return output,
                Poll::Pending => parked.wait(),
            }
        }
    }
}

/// A thread that waits for its wake. Not `thread::park`, whose token belongs to the caller's code as well.
#[derive(Default)]
struct Parked {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Parked {
    fn wait(&self) {
        let woken = lock(&self.woken);
        let mut woken = self
            .changed
            .wait_while(woken, |woken| !*woken)
            .unwrap_or_else(PoisonError::into_inner);
        *woken = false;
    }
}

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *lock(&self.woken) = true;
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::{mpsc, oneshot};

    use super::*;
    use crate::{clock, spawn};

    #[test]
    fn timers_and_tasks_work_without_a_runtime_of_the_caller() {
        let runtime = Runtime::shared().unwrap();
        let task = runtime.run(|| spawn::task(async { 42 }));
        assert_eq!(runtime.wait(task), Ok(42));
        let late = clock::timeout(Duration::from_millis(1), std::future::pending::<()>());
        assert!(runtime.wait(late).is_err());
    }

    #[test]
    fn no_wake_is_lost_between_look_and_wait() {
        let runtime = Runtime::shared().unwrap();
        for _ in 0..2_000 {
            let (sender, receiver) = oneshot::channel();
            runtime.run(|| spawn::task(async move { sender.send(()) }).detach());
            runtime.wait(receiver).unwrap();
        }
    }

    /// The one thread of the runtime is blocked; whoever wakes it must not need it.
    #[tokio::test]
    async fn a_task_that_has_used_up_its_budget_can_wait() {
        let (sender, mut full) = mpsc::channel(1_000);
        for i in 0..1_000 {
            sender.try_send(i).unwrap();
        }
        let mut context = Context::from_waker(Waker::noop());
        while full.poll_recv(&mut context).is_ready() {}
        assert!(!full.is_empty(), "the budget must be used up");
        let runtime = Runtime::shared().unwrap();
        assert!(runtime.wait(full.recv()).is_some());
    }
}
