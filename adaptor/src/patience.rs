//! Reads that fail now and then are made again, for a short time: a backend that stays away shows.

use std::time::Duration;

use walx_core::{Error, ErrorKind, Result};
use walx_utility::backoff::Backoff;
use walx_utility::clock::{self, Instant};

/// So long a read may fail in a row, from its first failure on.
const LIMIT: Duration = Duration::from_secs(3);

/// Waits between the tries of one read.
pub(crate) struct Patience {
    failing: Option<Instant>,
    pauses: Backoff,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self {
            failing: None,
            pauses: Backoff::new(Duration::from_millis(10), Duration::from_millis(500)),
        }
    }

    /// Something was read: what fails next has its whole time again.
    pub(crate) fn reset(&mut self) {
        self.failing = None;
        self.pauses.reset();
    }

    /// Waits until the next try makes sense.
    ///
    /// # Errors
    /// The one that is handed in, where another try doesn't mend it, or too many have failed.
    pub(crate) async fn wait(&mut self, error: Error) -> Result<()> {
        let passes = matches!(
            error.kind(),
            ErrorKind::Unavailable | ErrorKind::Overloaded { .. }
        );
        if !passes {
            return Err(error);
        }
        let failing = self.failing.get_or_insert_with(clock::now).elapsed();
        if failing >= LIMIT {
            let tried = format!("{LIMIT:?}");
            return Err(error.with_context("tried again for", tried));
        }
        let pause = self.pauses.pause();
        tracing::warn!(%error, ?pause, "reading again after a pause");
        clock::sleep(pause).await;
        Ok(())
    }
}

/// Makes a call that changes nothing, and makes it again while it fails by what may pass.
pub(crate) async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut patience = Patience::new();
    loop {
        match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => patience.wait(error).await?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(kind: ErrorKind) -> Result<()> {
        Err(Error::new(kind, "as the test wants it"))
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_tried_again_and_what_stays_is_told_after_three_seconds() {
        let mut left = 5;
        let answer = patiently(|| {
            left -= 1;
            async move {
                match left {
                    0 => Ok("an answer"),
                    _ => failing(ErrorKind::Unavailable).map(|()| ""),
                }
            }
        });
        assert_eq!(answer.await.unwrap(), "an answer");

        let begin = clock::now();
        let mut tries = 0;
        let answer = patiently(|| {
            tries += 1;
            async { failing(ErrorKind::Unavailable) }
        });
        let error = answer.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("tried again for"), "{error}");
        let took = begin.elapsed();
        assert!(took >= LIMIT && took < 2 * LIMIT, "{took:?}");
        assert!((5..50).contains(&tries), "{tries}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_new_try_mends_is_told_at_once() {
        for kind in [
            ErrorKind::Closed,
            ErrorKind::NotFound,
            ErrorKind::Corrupt,
            ErrorKind::Conflict,
            ErrorKind::PositionLost { earliest: None },
        ] {
            let mut tries = 0;
            let answer = patiently(|| {
                tries += 1;
                async move { failing(kind) }
            });
            assert_eq!(answer.await.unwrap_err().kind(), kind);
            assert_eq!(tries, 1, "{kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_read_meanwhile_gives_a_failing_read_its_time_again() {
        let mut patience = Patience::new();
        let begin = clock::now();
        while begin.elapsed() < 3 * LIMIT {
            let error = Error::new(ErrorKind::Unavailable, "as the test wants it");
            patience.wait(error).await.unwrap();
            patience.reset();
        }
    }
}
