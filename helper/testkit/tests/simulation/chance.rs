//! What a run draws. Everything comes from the thread's own numbers, which its seed makes repeat.

use std::time::Duration;

use walx_utility::random;

/// True so many times in a hundred.
pub(crate) fn percent(often: u64) -> bool {
    random::within(0..100) < often
}

/// A number from 0 to `most`.
pub(crate) fn up_to(most: u64) -> u64 {
    random::within(0..=most)
}

/// One of them.
///
/// # Panics
/// Where there are none.
pub(crate) fn pick<T: Clone>(from: &[T]) -> T {
    from[up_to(from.len() as u64 - 1) as usize].clone()
}

/// One of them, where there are any.
pub(crate) fn any<T: Clone>(from: &[T]) -> Option<T> {
    (!from.is_empty()).then(|| pick(from))
}

/// A time of 0 to `most` milliseconds.
pub(crate) fn millis(most: u64) -> Duration {
    Duration::from_millis(up_to(most))
}
