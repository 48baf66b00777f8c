//! Invariants 3 and 8: one message is one record.

use super::Findings;
use crate::history::index::{Fate, Index};

pub(super) const PROMISE: &str = "a scan delivers a message once, and no message has two places, its outcome known or not \
     (invariants 3 and 8)";

pub(super) fn run(index: &Index<'_>, findings: &mut Findings) {
    for delivery in &index.deliveries {
        let Some(message) = delivery.message.map(|row| &index.messages[row]) else {
            continue;
        };
        let Some(first) = message.delivered.map(|row| &index.deliveries[row]) else {
            continue;
        };
        let go_on = if delivery.again {
            let scan = &index.scans[delivery.scan];
            let deliveries = scan.deliveries.iter().map(|row| &index.deliveries[*row]);
            let before = deliveries.clone().find(|it| it.message == delivery.message);
            let events = [message.called, delivery.at].into_iter();
            findings.add(events.chain(before.map(|it| it.at)), || {
                let scan = index.id(scan.called);
                format!("scan {scan} delivers message {} twice", message.key)
            })
        } else if first.place.lsn != delivery.place.lsn
            // Where the caller was told a place, another one is the wrong one.
            && !matches!(message.fate, Fate::Acknowledged(_))
        {
            findings.add([message.called, first.at, delivery.at], || {
                format!(
                    "message {} lies at lsn {} and at lsn {}",
                    message.key, first.place.lsn, delivery.place.lsn
                )
            })
        } else {
            true
        };
        if !go_on {
            return;
        }
    }
}
