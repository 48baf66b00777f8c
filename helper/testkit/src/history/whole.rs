//! Transactions as scans hand them out.

use std::collections::HashMap;

use super::index::{Fate, Index};

/// Finds the transactions that were delivered: by their messages, or by the place of their commit.
pub(super) fn transactions(index: &mut Index<'_>) {
    for delivery in &index.deliveries {
        let message = delivery.message.map(|row| &index.messages[row]);
        let Some(row) = message.and_then(|it| it.transaction) else {
            continue;
        };
        if let Some(whole) = delivery.whole {
            index.wholes[whole].transaction.get_or_insert(row);
        }
        if let Some(id) = delivery.id {
            index.transactions[row].id.get_or_insert((id, delivery.at));
        }
    }
    let mut ends = HashMap::new();
    for (row, transaction) in index.transactions.iter().enumerate() {
        if let Fate::Acknowledged(place) = transaction.fate {
            ends.insert((transaction.channel, place.id, place.owner), row);
        }
    }
    for (number, whole) in index.wholes.iter_mut().enumerate() {
        let channel = index.scans[whole.scan].channel;
        let end = ends.get(&(channel, whole.place.id, whole.place.owner));
        whole.transaction = whole.transaction.or_else(|| end.copied());
        if let Some(row) = whole.transaction {
            let transaction = &mut index.transactions[row];
            transaction.delivered.get_or_insert(number);
            transaction.id.get_or_insert((whole.id, whole.at));
        }
    }
}
