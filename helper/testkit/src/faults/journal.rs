use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use walx_utility::clock::{self, Instant};

/// So many of the newest faults are kept.
const KEPT: usize = 2000;

/// A fault that took place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    /// How long after the store was made.
    pub at: Duration,
    /// Which handle of the store, by the order of the opens.
    pub handle: u64,
    /// What befell which call.
    pub what: String,
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, handle, what } = self;
        write!(
            f,
            "{:>9.3} ms  handle {handle}: {what}",
            at.as_secs_f64() * 1e3
        )
    }
}

/// The newest faults, and how many there were.
#[derive(Debug)]
pub(super) struct Injections {
    since: Instant,
    newest: VecDeque<Injected>,
    total: u64,
}

impl Injections {
    pub(super) fn new() -> Self {
        Self {
            since: clock::now(),
            newest: VecDeque::new(),
            total: 0,
        }
    }

    pub(super) fn put(&mut self, handle: u64, what: String) {
        if self.newest.len() == KEPT {
            self.newest.pop_front();
        }
        let at = self.since.elapsed();
        self.newest.push_back(Injected { at, handle, what });
        self.total += 1;
    }

    pub(super) fn newest(&self) -> Vec<Injected> {
        self.newest.iter().cloned().collect()
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }
}
