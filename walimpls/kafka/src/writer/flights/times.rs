use std::collections::VecDeque;
use std::time::Duration;

use walx_utility::clock::Instant;

/// How far two times are apart that are both kept.
const APART: Duration = Duration::from_millis(5);

/// When records were called, without a look at the clock for each: all from a number on were called at a time or later.
pub(super) struct Times(VecDeque<(u64, Instant)>);

impl Times {
    pub(super) fn new(now: Instant) -> Self {
        Self(VecDeque::from([(0, now)]))
    }

    /// Records from this number on are called behind `now`, which was read before the number was.
    pub(super) fn note(&mut self, number: u64, now: Instant) {
        match self.0.back_mut() {
            Some((last, at)) if *last == number => *at = now.max(*at),
            Some((_, at)) if now < *at + APART => {}
            _ => self.0.push_back((number, now)),
        }
    }

    /// A time not behind a record's call.
    pub(super) fn of(&self, number: u64) -> Instant {
        let behind = self.0.partition_point(|(first, _)| *first <= number);
        self.0[behind.saturating_sub(1)].1
    }

    /// Nobody asks for records before this number any more.
    pub(super) fn forget(&mut self, number: u64) {
        while self.0.get(1).is_some_and(|(first, _)| *first <= number) {
            self.0.pop_front();
        }
    }
}
