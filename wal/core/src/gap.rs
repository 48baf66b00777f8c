use std::fmt;

use crate::{Lsn, MessageId, Seq};

/// A hole in a log, or what somebody else wrote between its records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// Why it is there.
    pub reason: GapReason,
    /// The seqs that are missing: from the first one to the one before the second. `None` where it isn't known.
    pub seqs: Option<(Seq, Seq)>,
    /// The lsns that may be missing: from the first one to the one before the second. `None` where it isn't known.
    pub lsns: Option<(Lsn, Lsn)>,
    /// The last record before the hole that was read.
    pub after: Option<MessageId>,
    /// The first record behind the hole; `None` where the log ends in it.
    pub before: Option<MessageId>,
    /// What the backend says of it, such as a file and an offset.
    pub detail: String,
}

impl Gap {
    /// A hole of which nothing is known but its reason.
    pub fn new(reason: GapReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            seqs: None,
            lsns: None,
            after: None,
            before: None,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gap ({})", self.reason)?;
        if let Some((from, to)) = self.lsns {
            if from == to {
                write!(f, ", no message, before lsn {to}")?;
            } else {
                write!(f, ", lsn {from} to {}", to.get().saturating_sub(1))?;
            }
        }
        if let Some((from, to)) = self.seqs {
            write!(f, ", {} records", to.get().saturating_sub(from.get()))?;
        }
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.detail)
        }
    }
}

/// Why a hole is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GapReason {
    /// Its owner gave leave to drop it.
    Truncated,
    /// It is not there, and nobody gave leave.
    Lost,
    /// It is there and damaged.
    Corrupt,
    /// Nothing is missing: somebody else wrote into the channel's storage what is no record of walx.
    Foreign,
}

impl GapReason {
    /// Whether something that the channel had is not delivered.
    pub const fn is_hole(self) -> bool {
        !matches!(self, Self::Foreign)
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "truncated",
            Self::Lost => "lost",
            Self::Corrupt => "corrupt",
            Self::Foreign => "foreign",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_gap_names_reason_and_range() {
        let mut gap = Gap::new(GapReason::Corrupt, "1.wal at 4096: checksum differs");
        gap.lsns = Some((Lsn::new(3), Lsn::new(7)));
        gap.seqs = Some((Seq::new(4), Seq::new(8)));
        assert_eq!(
            gap.to_string(),
            "gap (corrupt), lsn 3 to 6, 4 records: 1.wal at 4096: checksum differs"
        );
        assert_eq!(Gap::new(GapReason::Lost, "").to_string(), "gap (lost)");
    }
}
