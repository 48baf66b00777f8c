use std::time::Duration;

/// Which stores an append waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledge {
    /// The first one. The second one follows.
    #[default]
    First,
    /// Both. Messages of a transaction wait for the first one, and its commit for both.
    Both,
}

/// How two stores are mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MirrorOption {
    /// Which stores an append waits for. The first one by default.
    pub acknowledge: Acknowledge,
    /// How many messages the second store may be behind: beyond it, appends get `Overloaded` until it has caught up.
    /// None = as many as may be. 1 million by default.
    pub max_lag: Option<u64>,
    /// With [`Acknowledge::Both`], how long an append that the first store has waits for the second one; then it gets
    /// `OutcomeUnknown`. 30 s by default.
    pub second_timeout: Duration,
}

impl MirrorOption {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets which stores an append waits for.
    #[must_use]
    pub fn with_acknowledge(mut self, acknowledge: Acknowledge) -> Self {
        self.acknowledge = acknowledge;
        self
    }

    /// Sets how many messages the second store may be behind; none = as many as may be.
    #[must_use]
    pub fn with_max_lag(mut self, messages: impl Into<Option<u64>>) -> Self {
        self.max_lag = messages.into();
        self
    }

    /// Sets how long an append that the first store has waits for the second one.
    #[must_use]
    pub fn with_second_timeout(mut self, timeout: Duration) -> Self {
        self.second_timeout = timeout;
        self
    }
}

impl Default for MirrorOption {
    fn default() -> Self {
        Self {
            acknowledge: Acknowledge::default(),
            max_lag: Some(1_000_000),
            second_timeout: Duration::from_secs(30),
        }
    }
}
