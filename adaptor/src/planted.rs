//! Wrong behaviours that tests plant, to show that they would be found. Without the feature `planted`, which only the
//! testkit's own tests switch on, `is` is `false` when the crate is built, and nothing of it is left.
#![cfg_attr(
    not(feature = "planted"),
    allow(unreachable_pub, reason = "nobody else sees it then")
)]

/// One wrong behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bug {
    /// An append whose outcome the backend doesn't know is acknowledged.
    AcknowledgesUnknown,
    /// An append whose outcome nobody knows is said not to be written.
    TellsNotWritten,
    /// Scanners get a record when it takes its place.
    DeliversEarly,
    /// A scan that goes over to the cache leaves a record out.
    SkipsAtHandOver,
    /// An owner gives out the last lsn of the one before again.
    GivesLsnTwice,
    /// An owner does not look again behind its Barrier, so that what landed late is not counted.
    LooksOnce,
    /// An owner goes on with its term though an open with a larger one wrote its Barrier late.
    IgnoresALateOwner,
    /// A small append goes before those that wait for room.
    OvertakesTheQueue,
    /// After a failure nobody tells those who wait for room.
    ForgetsWhoWaits,
    /// Room that was reserved and not used is not given back.
    LeaksRoom,
    /// A truncation leaves the cache as it is.
    TruncatesNotTheCache,
    /// A start that is no longer kept is not told.
    JumpsToTheEarliest,
    /// A scan with a resume token delivers the token's message again.
    ResumesTwice,
    /// What drives the commits of a wal that was dropped goes on for ever.
    DrivesForEver,
}

#[cfg(feature = "planted")]
impl Bug {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::AcknowledgesUnknown,
        Self::TellsNotWritten,
        Self::DeliversEarly,
        Self::SkipsAtHandOver,
        Self::GivesLsnTwice,
        Self::LooksOnce,
        Self::IgnoresALateOwner,
        Self::OvertakesTheQueue,
        Self::ForgetsWhoWaits,
        Self::LeaksRoom,
        Self::TruncatesNotTheCache,
        Self::JumpsToTheEarliest,
        Self::ResumesTwice,
        Self::DrivesForEver,
    ];
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// From now on everything on this thread behaves wrong in this one way, or in none.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this bug is planted.
#[cfg(feature = "planted")]
pub(crate) fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether this bug is planted: never.
#[cfg(not(feature = "planted"))]
pub(crate) const fn is(_bug: Bug) -> bool {
    false
}
