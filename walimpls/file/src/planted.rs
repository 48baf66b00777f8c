//! Wrong behaviours that the simulation's own tests plant, to show that it would find them. Outside of tests `is` is
//! `false` when the crate is built, and nothing of it is left.
#![cfg_attr(not(test), allow(dead_code, reason = "only tests plant any"))]

/// Makes the enum, the list of all, and what each is in words.
macro_rules! bugs {
    ($($bug:ident: $what:literal;)*) => {
        /// One wrong behaviour.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Bug { $(#[doc = $what] $bug,)* }

        #[cfg(test)]
        impl Bug {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$bug,)*];

            /// What is wrong.
            pub(crate) fn what(self) -> &'static str {
                match self { $(Self::$bug => $what,)* }
            }
        }
    };
}

bugs! {
    AcknowledgesUnsynced: "An append is acknowledged before it is synced";
    RotatesUnsynced: "A segment ends without a sync of what it holds";
    ForgetsTheName: "The name of a new segment is not synced";
    ForgetsTheRoom: "The name of a file with a manifest or a mark is not synced";
    WritesInPlace: "A manifest is written over the good one";
    LeavesTheManifest: "A manifest is not synced";
    NamesEarly: "The manifest names the first segment before that is there";
    RemovesEarly: "Segments are removed before the manifest says that they may be";
    TrustsChecksums: "The records of a frame are taken as they are, whatever their checksums say";
    CutsTooMuch: "Recovery cuts a few bytes too many off";
    KeepsTheTail: "Recovery leaves a torn tail as it is, and goes on behind it";
    TrustsTheNames: "Recovery takes the names that it finds for synced";
    TrustsTheHeader: "Recovery seals a segment before the header of the next one is surely synced";
    TrustsTheCache: "Recovery takes what it reads for synced";
    ForgetsTheBoot: "What `ACKED` says of appends before the machine ended counts as if they had been synced";
    SaysTooMuch: "Frames say of records that they are durable before they are";
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
