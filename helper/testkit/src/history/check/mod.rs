//! The promises, one a file, and the switch for each.

use std::fmt;
use std::str::FromStr;

use walx_core::{Capability, Durability, Error, ErrorKind, Result, Truncation};

use super::History;
use super::event::{Event, What};
use super::index::{Index, Row};
use super::report::Violation;
use super::shrink::Shrinker;

mod doubled;
mod early;
mod expected;
mod gap;
mod invented;
mod lost;
mod mark;
mod not_written;
mod once;
mod order;
mod overtaken;
mod place;
mod point;
mod range;
mod told;
mod transaction;
mod truncated;
mod two_owners;
mod unknown;

macro_rules! checks {
    ($($(#[$doc:meta])* $check:ident = $module:ident, $name:literal;)*) => {
        /// One promise that a history is held to.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Check { $($(#[$doc])* $check,)* }

        impl Check {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$check,)*];

            /// Its name, by which it is switched off.
            pub fn name(self) -> &'static str {
                match self { $(Self::$check => $name,)* }
            }

            /// What it holds a history to, in one sentence.
            pub fn promise(self) -> &'static str {
                match self { $(Self::$check => $module::PROMISE,)* }
            }

            fn run(self, index: &Index<'_>, findings: &mut Findings) {
                match self { $(Self::$check => $module::run(index, findings),)* }
            }
        }
    };
}

checks! {
    /// What is acknowledged is delivered.
    Lost = lost, "lost";
    /// Nothing is delivered twice.
    Doubled = doubled, "doubled";
    /// The order is that of the calls.
    Order = order, "order";
    /// What was delivered stays.
    Early = early, "early";
    /// What is not written stays away.
    NotWritten = not_written, "not-written";
    /// What nobody knows of is decided once.
    Unknown = unknown, "unknown";
    /// One owner at a time.
    TwoOwners = two_owners, "two-owners";
    /// A message lies where its caller was told, unchanged.
    Place = place, "place";
    /// Holes are told.
    Gap = gap, "gap";
    /// Only holes are told.
    Told = told, "told";
    /// Nothing overtakes a hole.
    Overtaken = overtaken, "overtaken";
    /// What was truncated is gone.
    Truncated = truncated, "truncated";
    /// Transactions are whole.
    Transaction = transaction, "transaction";
    /// Commits and marks lie in the order of the calls, and each transaction has one end.
    Mark = mark, "mark";
    /// A key is written once.
    Once = once, "once";
    /// What was expected held.
    Expected = expected, "expected";
    /// Points in time are reached.
    Point = point, "point";
    /// Nothing comes from nowhere.
    Invented = invented, "invented";
    /// A scan keeps to what it was asked for.
    Range = range, "range";
}

/// Which checks run, and what the store may lose.
#[derive(Clone, Debug)]
pub struct Checks {
    off: Vec<Check>,
    pub(super) durability: Durability,
    pub(super) truncation: Truncation,
}

impl Default for Checks {
    fn default() -> Self {
        Self::all()
    }
}

impl Checks {
    /// All checks, for a store that loses nothing and drops exactly what it is told to.
    pub fn all() -> Self {
        Self {
            off: Vec::new(),
            durability: Durability::Synced,
            truncation: Truncation::Exact,
        }
    }

    /// All checks, as far as a store can keep them.
    pub fn of(capability: &Capability) -> Self {
        Self {
            durability: capability.durability,
            truncation: capability.truncation,
            ..Self::all()
        }
    }

    /// Switches one off.
    #[must_use]
    pub fn without(mut self, check: Check) -> Self {
        self.off.push(check);
        self
    }

    /// Switches all others off.
    #[must_use]
    pub fn only(mut self, check: Check) -> Self {
        self.off = Check::ALL
            .iter()
            .copied()
            .filter(|it| *it != check)
            .collect();
        self
    }

    /// Whether the store may lose acknowledged messages at this event.
    fn loses(&self, event: &Event) -> bool {
        match self.durability {
            Durability::None => matches!(event.what, What::PowerLost | What::Ended { .. }),
            Durability::OperatingSystem | Durability::Interval(_) => event.what == What::PowerLost,
            // A stronger one that a later walx adds loses nothing either.
            _ => false,
        }
    }

    fn index<'a>(&self, history: &'a History) -> Index<'a> {
        let mut index = Index::of(history, |event| self.loses(event));
        index.drops_at_once = self.truncation != Truncation::Permission;
        index
    }
}

/// Holds a history to the promises. Each violation comes with the smallest piece of the history that shows it; of one
/// check at most [`MAX_FINDINGS`] are told.
pub fn check(history: &History, checks: &Checks) -> Vec<Violation> {
    let index = checks.index(history);
    let on = Check::ALL.iter().filter(|it| !checks.off.contains(it));
    let findings: Vec<_> = on
        .flat_map(|check| {
            Findings::of(*check, &index)
                .into_iter()
                .map(|it| (*check, it))
        })
        .collect();
    if findings.is_empty() {
        return Vec::new();
    }
    let shrinker = Shrinker::new(history, checks);
    let small = findings
        .into_iter()
        .map(|(check, finding)| shrinker.shrink(check, finding));
    small.collect()
}

/// What one check finds in a history.
pub(super) fn find(history: &History, checks: &Checks, check: Check) -> Vec<Finding> {
    Findings::of(check, &checks.index(history))
}

/// So many violations of one check are told.
pub const MAX_FINDINGS: usize = 10;

/// A violation before it is made small.
#[derive(Debug)]
pub(super) struct Finding {
    /// What is wrong, with the names of the messages and scans: another text is another violation.
    pub(super) says: String,
    /// The events that show it, in any order.
    pub(super) events: Vec<Row>,
}

/// The violations that a check has found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn of(check: Check, index: &Index<'_>) -> Vec<Finding> {
        let mut findings = Self::default();
        check.run(index, &mut findings);
        findings.0
    }

    /// Adds one, and answers whether to go on.
    fn add(
        &mut self,
        events: impl IntoIterator<Item = Row>,
        says: impl FnOnce() -> String,
    ) -> bool {
        if !self.is_full() {
            self.0.push(Finding {
                says: says(),
                events: events.into_iter().collect(),
            });
        }
        !self.is_full()
    }

    fn is_full(&self) -> bool {
        self.0.len() >= MAX_FINDINGS
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Check {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let check = Self::ALL.iter().find(|check| check.name() == name);
        check.copied().ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|check| check.name()).collect();
            Error::new(
                ErrorKind::InvalidInput,
                format!("there is no check {name:?}; there are {}", known.join(", ")),
            )
        })
    }
}
