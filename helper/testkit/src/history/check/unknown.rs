//! Invariant 8: an append that was given up, or whose owner is gone, is in the log by then or never.

use super::Findings;
use crate::history::cover::{Missing, MissingKind};
use crate::history::index::Index;

pub(super) const PROMISE: &str = "an append whose outcome is unknown is decided once: what a scan passed, and what the next owner's log \
     did not have, never appears (invariant 8)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    Missing::each(index, |missing| {
        if missing.kind != MissingKind::Late {
            return true;
        }
        let message = &index.messages[missing.known.message];
        let scan = index.id(index.scans[missing.scan].called);
        findings.add(missing.events(index), || {
            format!(
                "message {} is delivered at lsn {}, and scan {scan}, which had ended before, passed that place without \
                 it: it was written after it was given up",
                message.key, missing.known.place.lsn
            )
        })
    });
}
