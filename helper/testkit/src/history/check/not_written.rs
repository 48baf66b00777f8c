//! Invariants 5 and 8: what was answered as not written is delivered by nobody, before or after the answer.

use super::Findings;
use crate::history::index::{Fate, Index};

pub(super) const PROMISE: &str = "what was answered as not written is never delivered, neither before the answer nor after it \
     (invariants 5 and 8)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    for message in &index.messages {
        let Fate::Failed(failed) = message.fate else {
            continue;
        };
        let Some(row) = message.delivered.filter(|_| !failed.may_be_written()) else {
            continue;
        };
        let delivery = &index.deliveries[row];
        let events = [message.called, delivery.at]
            .into_iter()
            .chain(message.answered);
        let go_on = findings.add(events, || {
            format!(
                "message {} was answered with {failed}, so nothing was written, and it is delivered at lsn {}",
                message.key, delivery.place.lsn
            )
        });
        if !go_on {
            return;
        }
    }
}
