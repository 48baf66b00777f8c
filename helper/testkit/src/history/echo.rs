//! Messages that were not written, because one with the same key was: they are answered with its place.

use std::collections::HashMap;

use walx_core::{Place, VirtualChannel};

use super::index::{Fate, Index, Row};

/// Messages of one key: its channel, its stream, and its digest.
pub(super) type Group<'a> = (Row, Option<&'a VirtualChannel>, u64);

/// The messages of each key, in the order of their calls.
pub(super) fn groups<'a>(index: &Index<'a>) -> HashMap<Group<'a>, Vec<Row>> {
    let mut groups = HashMap::<_, Vec<Row>>::new();
    for (row, message) in index.messages.iter().enumerate() {
        if let Some(key) = message.idempotency {
            let group = (index.channel_of(row), message.virtual_channel, key);
            groups.entry(group).or_default().push(row);
        }
    }
    groups
}

/// Finds the message that each of them stands for.
pub(super) fn echoes(index: &mut Index<'_>) {
    let mut found = Vec::new();
    for group in groups(index).into_values().filter(|it| it.len() > 1) {
        for row in &group {
            let mut others = group.iter().filter(|other| *other != row);
            let doubtful = others
                .any(|other| is_unknown(index, *other, *row) || may_go_before(index, *other, *row));
            found.push((*row, original(index, &group, *row), doubtful));
        }
    }
    for (row, original, doubtful) in found {
        let message = &mut index.messages[row];
        message.echo = original;
        message.doubtful = doubtful && message.delivered.is_none();
    }
}

/// Whether nobody knows where a message lies, which may be the place that another one was answered with.
fn is_unknown(index: &Index<'_>, other: Row, row: Row) -> bool {
    let (message, other) = (&index.messages[row], &index.messages[other]);
    let open = match other.fate {
        Fate::Open => true,
        Fate::Failed(failed) => failed.may_be_written(),
        Fate::Acknowledged(_) => false,
    };
    // What is called behind the answer can't be what it tells of.
    let late = message
        .answered
        .is_some_and(|at| index.before(at, other.called));
    open && other.delivered.is_none() && !late
}

/// Whether two have one place, and one of them had room reserved: it may have gone before the other, whoever was called
/// first, so that nobody knows which of them was written.
fn may_go_before(index: &Index<'_>, other: Row, row: Row) -> bool {
    let (message, other) = (&index.messages[row], &index.messages[other]);
    let place = |it: &Fate<'_>| match it {
        Fate::Acknowledged(place) => Some(place.id),
        _ => None,
    };
    (message.reserved || other.reserved)
        && place(&message.fate).is_some()
        && place(&message.fate) == place(&other.fate)
}

/// The one that was delivered from the place that a message was answered with; else the first one that was answered with
/// it by the owner that wrote it; else the first one of which nobody knows more. All that were answered with a place
/// have the same one.
fn original(index: &Index<'_>, group: &[Row], row: Row) -> Option<Row> {
    let message = &index.messages[row];
    let Fate::Acknowledged(place) = message.fate else {
        return None;
    };
    if message.delivered.is_some() {
        return None;
    }
    let delivered = |other: &Row| {
        let first = index.messages[*other].delivered;
        first.is_some_and(|it| index.deliveries[it].place.id == place.id)
    };
    let answered = |other: &Row| match index.messages[*other].fate {
        Fate::Acknowledged(other) => other.id == place.id,
        _ => false,
    };
    let unknown = |other: &Row| *other != row && is_unknown(index, *other, row);
    let others = || group.iter().copied();
    // Of several that were answered with it, the first one that may have written it stands for all.
    let may = |other: &Row| may_have_it(index, *other, place);
    let first = others()
        .find(delivered)
        .or_else(|| others().find(|other| answered(other) && may(other)))
        .or_else(|| others().find(|other| unknown(other) && may(other)))
        .or_else(|| others().find(answered));
    first.filter(|other| *other != row)
}

/// Whether the owner through which a message was handed in wrote what lies at a place.
fn may_have_it(index: &Index<'_>, message: Row, place: &Place) -> bool {
    match index.handles[index.messages[message].handle].answered {
        Some((_, Ok(Some(owner)))) => owner.term == place.owner.term,
        _ => false,
    }
}
