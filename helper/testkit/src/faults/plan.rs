use std::fmt;
use std::time::Duration;

use walx_utility::random::Stream;

/// What a [`Faulty`](super::Faulty) store can do to its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An answer comes later, by a little.
    Delay,
    /// An answer comes much later; in an append's case those behind it wait too.
    Stall,
    /// An append fails before it reaches the backend, as `NotWritten`.
    Refuse,
    /// An append reaches the backend, and its answer is lost: `OutcomeUnknown`.
    LoseAck,
    /// A scanner hands out a record twice in a row, as a copy may lie in a log twice.
    Double,
    /// The handle's connection is gone: every call fails until the channel is opened again.
    Cut,
    /// A scanner that has delivered ends as `Unavailable`; another one may be started at once.
    FailRead,
    /// `scan` answers `Unavailable`, for a few calls.
    FailScan,
    /// `bounds` and `list` answer `Unavailable`, for a few calls.
    FailBounds,
    /// An open fails before it reaches the backend, for a few calls.
    FailOpen,
    /// An open reaches the backend, and its answer is lost.
    LoseOpen,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Delay,
        Self::Stall,
        Self::Refuse,
        Self::LoseAck,
        Self::Double,
        Self::Cut,
        Self::FailRead,
        Self::FailScan,
        Self::FailBounds,
        Self::FailOpen,
        Self::LoseOpen,
    ];

    /// In how many of 1000 chances it takes place at most, where a seed decides.
    fn most_per_mille(self) -> u64 {
        match self {
            Self::Delay => 300,
            Self::Double | Self::FailRead => 100,
            Self::FailScan | Self::FailBounds | Self::FailOpen | Self::LoseOpen => 80,
            Self::Stall | Self::Refuse | Self::LoseAck | Self::Cut => 20,
        }
    }
}

/// Which faults take place, how often, and by which numbers.
///
/// What befalls a call depends on the seed, on which handle of the store it is (by the order of the opens), and on
/// how many calls of its sort the handle had before; time and other tasks change nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    seed: u64,
    per_mille: [u16; Fault::ALL.len()],
    longest_delay: Duration,
    longest_stall: Duration,
    longest_outage: u32,
    spares_first_appends: bool,
}

impl Plan {
    /// No faults but those that [`Faults`](super::Faults) is told to bring about.
    pub fn quiet() -> Self {
        Self {
            seed: 0,
            per_mille: [0; Fault::ALL.len()],
            longest_delay: Duration::from_millis(2),
            longest_stall: Duration::from_millis(60),
            longest_outage: 2,
            spares_first_appends: false,
        }
    }

    /// Faults that change no outcome for a user who waits, and asks again after `Unavailable`.
    pub fn slow(seed: u64) -> Self {
        Self::quiet()
            .with_seed(seed)
            .with(Fault::Delay, 150)
            .with(Fault::Stall, 8)
            .with(Fault::FailRead, 40)
            .with(Fault::FailScan, 60)
            .with(Fault::FailBounds, 60)
            .with(Fault::FailOpen, 60)
    }

    /// As [`slow`](Self::slow); also appends fail, and lose their answers, but for the first one of each handle.
    pub fn rough(seed: u64) -> Self {
        Self::slow(seed)
            .with(Fault::Refuse, 10)
            .with(Fault::LoseAck, 15)
            .with(Fault::Cut, 5)
            .with_first_appends_spared()
    }

    /// Faults of all sorts. Which ones there are, and how often, is the seed's choice as well: a run without some of
    /// them gets further in the others.
    pub fn seeded(seed: u64) -> Self {
        let mut choice = stream(seed, &[]);
        Fault::ALL
            .into_iter()
            .fold(Self::quiet().with_seed(seed), |plan, fault| {
                let (on, often) = (
                    choice.within(0..3) > 0,
                    choice.within(1..=fault.most_per_mille()),
                );
                plan.with(
                    fault,
                    if on {
                        u16::try_from(often).unwrap_or(1)
                    } else {
                        0
                    },
                )
            })
    }

    /// Sets by which numbers chance goes.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets in how many of 1000 chances a fault takes place.
    #[must_use]
    pub fn with(mut self, fault: Fault, per_mille: u16) -> Self {
        self.per_mille[fault as usize] = per_mille;
        self
    }

    /// Switches a fault off.
    #[must_use]
    pub fn without(self, fault: Fault) -> Self {
        self.with(fault, 0)
    }

    /// Spares the first append of each handle, by which an owner proves itself, so that opens succeed.
    #[must_use]
    pub fn with_first_appends_spared(mut self) -> Self {
        self.spares_first_appends = true;
        self
    }

    /// Sets how long a delay takes at most. 2 ms by default.
    #[must_use]
    pub fn with_longest_delay(mut self, longest: Duration) -> Self {
        self.longest_delay = longest;
        self
    }

    /// Sets how long a stall takes at most. 60 ms by default.
    #[must_use]
    pub fn with_longest_stall(mut self, longest: Duration) -> Self {
        self.longest_stall = longest;
        self
    }

    /// Sets how many calls in a row fail at most before they work again. 2 by default.
    #[must_use]
    pub fn with_longest_outage(mut self, calls: u32) -> Self {
        self.longest_outage = calls;
        self
    }

    /// By which numbers chance goes.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// In how many of 1000 chances a fault takes place.
    pub fn per_mille(&self, fault: Fault) -> u16 {
        self.per_mille[fault as usize]
    }

    /// Whether nothing worse than a delay befalls the first append of a handle.
    pub(super) fn spares_first_appends(&self) -> bool {
        self.spares_first_appends
    }

    /// The chances of one sort of calls of one handle.
    pub(super) fn dice(&self, of: &[u64]) -> Dice {
        Dice {
            plan: self.clone(),
            stream: stream(self.seed, of),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}", self.seed)?;
        for fault in Fault::ALL
            .into_iter()
            .filter(|fault| self.per_mille(*fault) > 0)
        {
            write!(f, ", {fault:?} {}‰", self.per_mille(fault))?;
        }
        Ok(())
    }
}

/// Decides what befalls the calls of one sort, one after the other.
#[derive(Debug)]
pub(super) struct Dice {
    plan: Plan,
    stream: Stream,
}

impl Dice {
    /// Whether a fault takes place at this call.
    pub(super) fn hits(&mut self, fault: Fault) -> bool {
        // Drawn in any case, so that switching one fault off moves no other one.
        let number = self.stream.within(0..1000);
        number < u64::from(self.plan.per_mille(fault))
    }

    /// By how much the answer of this call is late.
    pub(super) fn pause(&mut self) -> Duration {
        let (stalls, delays) = (self.hits(Fault::Stall), self.hits(Fault::Delay));
        let share = self.stream.within(1..=1000);
        let longest = match (stalls, delays) {
            (true, _) => self.plan.longest_stall,
            (false, true) => self.plan.longest_delay,
            (false, false) => return Duration::ZERO,
        };
        longest.mul_f64(share as f64 / 1000.0)
    }

    /// One of so many; 0 of none.
    pub(super) fn pick(&mut self, of: usize) -> usize {
        let number = self.stream.within(0..(of as u64).max(1));
        usize::try_from(number).unwrap_or(0)
    }

    /// How many calls in a row fail.
    pub(super) fn outage(&mut self) -> u32 {
        let longest = u64::from(self.plan.longest_outage.max(1));
        u32::try_from(self.stream.within(1..=longest)).unwrap_or(1)
    }
}

/// A stream for one purpose, told by numbers: streams of neighbours have nothing in common.
fn stream(seed: u64, of: &[u64]) -> Stream {
    let mixed = of.iter().fold(mix(seed), |mixed, number| {
        mix(mixed ^ mix(number.wrapping_add(1)))
    });
    Stream::seeded(mixed)
}

/// The finalizer of splitmix64: every bit of the input moves half of the output's.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
