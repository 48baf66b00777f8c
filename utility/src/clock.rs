//! The only source of time. Pauses and [`now`] follow tokio's clock, which tests pause and advance.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use walx_core::{Tick, TickSource};

pub use tokio::time::Instant;
pub use tokio::time::error::Elapsed;

/// A moment that only moves forward.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock: time since 1970; zero where the clock stands before that.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Waits; dropping the future ends it.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Waits for `future`, but no longer than `limit`.
///
/// # Errors
/// `Elapsed` where the time was over first; the future is dropped.
pub async fn timeout<F: Future>(limit: Duration, future: F) -> Result<F::Output, Elapsed> {
    tokio::time::timeout(limit, future).await
}

/// The wall clock as a source of ticks.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl TickSource for WallClock {
    fn now(&self) -> Tick {
        Tick::from_unix_ms(u64::try_from(unix_time().as_millis()).unwrap_or(u64::MAX))
    }
}
