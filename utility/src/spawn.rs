//! The only source of tasks and threads.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

/// A task of its own. Dropping the handle ends the task at its next wait; [`detach`](Task::detach) lets it go on.
#[derive(Debug)]
#[must_use = "a task ends when its handle is dropped"]
pub struct Task<T>(Option<JoinHandle<T>>);

/// Starts a task on the present runtime.
///
/// # Panics
/// Outside of a tokio runtime, as every call of walx that does I/O.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn task<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Task<T> {
    Task(Some(tokio::spawn(future)))
}

/// The runtime that the caller runs on, among those that run at present; `None` outside of any.
pub fn runtime() -> Option<tokio::runtime::Id> {
    tokio::runtime::Handle::try_current().ok().map(|it| it.id())
}

impl<T> Task<T> {
    /// Whether it has ended, also because its runtime did.
    pub fn is_finished(&self) -> bool {
        self.0.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Lets the task go on without a handle.
    pub fn detach(mut self) {
        self.0 = None;
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.abort();
        }
    }
}

/// The task ended without a value: it panicked, or its runtime was shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

impl<T> Future for Task<T> {
    type Output = Result<T, Lost>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Some(handle) => Pin::new(handle)
                .poll(context)
                .map(|joined| joined.map_err(|_| Lost)),
            None => Poll::Ready(Err(Lost)),
        }
    }
}

/// Runs `work`, which may block, on a thread of the runtime's pool. It runs to its end even if the future is dropped.
///
/// # Panics
/// Outside of a tokio runtime.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Task<T> {
    Task(Some(tokio::task::spawn_blocking(work)))
}

/// Starts a thread with a name.
///
/// # Errors
/// Where the operating system refuses one more.
pub fn thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
}
