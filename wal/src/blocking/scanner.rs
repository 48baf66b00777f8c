use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use walx_utility::blocking::Runtime;
use walx_utility::clock;

use crate::{ChannelName, Entry, Result, ResumeToken, ScanMode};

/// One reader of a channel: an iterator that waits for the next entry, and ends where its end bound is reached or
/// behind an error. A scan without an end waits for what is appended. Dropping it frees all it holds.
pub struct Scanner {
    runtime: Runtime,
    scanner: Box<dyn crate::Scanner>,
}

impl Scanner {
    pub(super) fn new(runtime: Runtime, scanner: Box<dyn crate::Scanner>) -> Self {
        Self { runtime, scanner }
    }

    /// Waits for the next entries and hands out those that are there, at most `max`; empty at the end of the scan.
    ///
    /// # Errors
    /// As [`Scanner::next_batch`](crate::Scanner::next_batch).
    pub fn next_batch(&mut self, max: usize) -> Result<Vec<Entry>> {
        self.runtime.wait(self.scanner.next_batch(max))
    }

    /// As [`next_batch`](Self::next_batch), but waits no longer than `limit`: `None` where nothing came. Nothing is
    /// lost, the entries come with the next call. A limit of zero takes what is there.
    ///
    /// # Errors
    /// As [`next_batch`](Self::next_batch).
    pub fn next_batch_timeout(
        &mut self,
        max: usize,
        limit: Duration,
    ) -> Result<Option<Vec<Entry>>> {
        let next = clock::timeout(limit, self.scanner.next_batch(max));
        self.runtime.wait(next).ok().transpose()
    }

    /// The channel it reads.
    pub fn channel(&self) -> &ChannelName {
        self.scanner.channel()
    }

    /// From where it reads at present.
    pub fn mode(&self) -> ScanMode {
        self.scanner.mode()
    }

    /// From where a later scan goes on right behind the last entry handed out; `None` before the first message.
    pub fn token(&self) -> Option<ResumeToken> {
        self.scanner.token()
    }
}

impl Iterator for Scanner {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        let scanner = &mut self.scanner;
        self.runtime.wait(std::future::poll_fn(|context| {
            Pin::new(&mut **scanner).poll_next(context)
        }))
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scanner {{ channel: {} }}", self.channel())
    }
}
