use std::any::Any;
use std::fmt;

use walx_core::Config;

/// A store for a test; see [`OpenerBuilderImpls::apart`](crate::OpenerBuilderImpls::apart).
pub struct Apart {
    /// What it is configured with. Each open finds the same store.
    pub config: Config,
    /// Keeps the store; dropping it removes what was made for it. Dropped after everything opened is closed.
    pub keep: Box<dyn Any + Send>,
}

impl Apart {
    /// A store that needs nothing to be kept and leaves nothing to remove.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            keep: Box::new(()),
        }
    }

    /// Keeps something until the test has ended.
    #[must_use]
    pub fn with_keep(mut self, keep: impl Any + Send) -> Self {
        self.keep = Box::new(keep);
        self
    }
}

impl fmt::Debug for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apart")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
