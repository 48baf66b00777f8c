//! Something that is closed once, however often and by whomever it is asked to.

use async_trait::async_trait;
use tokio::sync::watch;
use walx_core::{Error, ErrorKind, Result};
use walx_utility::spawn;

/// A wal as its opener closes it.
#[async_trait]
pub(crate) trait Child: Send + Sync {
    /// Closes the wal, and not the store that it may be alone in.
    async fn close_alone(&self) -> Result<()>;
}

/// Runs a close once, in a task of its own, so that dropping a caller's future doesn't stop it.
pub(crate) struct CloseOnce(watch::Sender<State>);

#[derive(Clone)]
enum State {
    Open,
    Closing,
    Closed(Result<()>),
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
                let result = close.await;
                sender.send_replace(State::Closed(result));
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
