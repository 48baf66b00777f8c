//! Invariant 3: an acknowledged message is delivered by every scan that passes it.

use super::Findings;
use crate::history::cover::{Missing, MissingKind};
use crate::history::index::Index;

pub(super) const PROMISE: &str = "an acknowledged message is delivered by every later scan from at or before it, until it is truncated \
     (invariant 3)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    Missing::each(index, |missing| {
        if missing.kind != MissingKind::Lost {
            return true;
        }
        let message = &index.messages[missing.known.message];
        let scanned = index.scans[missing.scan].called;
        if message.doubtful && !message.answered.is_some_and(|at| index.before(at, scanned)) {
            // Another one may lie there, which was confirmed before the scan began.
            return true;
        }
        let scan = index.id(scanned);
        findings.add(missing.events(index), || {
            format!(
                "message {} is acknowledged at lsn {}, and scan {scan} passes it without a word",
                message.key, missing.known.place.lsn
            )
        })
    });
}
