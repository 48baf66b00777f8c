use std::fmt;

/// A number that grows with each owner of a channel: given by a coordinator, or the last one + 1. Terms start at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(u64);

impl Term {
    /// The term of a channel's first owner where no coordinator gives one.
    pub const FIRST: Self = Self(1);

    /// The term `value`.
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The term as an integer.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The term after this one; `None` behind the largest there is.
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(next) => Some(Self(next)),
            None => None,
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Who writes: a term and, within it, an incarnation that grows each time the same owner opens again after a failure.
/// Every open by a user takes a new term.
///
/// Ordered by term, then incarnation. It stands in every record's header; behind a record of a larger owner, one of
/// a smaller owner is damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The ownership epoch of the channel.
    pub term: Term,
    /// The number of the re-open within the term, from 0.
    pub incarnation: u32,
}

impl Owner {
    /// The first incarnation of `term`.
    pub const fn new(term: Term) -> Self {
        Self {
            term,
            incarnation: 0,
        }
    }

    /// The same owner after one more re-open.
    #[must_use]
    pub const fn reopened(self) -> Self {
        Self {
            term: self.term,
            incarnation: self.incarnation + 1,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.incarnation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_ordered_by_term_then_incarnation() {
        let first = Owner::new(Term::FIRST);
        let again = first.reopened();
        let next = Owner::new(Term::new(2));
        assert!(first < again && again < next);
        assert_eq!(again.to_string(), "1.1");
    }
}
