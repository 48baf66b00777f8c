use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

/// Bytes a second; never zero, which would be a stop that says no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(NonZeroU64);

impl Rate {
    /// So many bytes a second; `None` for zero.
    pub const fn new(bytes_per_second: u64) -> Option<Self> {
        match NonZeroU64::new(bytes_per_second) {
            Some(rate) => Some(Self(rate)),
            None => None,
        }
    }

    /// So many bytes a second, and at least one.
    pub const fn at_least_one(bytes_per_second: u64) -> Self {
        match NonZeroU64::new(bytes_per_second) {
            Some(rate) => Self(rate),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// So many MiB a second, and at least one byte.
    pub const fn mib(mib_per_second: u64) -> Self {
        Self::at_least_one(mib_per_second.saturating_mul(1 << 20))
    }

    /// The bytes a second.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// How long so many bytes take; a year at most.
    pub fn time_of(self, bytes: u64) -> Duration {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
        let seconds = bytes as f64 / self.get() as f64;
        Duration::try_from_secs_f64(seconds).map_or(YEAR, |time| time.min(YEAR))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes a second", self.get())
    }
}

/// What a source can bear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowState {
    /// Everything.
    #[default]
    Normal,
    /// So much.
    SlowDown(Rate),
    /// Nothing.
    Reject {
        /// When a new try makes sense.
        retry_after: Duration,
    },
}

impl FlowState {
    /// The stricter of two: a refusal before a rate, the longer refusal, the lower rate.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        match (self, other) {
            (Self::Reject { retry_after: a }, Self::Reject { retry_after: b }) => Self::Reject {
                retry_after: a.max(b),
            },
            (reject @ Self::Reject { .. }, _) | (_, reject @ Self::Reject { .. }) => reject,
            (Self::SlowDown(a), Self::SlowDown(b)) => Self::SlowDown(a.min(b)),
            (slow @ Self::SlowDown(_), Self::Normal) | (Self::Normal, slow) => slow,
        }
    }
}

impl fmt::Display for FlowState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Normal => f.write_str("normal"),
            Self::SlowDown(rate) => write!(f, "slow down to {rate}"),
            Self::Reject { retry_after } => write!(f, "reject, retry after {retry_after:?}"),
        }
    }
}
