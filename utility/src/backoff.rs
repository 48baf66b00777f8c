//! Growing pauses between tries.

use std::time::Duration;

use crate::random;

/// Pauses that double from `first` to `most`, each cut by up to a quarter so that many do not try at once.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses from `first` to `most`.
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            next: first,
        }
    }

    /// The pause before the next try.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.most);
        let micros = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
        pause - Duration::from_micros(random::within(0..=micros / 4))
    }

    /// Starts over, after a success.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(500));
        for full in [100, 200, 400, 500, 500] {
            let pause = backoff.pause();
            assert!(
                pause <= Duration::from_millis(full)
                    && pause >= Duration::from_millis(full * 3 / 4),
                "{pause:?}"
            );
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(100));
    }
}
