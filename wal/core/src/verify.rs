use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{ChannelName, Lsn};

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// What was read of each channel.
    pub channels: Vec<VerifiedChannel>,
    /// The damage, in the order of the log; at most [`MAX_FINDINGS`](Self::MAX_FINDINGS).
    pub findings: Vec<Finding>,
    /// How many more findings there are.
    pub more: u64,
}

impl Verified {
    /// So many findings are listed; further ones are counted.
    pub const MAX_FINDINGS: usize = 1000;

    /// Adds a finding, or counts it.
    pub fn add(&mut self, finding: Finding) {
        if self.findings.len() < Self::MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Whether there is no damage but such as a repair has taken note of.
    pub fn is_sound(&self) -> bool {
        self.more == 0 && self.findings.iter().all(|it| it.known)
    }
}

/// What was read of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedChannel {
    /// The channel.
    pub channel: ChannelName,
    /// Its sound records, walx's own ones included.
    pub records: u64,
    /// Its sound messages, those of transactions that were rolled back included.
    pub messages: u64,
    /// The bytes of its sound records, headers and properties included.
    pub bytes: u64,
    /// What somebody else wrote into its storage: no damage.
    pub foreign: u64,
    /// The lsn of its first sound message; `None` where there is none.
    pub first: Option<Lsn>,
    /// The lsn of its last sound message; `None` where there is none.
    pub last: Option<Lsn>,
}

impl VerifiedChannel {
    /// A channel of which nothing was read.
    pub const fn new(channel: ChannelName) -> Self {
        Self {
            channel,
            records: 0,
            messages: 0,
            bytes: 0,
            foreign: 0,
            first: None,
            last: None,
        }
    }
}

/// One damage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The channel, where the damage belongs to one.
    pub channel: Option<ChannelName>,
    /// Where it is: file and offset, or the id of a record.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// Whether a repair has taken note of it: scanners tell it as a gap, and the store opens with it.
    pub known: bool,
}

impl Finding {
    /// A damage of the store.
    pub fn new(place: impl fmt::Display, what: impl Into<String>) -> Self {
        Self {
            channel: None,
            place: place.to_string(),
            what: what.into(),
            known: false,
        }
    }

    /// Sets the channel it belongs to.
    #[must_use]
    pub fn with_channel(mut self, channel: &ChannelName) -> Self {
        self.channel = Some(channel.clone());
        self
    }

    /// Sets whether a repair has taken note of it.
    #[must_use]
    pub fn with_known(mut self, known: bool) -> Self {
        self.known = known;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(channel) = &self.channel {
            write!(f, "channel {channel}, ")?;
        }
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Whether a repair changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairMode {
    /// Says what it would do.
    DryRun,
    /// Does it, after copying what it changes.
    Apply,
}

/// What a repair did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// The steps, in order.
    pub steps: Vec<RepairStep>,
    /// Where the copy of what was damaged is, or would be; `None` where there is nothing to do.
    pub copy: Option<String>,
}

/// One step of a repair.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairStep {
    /// What is wrong, and where.
    pub finding: Finding,
    /// What is done about it, and what is lost by it.
    pub action: String,
}

impl RepairStep {
    /// A step.
    pub fn new(finding: Finding, action: impl Into<String>) -> Self {
        Self {
            finding,
            action: action.into(),
        }
    }
}

/// How far a long operation is, in bytes. Clones are the same progress; another task may look at it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress {
    /// Adds to what there is to do.
    pub fn expect(&self, bytes: u64) {
        self.0.total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds to what is done.
    pub fn advance(&self, bytes: u64) {
        self.0.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What is done.
    pub fn done(&self) -> u64 {
        self.0.done.load(Ordering::Relaxed)
    }

    /// All there is to do, as far as it is known by now.
    pub fn total(&self) -> u64 {
        self.0.total.load(Ordering::Relaxed)
    }
}
