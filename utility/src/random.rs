//! The only source of chance. [`seed`] makes a thread's numbers repeat, for tests.

use std::ops::RangeBounds;

/// Makes the numbers of this thread repeat.
pub fn seed(seed: u64) {
    fastrand::seed(seed);
}

/// Any number.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn number() -> u64 {
    fastrand::u64(..)
}

/// A number of the range.
///
/// # Panics
/// Where the range is empty.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn within(range: impl RangeBounds<u64>) -> u64 {
    fastrand::u64(range)
}
