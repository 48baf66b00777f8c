//! What the other promises stand on: a log holds what somebody handed in to it.

use super::Findings;
use crate::history::index::Index;

pub(super) const PROMISE: &str = "a scan delivers only what was handed in to its channel, and not before that (what all invariants \
     stand on)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    for delivery in &index.deliveries {
        // Without a key it is from somebody who records nothing.
        let Some(key) = delivery.key else {
            continue;
        };
        let (called, wrong) = match delivery.message {
            None => (None, "and nobody handed it in"),
            Some(row) => {
                let called = index.messages[row].called;
                if index.before(delivery.at, called) {
                    (Some(called), "before it is handed in")
                } else if index.channel_of(row) != index.scans[delivery.scan].channel {
                    (Some(called), "though it was handed in to another channel")
                } else {
                    continue;
                }
            }
        };
        let go_on = findings.add([delivery.at].into_iter().chain(called), || {
            format!("message {key} is delivered, {wrong}")
        });
        if !go_on {
            return;
        }
    }
}
