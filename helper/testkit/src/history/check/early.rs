//! Invariant 5: what a scan delivered was durable, so it is never gone.

use super::Findings;
use crate::history::cover::{Missing, MissingKind};
use crate::history::index::Index;

pub(super) const PROMISE: &str = "nothing is delivered before it is confirmed: what one scan delivered, every later scan delivers \
     (invariant 5)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    Missing::each(index, |missing| {
        if missing.kind != MissingKind::Gone {
            return true;
        }
        let message = &index.messages[missing.known.message];
        let scan = index.id(index.scans[missing.scan].called);
        findings.add(missing.events(index), || {
            format!(
                "message {} was delivered at lsn {}, and scan {scan}, which began later, passes it without a word: it \
                 was delivered before it was durable",
                message.key, missing.known.place.lsn
            )
        })
    });
}
