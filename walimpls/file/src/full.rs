//! A full disk: who meets it waits for room, and tries the same again.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use walx_core::{Error, ErrorKind};
use walx_utility::backoff::Backoff;
use walx_utility::clock;
use walx_utility::metric::FILE_DISK_FULL;

use crate::shared::Shared;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often an operator is told.
const EVERY: Duration = Duration::from_secs(10);

/// Whether the disk has no room, which may change by itself. A file that may not grow larger is none of these: neither
/// time nor truncation helps it.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// The bytes that are free where a file lies, for this user.
pub(crate) fn free(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// What is tried in vain.
#[derive(Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) what: &'static str,
    pub(crate) file: &'a Path,
    /// Bytes.
    pub(crate) needed: u64,
}

/// One wait of the writer, from the first refusal until there is room.
pub(crate) struct Wait {
    shared: Arc<Shared>,
    since: clock::Instant,
    told: Option<clock::Instant>,
    backoff: Backoff,
    /// The store is closed meanwhile: this try is the last one.
    last: bool,
}

impl Wait {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        metrics::gauge!(FILE_DISK_FULL).increment(1.0);
        Self {
            shared: Arc::clone(shared),
            since: clock::now(),
            told: None,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            last: false,
        }
    }

    /// Pauses before the next try.
    ///
    /// # Errors
    /// `Unavailable` where the patience that was configured is at its end, or the store is being closed.
    pub(crate) fn pause(&mut self, attempt: Attempt<'_>, error: io::Error) -> Result<(), Error> {
        let patience = self.shared.config.full_disk_wait.0;
        let left = patience.saturating_sub(self.since.elapsed());
        if left.is_zero() || self.last {
            return Err(self.given_up(attempt, error));
        }
        if self.told.is_none_or(|told| told.elapsed() >= EVERY) {
            self.told = Some(clock::now());
            tracing::warn!(
                directory = %self.shared.dir.display(),
                needed = attempt.needed,
                free = free(&self.shared.dir),
                waiting = ?self.since.elapsed(),
                "the disk is full: appends wait; free space, or truncate channels"
            );
        }
        // A close lets it try once more, at once.
        self.last = self.shared.stage.pause(self.backoff.pause().min(left));
        Ok(())
    }

    /// There is room again.
    pub(crate) fn over(self) {
        if self.told.is_some() {
            tracing::info!(
                directory = %self.shared.dir.display(),
                waited = ?self.since.elapsed(),
                "the disk has room again: appends go on"
            );
        }
    }

    fn given_up(&self, attempt: Attempt<'_>, error: io::Error) -> Error {
        let dir = self.shared.dir.display();
        let free = free(&self.shared.dir)
            .map_or_else(|| "an unknown number".into(), |free| free.to_string());
        let Attempt { what, file, needed } = attempt;
        let closed = if self.last {
            ", and the store was closed meanwhile"
        } else {
            ""
        };
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "{what} needs {needed} bytes, and the disk of {dir} is full with {free} bytes free{closed}; free \
                 space there, or truncate channels, then open again"
            ),
        )
        .with_context("directory", dir)
        .with_context("file", file.display())
        .with_source(error)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        metrics::gauge!(FILE_DISK_FULL).decrement(1.0);
    }
}
