use std::fmt;

use crate::{MessageId, Owner, Tick};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The first one.
            pub const ZERO: Self = Self(0);

            /// The number `value`.
            pub const fn new(value: u64) -> Self {
                Self(value)
            }

            /// The number as an integer.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The one after this. The counter outlasts any log: 2^64 records at 10^9 a second are 584 years.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.wrapping_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// The number of a *message* in its channel, from 0, the same on every backend.
    ///
    /// Delivered lsns ascend; they may skip, because the bodies of rolled-back transactions keep theirs.
    Lsn
}

number! {
    /// The dense number of all records of a channel but Barriers; it proves that nothing is missing or doubled.
    Seq
}

/// Where an appended message lies, and who wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// The backend's id of the record.
    pub id: MessageId,
    /// The number of the message in its channel.
    pub lsn: Lsn,
    /// The hybrid time at which it took its place.
    pub tick: Tick,
    /// The owner that wrote it.
    pub owner: Owner,
}

impl Place {
    /// A place from its parts.
    pub const fn new(id: MessageId, lsn: Lsn, tick: Tick, owner: Owner) -> Self {
        Self {
            id,
            lsn,
            tick,
            owner,
        }
    }
}
