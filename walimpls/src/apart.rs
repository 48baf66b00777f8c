use std::any::Any;
use std::fmt;
use std::sync::Arc;

use walx_core::{BoxFuture, Bytes, ChannelName, Config, Result};

/// Writes a payload into a channel's storage, past walx, as somebody else does who knows nothing of it: a
/// [foreign record](walx_core::ForeignRecord). It answers once the record is durable.
pub type ForeignWriter = Arc<dyn Fn(ChannelName, Bytes) -> BoxFuture<Result<()>> + Send + Sync>;

/// A store for a test; see [`OpenerBuilderImpls::apart`](crate::OpenerBuilderImpls::apart).
pub struct Apart {
    /// What it is configured with. Each open finds the same store.
    pub config: Config,
    /// Keeps the store; dropping it removes what was made for it. Dropped after everything opened is closed.
    pub keep: Box<dyn Any + Send>,
    /// Where others can write into the same storage: one who does.
    pub foreign: Option<ForeignWriter>,
}

impl Apart {
    /// A store that needs nothing to be kept and leaves nothing to remove.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            keep: Box::new(()),
            foreign: None,
        }
    }

    /// Keeps something until the test has ended.
    #[must_use]
    pub fn with_keep(mut self, keep: impl Any + Send) -> Self {
        self.keep = Box::new(keep);
        self
    }

    /// Sets who writes into the same storage past walx.
    #[must_use]
    pub fn with_foreign(mut self, foreign: ForeignWriter) -> Self {
        self.foreign = Some(foreign);
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
