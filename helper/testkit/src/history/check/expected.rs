//! Conditional appends: what a caller expects holds where the message lies.

use super::Findings;
use crate::history::index::{Fate, Index};

pub(super) const PROMISE: &str = "a conditional append is acknowledged only where what it expects holds: its lsn, and the term of its \
     owner (invariants 1 and 6)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    for message in &index.messages {
        let (Fate::Acknowledged(place), Some(answered)) = (message.fate, message.answered) else {
            continue;
        };
        // One with a known key is answered with the place of the first one, whatever is expected.
        if !message.is_own() {
            continue;
        }
        let lsn = message.expected.lsn.filter(|lsn| *lsn != place.lsn);
        let term = message.expected.term;
        let term = term.filter(|term| *term != place.owner.term);
        let (wanted, is) = match (lsn, term) {
            (Some(lsn), _) => (format!("lsn {lsn}"), format!("lsn {}", place.lsn)),
            (_, Some(term)) => (format!("term {term}"), format!("owner {}", place.owner)),
            (None, None) => continue,
        };
        let go_on = findings.add([message.called, answered], || {
            format!(
                "message {} expects {wanted}, and is acknowledged with {is}",
                message.key
            )
        });
        if !go_on {
            return;
        }
    }
}
