use std::time::Duration;

use super::Rate;
use crate::clock::Instant;

/// A token bucket. Whatever comes while nothing is owed passes, however large it is, and what it takes beyond the
/// tokens is owed: so nothing is too large, and nothing small overtakes it for ever. In any time, at most `rate` times it,
/// the burst and one append pass.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: Rate,
    burst_bytes: u64,
    /// When everything that has passed is paid; in the past, it is what was saved since.
    paid_at: Instant,
}

impl Bucket {
    /// An empty bucket, in which up to `burst_bytes` are saved.
    pub const fn new(rate: Rate, burst_bytes: u64, now: Instant) -> Self {
        Self {
            rate,
            burst_bytes,
            paid_at: now,
        }
    }

    /// Another rate from now on; what is owed stays owed.
    pub fn set_rate(&mut self, rate: Rate, now: Instant) {
        let owed = self.paid_at.saturating_duration_since(now);
        let owed_bytes = owed.as_secs_f64() * self.rate.get() as f64;
        if self.rate != rate {
            self.rate = rate;
            self.paid_at = now + rate.time_of(owed_bytes as u64);
        }
    }

    /// The rate.
    pub const fn rate(&self) -> Rate {
        self.rate
    }

    /// Lets them pass.
    ///
    /// # Errors
    /// How long nothing passes yet.
    pub fn pass(&mut self, bytes: u64, now: Instant) -> Result<(), Duration> {
        if self.paid_at > now {
            return Err(self.paid_at - now);
        }
        let saved = self.rate.time_of(self.burst_bytes);
        let earliest = now.checked_sub(saved).unwrap_or(self.paid_at);
        self.paid_at = self.paid_at.max(earliest) + self.rate.time_of(bytes);
        Ok(())
    }
}
