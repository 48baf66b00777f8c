//! Something that is closed once, however often and by whomever it is asked to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Notify;
use walx_core::{ChannelName, Error, ErrorKind, Lsn, MessageId, Result, ScannerInfo};
use walx_utility::spawn;
use walx_utility::sync::lock;

/// A wal as its opener closes it.
#[async_trait]
pub(crate) trait Child: Send + Sync {
    /// Closes the wal, and not the store that it may be alone in.
    async fn close_alone(&self) -> Result<()>;

    /// Everything up to and including `id` of a channel was truncated by somebody else.
    fn truncated(&self, channel: &ChannelName, id: MessageId);

    /// Its scanners, where it is a wal of `channel`, which has messages from `earliest` to `tail`.
    fn scanners(&self, channel: &ChannelName, earliest: Lsn, tail: Lsn) -> Vec<ScannerInfo>;
}

/// Runs a close once, in a task of its own, so that dropping a caller's future doesn't stop it.
pub(crate) struct CloseOnce(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Wakes those who wait in their order, as tokio's `watch` does not: simulations repeat by it.
    closed: Notify,
}

#[derive(Default)]
enum State {
    #[default]
    Open,
    Closing,
    Closed(Result<()>),
}

/// Tells the end of a close, also where its task was ended with its runtime.
struct Ended(Arc<Shared>, Option<Result<()>>);

impl Drop for Ended {
    fn drop(&mut self) {
        let ended_early = || {
            let message = "the runtime was shut down, or a backend panicked, while it closed";
            Err(Error::new(ErrorKind::Internal, message))
        };
        let result = self.1.take().unwrap_or_else(ended_early);
        *lock(&self.0.state) = State::Closed(result);
        self.0.closed.notify_waiters();
    }
}

impl CloseOnce {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    /// The first call runs `close`; all calls wait for its end and get its result.
    pub(crate) async fn run(
        &self,
        close: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Result<()> {
        let shared = Arc::clone(&self.0);
        if shared.begin() {
            let shared = Arc::clone(&shared);
            spawn::task(async move {
                let mut ended = Ended(shared, None);
                ended.1 = Some(close.await);
            })
            .detach();
        }
        loop {
            let closed = shared.closed.notified();
            if let State::Closed(result) = &*lock(&shared.state) {
                return result.clone();
            }
            closed.await;
        }
    }
}

impl Shared {
    /// `true` for the first call.
    fn begin(&self) -> bool {
        let mut state = lock(&self.state);
        let open = matches!(*state, State::Open);
        if open {
            *state = State::Closing;
        }
        open
    }
}
