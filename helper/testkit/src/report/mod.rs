//! What a suite found out about a kind of store.

mod table;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use walx_core::Capability;

use crate::run::Facts;
use crate::suite::{Tried, Verdict};

pub use table::table;

/// How the runs of a suite ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The backend's name.
    pub name: String,
    /// What ran: the backend's own version, and the server's where it tells one.
    pub version: String,
    /// What the store can do as it was configured.
    pub capability: Capability,
    /// Whether cases ran under faults as well.
    pub faults: bool,
    /// Whether every case ran, as nothing was left out by name and nobody stopped it.
    pub whole: bool,
    /// Each run, in the order of the cases.
    pub tried: Vec<Tried>,
    /// How long all of it took.
    pub time: Duration,
}

/// How many runs ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// The promise holds.
    pub passed: usize,
    /// It does not.
    pub failed: usize,
    /// The store can't be held to it.
    pub left_out: usize,
}

impl Report {
    pub(crate) fn new(
        name: String,
        version: String,
        facts: Facts,
        faults: bool,
        whole: bool,
        tried: Vec<Tried>,
    ) -> Self {
        let version = match facts.server {
            Some(server) => format!("{version} on {server}"),
            None => version,
        };
        Self {
            name,
            version,
            capability: facts.capability,
            faults,
            whole,
            time: Duration::ZERO,
            tried,
        }
    }

    pub(crate) fn with_time(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// Whether every promise that the store can be held to holds.
    pub fn is_kept(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The runs that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Tried> {
        let failed = |it: &&Tried| matches!(it.verdict, Verdict::Failed(_));
        self.tried.iter().filter(failed)
    }

    /// The runs without faults, or those under faults.
    pub fn count(&self, faulty: bool) -> Count {
        let of = self.tried.iter().filter(|it| it.trial.faulty == faulty);
        let mut count = Count::default();
        of.for_each(|it| count.add(it));
        count
    }

    /// All runs by the group of their case: `backend::append`.
    pub fn groups(&self) -> BTreeMap<&'static str, Count> {
        let mut groups = BTreeMap::<_, Count>::new();
        for it in &self.tried {
            groups.entry(it.trial.case.group).or_default().add(it);
        }
        groups
    }

    /// What the store can't do, with the number of cases that need it.
    pub fn left_out(&self) -> BTreeMap<&'static str, usize> {
        let mut needs = BTreeMap::new();
        for it in self.tried.iter().filter(|it| !it.trial.faulty) {
            if let Verdict::LeftOut(what) = it.verdict {
                *needs.entry(what).or_default() += 1;
            }
        }
        needs
    }
}

impl Count {
    fn add(&mut self, tried: &Tried) {
        match tried.verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) => self.failed += 1,
            Verdict::LeftOut(_) => self.left_out += 1,
        }
    }

    /// Those that were put to the test.
    pub fn tried(&self) -> usize {
        self.passed + self.failed
    }
}
