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

/// A stream of numbers of its own: the same seed gives the same numbers, whatever other tasks and threads draw.
#[derive(Clone, Debug)]
pub struct Stream(fastrand::Rng);

impl Stream {
    /// The stream of a seed.
    pub fn seeded(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A number of the range.
    ///
    /// # Panics
    /// Where the range is empty.
    pub fn within(&mut self, range: impl RangeBounds<u64>) -> u64 {
        self.0.u64(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_seed_are_equal_and_of_two_are_not() {
        let numbers = |seed| {
            let mut stream = Stream::seeded(seed);
            [(); 8].map(|()| {
                // Draws of the thread's own stream change nothing.
                number();
                stream.number()
            })
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
    }
}
