//! Wrong behaviours that the simulation's own tests plant, to show that it would find them. Outside of tests `is` is
//! `false` when the crate is built, and nothing of it is left.
#![cfg_attr(not(test), allow(dead_code, reason = "only tests plant any"))]

/// One wrong behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// An append is acknowledged before it is synced.
    AcknowledgesUnsynced,
    /// A segment ends without a sync of what it holds.
    RotatesUnsynced,
    /// The name of a new segment is not synced.
    ForgetsTheName,
    /// The name of a file with a manifest or a mark is not synced.
    ForgetsTheRoom,
    /// A manifest is written over the good one.
    WritesInPlace,
    /// A manifest is not synced.
    LeavesTheManifest,
    /// The manifest names the first segment before that is there.
    NamesEarly,
    /// Segments are removed before the manifest says that they may be.
    RemovesEarly,
    /// The records of a frame are taken as they are, whatever their checksums say.
    TrustsChecksums,
    /// Recovery cuts a few bytes too many off.
    CutsTooMuch,
    /// Recovery leaves a torn tail as it is, and goes on behind it.
    KeepsTheTail,
    /// Recovery takes the names that it finds for synced.
    TrustsTheNames,
    /// Recovery seals a segment before the header of the next one is surely synced.
    TrustsTheHeader,
    /// Recovery takes what it reads for synced.
    TrustsTheCache,
    /// What `ACKED` says of appends before the machine ended counts as if they had been synced.
    ForgetsTheBoot,
    /// Frames say of records that they are durable before they are.
    SaysTooMuch,
}

#[cfg(test)]
impl Bug {
    /// All of them.
    pub(crate) const ALL: &[Self] = &[
        Self::AcknowledgesUnsynced,
        Self::RotatesUnsynced,
        Self::ForgetsTheName,
        Self::ForgetsTheRoom,
        Self::WritesInPlace,
        Self::LeavesTheManifest,
        Self::NamesEarly,
        Self::RemovesEarly,
        Self::TrustsChecksums,
        Self::CutsTooMuch,
        Self::KeepsTheTail,
        Self::TrustsTheNames,
        Self::TrustsTheHeader,
        Self::TrustsTheCache,
        Self::ForgetsTheBoot,
        Self::SaysTooMuch,
    ];
}

#[cfg(test)]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// From now on everything on this thread behaves wrong in this one way, or in none.
#[cfg(test)]
pub(crate) fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether this bug is planted.
#[cfg(test)]
pub(crate) fn is(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether this bug is planted: never.
#[cfg(not(test))]
pub(crate) const fn is(_bug: Bug) -> bool {
    false
}
