use crate::{Lsn, Term};

/// What must hold for a [conditional append](crate::Wal::append_if), at the moment at which it takes its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expected {
    /// The lsn that the message gets: nothing else was appended since it was read.
    pub lsn: Option<Lsn>,
    /// The term of the owner that writes it.
    pub term: Option<Term>,
}

impl Expected {
    /// Nothing must hold.
    pub fn new() -> Self {
        Self::default()
    }

    /// The message must get this lsn.
    #[must_use]
    pub fn with_lsn(mut self, lsn: Lsn) -> Self {
        self.lsn = Some(lsn);
        self
    }

    /// The owner must have this term.
    #[must_use]
    pub fn with_term(mut self, term: Term) -> Self {
        self.term = Some(term);
        self
    }
}
