//! What is known of each channel's log, from answers and deliveries together.

use std::collections::{BTreeMap, HashMap};

use super::index::{Fate, Index, Known, Log, Row};

/// Puts together what is known of each channel. Bodies of transactions stand at their commit: they have a check of
/// their own.
pub(super) fn logs(index: &mut Index<'_>) {
    let mut logs = BTreeMap::<(Row, usize), Log<'_>>::new();
    let mut rows = HashMap::<(Row, Row, usize), Row>::with_capacity(index.messages.len());
    for (row, message) in index.messages.iter().enumerate() {
        let (Fate::Acknowledged(place), Some(at)) = (message.fate, message.answered) else {
            continue;
        };
        // One that was answered with the place of another shows where that one lies.
        let heard = message.handle;
        let row = message.echo.unwrap_or(row);
        if index.messages[row].transaction.is_none() {
            let (channel, era) = (index.channel_of(row), index.era(at));
            let log = logs.entry((channel, era)).or_default();
            let slot = *rows.entry((row, channel, era)).or_insert_with(|| {
                log.known.push(Known {
                    message: row,
                    place,
                    acknowledged: Some(at),
                    heard: Some(heard),
                    delivered: None,
                });
                log.known.len() - 1
            });
            let known = &mut log.known[slot];
            if known.acknowledged.is_some_and(|first| at < first) {
                (known.acknowledged, known.heard) = (Some(at), Some(heard));
            }
        }
    }
    for delivery in &index.deliveries {
        let Some(row) = delivery.message else {
            continue;
        };
        if index.messages[row].transaction.is_some() {
            continue;
        }
        let (channel, era) = (index.scans[delivery.scan].channel, index.era(delivery.at));
        let log = logs.entry((channel, era)).or_default();
        let slot = *rows.entry((row, channel, era)).or_insert_with(|| {
            log.known.push(Known {
                message: row,
                place: delivery.place,
                acknowledged: None,
                heard: None,
                delivered: None,
            });
            log.known.len() - 1
        });
        if let Some(known) = log.known.get_mut(slot) {
            known.delivered.get_or_insert(delivery.at);
        }
    }
    for log in logs.values_mut() {
        log.known
            .sort_by_key(|known| (known.place.lsn, known.message));
    }
    let mut opens: Vec<_> = (0..)
        .zip(&index.handles)
        .filter_map(|(row, handle)| match handle.answered {
            Some((at, Ok(Some(owner)))) => Some((at, handle.channel, (owner, row))),
            _ => None,
        })
        .collect();
    opens.sort_unstable();
    for (at, channel, open) in opens {
        let log = logs.entry((channel, index.era(at))).or_default();
        log.opened.add(index.order, index.id(at), open);
    }
    for log in logs.values_mut() {
        confirm(index, log);
    }
    index.logs = logs;
}

/// When each lsn was known to be confirmed.
fn confirm(index: &Index<'_>, log: &mut Log<'_>) {
    let mut seen: Vec<_> = log
        .known
        .iter()
        .enumerate()
        .flat_map(|(slot, known)| {
            let seen = [known.acknowledged, known.delivered].into_iter().flatten();
            seen.map(move |at| (at, (known.place.lsn, slot)))
        })
        .collect();
    seen.sort_unstable();
    for (at, value) in seen {
        log.confirmed.add(index.order, index.id(at), value);
    }
}
