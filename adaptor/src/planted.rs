//! Wrong behaviours that tests plant, to show that they would be found. Without the feature `planted`, which only the
//! testkit's own tests switch on, `is` is `false` when the crate is built, and nothing of it is left.
#![cfg_attr(
    not(feature = "planted"),
    allow(unreachable_pub, reason = "nobody else sees it then")
)]

/// Makes the enum, the list of all, and what each is in words.
macro_rules! bugs {
    ($($bug:ident: $what:literal;)*) => {
        /// One wrong behaviour.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Bug { $(#[doc = $what] $bug,)* }

        #[cfg(feature = "planted")]
        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug,)*];

            /// What is wrong, in one sentence.
            pub fn what(self) -> &'static str {
                match self { $(Self::$bug => $what,)* }
            }
        }
    };
}

bugs! {
    AcknowledgesUnknown: "An append whose outcome the backend doesn't know is acknowledged.";
    TellsNotWritten: "An append whose outcome nobody knows is said not to be written.";
    DeliversEarly: "Scanners get a record when it takes its place.";
    SkipsAtHandOver: "A scan that goes over to the cache leaves a record out.";
    GivesLsnTwice: "An owner gives out the last lsn of the one before again.";
    LooksOnce: "An owner does not look again behind its Barrier, so that what landed late is not counted.";
    IgnoresALateOwner: "An owner goes on with its term though an open with a larger one wrote its Barrier late.";
    OvertakesTheQueue: "A small append goes before those that wait for room.";
    ForgetsWhoWaits: "After a failure nobody tells those who wait for room.";
    LeaksRoom: "Room that was reserved and not used is not given back.";
    TruncatesNotTheCache: "A truncation leaves the cache as it is.";
    JumpsToTheEarliest: "A start that is no longer kept is not told.";
    ResumesTwice: "A scan with a resume token delivers the token's message again.";
    CountsEndedScans: "A scan that has ended is still counted as one.";
    DrivesForEver: "What drives the commits of a wal that was dropped goes on for ever.";
    WritesAgainBlindly: "A recovery writes everything again, without a look at what landed.";
    TurnsTheOrder: "A recovery writes again in another order.";
    LeavesFoundOpen: "A new owner leaves the transactions open that it finds.";
    ForgetsTheMove: "A recovery that writes a Begin again leaves the transaction's other records under its old id.";
    IgnoresExclusive: "An exclusive message leaves the open transactions of its stream open.";
    ExpectsNothing: "A conditional append is made whatever it expects.";
    ChunksTakeLsns: "Each chunk of a message takes an lsn of its own.";
    ForgetsCommits: "The newest tick of a stream is not that of a commit.";
    ForgetsWhatLiesBefore: "A scan that starts within a transaction does not read back what lies before its start.";
    ForgetsKeys: "A new owner does not know the keys of messages that are in the log.";
    HidesForeignRecords: "A scan tells nothing of what others wrote into the channel's storage.";
    TakesBack: "A recovery takes the channel from whoever has it.";
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
