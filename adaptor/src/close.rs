//! Something that is closed once, however often and by whomever it is asked to.

use async_trait::async_trait;
use tokio::sync::watch;
use walx_core::{ChannelName, Error, ErrorKind, Lsn, MessageId, Result, ScannerInfo};
use walx_utility::spawn;

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
pub(crate) struct CloseOnce(watch::Sender<State>);

#[derive(Clone)]
enum State {
    Open,
    Closing,
    Closed(Result<()>),
}

/// Tells the end of a close, also where its task was ended with its runtime.
struct Ended(watch::Sender<State>, Option<Result<()>>);

impl Drop for Ended {
    fn drop(&mut self) {
        let ended_early = || {
            let message = "the runtime was shut down, or a backend panicked, while it closed";
            Err(Error::new(ErrorKind::Internal, message))
        };
        let result = self.1.take().unwrap_or_else(ended_early);
        self.0.send_replace(State::Closed(result));
    }
}

impl CloseOnce {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(State::Open))
    }

    /// The first call runs `close`; all calls wait for its end and get its result.
    pub(crate) async fn run(
        &self,
        close: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Result<()> {
        let mut state = self.0.subscribe();
        let first = self.0.send_if_modified(|state| {
            let open = matches!(state, State::Open);
            if open {
                *state = State::Closing;
            }
            open
        });
        if first {
            let sender = self.0.clone();
            spawn::task(async move {
                let mut ended = Ended(sender, None);
                ended.1 = Some(close.await);
            })
            .detach();
        }
        // The sender lives in `self`, so the wait can't fail before a value comes.
        match state
            .wait_for(|state| matches!(state, State::Closed(_)))
            .await
            .as_deref()
        {
            Ok(State::Closed(result)) => result.clone(),
            _ => Err(Error::new(
                ErrorKind::Internal,
                "a close ended without a result",
            )),
        }
    }
}
