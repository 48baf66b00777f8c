//! Tells scanners that what they belong to was closed.

use tokio::sync::watch;

/// Held by what can be closed.
#[derive(Debug)]
pub(crate) struct Closer(watch::Sender<bool>);

/// Held by those who end with it. Dropping the other side is no close: a scanner outlives a dropped handle.
#[derive(Clone, Debug)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Closer {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// `true` for the first call.
    pub(crate) fn close(&self) -> bool {
        !self.0.send_replace(true)
    }

    pub(crate) fn is_closed(&self) -> bool {
        *self.0.borrow()
    }

    pub(crate) fn watch(&self) -> Closing {
        Closing(self.0.subscribe())
    }
}

impl Closing {
    pub(crate) fn is_closed(&self) -> bool {
        *self.0.borrow()
    }

    pub(crate) async fn closed(&mut self) {
        if self.0.wait_for(|closed| *closed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
