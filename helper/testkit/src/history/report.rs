use std::fmt;

use super::Check;
use super::event::Event;

/// A promise that a history breaks, and the smallest piece of the history that shows it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Violation {
    /// The promise.
    pub check: Check,
    /// What is wrong, in one sentence.
    pub says: String,
    /// The piece, in order. A history of these events alone is a violation as well.
    pub events: Vec<Event>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.check, self.says)?;
        writeln!(f, "  the promise: {}", self.check.promise())?;
        self.events
            .iter()
            .try_for_each(|event| writeln!(f, "  {event}"))
    }
}
