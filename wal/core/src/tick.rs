use std::fmt;

/// A 64-bit hybrid time: 46 bits of Unix milliseconds, then 18 bits of counter.
///
/// Unique and ascending in a channel, comparable across channels. 46 bits of milliseconds last until the year 4199.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// Bits of the counter.
    pub const COUNTER_BITS: u32 = 18;
    /// The tick before all others.
    pub const ZERO: Self = Self(0);

    /// The tick `value`.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The first tick of a millisecond since 1970. Milliseconds above 46 bits are cut to the largest.
    pub const fn from_unix_ms(unix_ms: u64) -> Self {
        let max = u64::MAX >> Self::COUNTER_BITS;
        Self((if unix_ms > max { max } else { unix_ms }) << Self::COUNTER_BITS)
    }

    /// The tick as an integer.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The milliseconds since 1970.
    pub const fn unix_ms(self) -> u64 {
        self.0 >> Self::COUNTER_BITS
    }

    /// The counter within the millisecond.
    pub const fn counter(self) -> u32 {
        (self.0 & ((1 << Self::COUNTER_BITS) - 1)) as u32
    }

    /// The one after this; a full counter carries into the milliseconds.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Where ticks come from: the wall clock by default, or a central oracle.
///
/// walx keeps ticks unique and ascending by itself: it takes the larger of the source's tick and its last one + 1.
/// It is asked on the way of each append, so it must not block; an oracle hands out from a batch.
pub trait TickSource: Send + Sync + 'static {
    /// The present time.
    fn now(&self) -> Tick;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_and_counter_share_the_64_bits() {
        let tick = Tick::from_unix_ms(1_700_000_000_123);
        assert_eq!((tick.unix_ms(), tick.counter()), (1_700_000_000_123, 0));
        assert_eq!(tick.next().counter(), 1);
        let full = Tick::new(tick.get() | ((1 << Tick::COUNTER_BITS) - 1));
        assert_eq!(
            (full.next().unix_ms(), full.next().counter()),
            (1_700_000_000_124, 0)
        );
        assert_eq!(Tick::from_unix_ms(u64::MAX).unix_ms(), (1 << 46) - 1);
    }
}
