use std::time::Duration;

use walx_core::{Error, ErrorKind, Result};

use super::Rate;

/// How a source feels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// Well: what was slowed down recovers.
    None,
    /// Neither well nor worse: everything stays as it is.
    Steady,
    /// Ill: it slows down, step by step.
    Rising,
    /// It can't bear anything more: reject at once.
    Critical,
}

/// From which values on a source feels how. Between `recover` and `slow_down` everything stays as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Watermarks {
    /// Below this it recovers.
    pub recover: f64,
    /// From this on it slows down.
    pub slow_down: f64,
    /// From this on it rejects; infinity is never.
    pub reject: f64,
}

impl Watermarks {
    /// Marks that ascend.
    ///
    /// # Errors
    /// `InvalidInput` where they do not.
    pub fn new(recover: f64, slow_down: f64, reject: f64) -> Result<Self> {
        if !(recover <= slow_down && slow_down <= reject) {
            let text = "watermarks ascend: recover, slow_down, reject; set them in this order";
            return Err(Error::new(ErrorKind::InvalidInput, text)
                .with_context("recover", recover)
                .with_context("slow_down", slow_down)
                .with_context("reject", reject));
        }
        Ok(Self {
            recover,
            slow_down,
            reject,
        })
    }

    /// For the part of its memory that a process uses: 0.85, 0.90, 0.95.
    pub const fn memory() -> Self {
        Self {
            recover: 0.85,
            slow_down: 0.90,
            reject: 0.95,
        }
    }

    /// How a source feels at this value.
    pub fn pressure(&self, value: f64) -> Pressure {
        if value >= self.reject {
            Pressure::Critical
        } else if value >= self.slow_down {
            Pressure::Rising
        } else if value >= self.recover {
            Pressure::Steady
        } else {
            Pressure::None
        }
    }
}

/// How an adaptive source slows down and recovers.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// How long it waits, from normal, before it slows down.
    pub start_delay: Duration,
    /// The rate at which slowing down starts, and the one below which it doesn't go.
    pub slow_high: Rate,
    /// See `slow_high`.
    pub slow_low: Rate,
    /// How long each rate lasts while it slows down.
    pub slow_interval: Duration,
    /// What a rate is multiplied with for the next one; between 0 and 1.
    pub slow_ratio: f64,
    /// How long it stays at the lowest rate before it rejects; none = it never does by itself.
    pub reject_delay: Option<Duration>,
    /// What those are told that it rejects.
    pub retry_after: Duration,
    /// The rate at least with which recovery starts.
    pub recovery_low: Rate,
    /// The rate from which on it is nearly normal.
    pub recovery_high: Rate,
    /// What a rate grows by for the next one.
    pub recovery_increment: Rate,
    /// How long each rate lasts while it recovers.
    pub recovery_interval: Duration,
    /// How long it stays at the highest rate before it is normal.
    pub normal_delay: Duration,
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

impl Profile {
    /// For the memory of a process; it rejects by its [watermark](Watermarks::memory) alone.
    pub const fn memory() -> Self {
        Self {
            slow_high: Rate::mib(8),
            slow_low: Rate::at_least_one(512 << 10),
            slow_interval: seconds(30),
            slow_ratio: 0.8,
            recovery_low: Rate::mib(2),
            recovery_high: Rate::mib(32),
            recovery_increment: Rate::at_least_one(512 << 10),
            recovery_interval: seconds(1),
            normal_delay: seconds(10),
            ..Self::fallback()
        }
    }

    /// For what lags behind the log, as the storage from which a node recovers.
    pub const fn lag() -> Self {
        Self {
            start_delay: seconds(30),
            slow_high: Rate::mib(16),
            slow_low: Rate::mib(1),
            slow_interval: seconds(30),
            slow_ratio: 0.8,
            reject_delay: Some(seconds(120)),
            normal_delay: seconds(60),
            ..Self::memory()
        }
    }

    /// For a reader that catches up after its start, as what flushes the log elsewhere.
    pub const fn catching_up() -> Self {
        Self {
            start_delay: seconds(10),
            slow_high: Rate::mib(16),
            slow_low: Rate::mib(2),
            recovery_low: Rate::mib(16),
            recovery_high: Rate::mib(64),
            recovery_increment: Rate::mib(5),
            normal_delay: seconds(5),
            ..Self::lag()
        }
    }

    /// For the measured rate of appends.
    pub const fn append_rate() -> Self {
        Self {
            slow_high: Rate::mib(32),
            slow_low: Rate::mib(2),
            slow_interval: seconds(10),
            slow_ratio: 0.9,
            recovery_low: Rate::mib(4),
            ..Self::memory()
        }
    }

    /// For anything else.
    pub const fn fallback() -> Self {
        Self {
            start_delay: Duration::ZERO,
            slow_high: Rate::mib(32),
            slow_low: Rate::mib(2),
            slow_interval: seconds(10),
            slow_ratio: 0.5,
            reject_delay: None,
            retry_after: seconds(1),
            recovery_low: Rate::mib(4),
            recovery_high: Rate::mib(64),
            recovery_increment: Rate::mib(1),
            recovery_interval: seconds(5),
            normal_delay: seconds(60),
        }
    }

    /// Whether it can be followed.
    ///
    /// # Errors
    /// `InvalidInput`, with what is wrong.
    pub fn check(&self) -> Result<()> {
        let wrong = if self.slow_low > self.slow_high {
            "slow_low is above slow_high; lower it"
        } else if !(self.slow_ratio > 0.0 && self.slow_ratio < 1.0) {
            "slow_ratio is not between 0 and 1; 0.8 lowers a rate by a fifth"
        } else if self.slow_interval.is_zero() {
            "slow_interval is zero; each rate lasts some time"
        } else if self.recovery_low > self.recovery_high {
            "recovery_low is above recovery_high; lower it"
        } else if self.recovery_interval.is_zero() {
            "recovery_interval is zero; each rate lasts some time"
        } else if self.retry_after.is_zero() {
            "retry_after is zero; callers would try again at once"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::InvalidInput, wrong).with_operation("set a flow profile"))
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::fallback()
    }
}
