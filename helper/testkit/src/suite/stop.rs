use std::sync::Arc;

use tokio::sync::watch;

/// Ends a suite early: cases that run are given up, no more are begun. Clones are the same.
#[derive(Clone, Debug)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Stop {
    /// Ends it.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was ended.
    pub fn is_stopped(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is.
    pub(crate) async fn wait(&self) {
        // This one holds the sender, so that it can't be gone.
        let _ = self.0.subscribe().wait_for(|stopped| *stopped).await;
    }
}
