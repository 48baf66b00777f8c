//! What an owner finds when it opens a channel: the transactions that are open, and the keys of the newest messages.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use walx_core::{IdempotencyOption, Result, Seq};
use walx_impls::{Kind, RoWalImpls, StoredRecord};

use crate::append::Keys;
use crate::backwards::backwards;
use crate::checkpoint::Checkpoint;
use crate::planted::{self, Bug};

/// What the newest part of a log says.
#[derive(Default)]
pub(crate) struct Found {
    /// The Begins of the transactions that are open behind it, ascending.
    pub(crate) open: Vec<Seq>,
    /// What it says of keys, where they are to be remembered.
    pub(crate) keys: Option<Keys>,
}

/// Reads back from `newest`: for transactions to the last Checkpoint, or to the oldest Begin where that is nearer; for
/// keys to where the Checkpoint says that they begin, no further than the window has bytes.
pub(crate) async fn find(
    wal: &dyn RoWalImpls,
    newest: Option<&StoredRecord>,
    idempotency: Option<IdempotencyOption>,
) -> Result<Found> {
    let mut keys = idempotency.map(Keys::new);
    let Some(newest) = newest else {
        return Ok(Found {
            open: Vec::new(),
            keys,
        });
    };
    let oldest = newest.record.header.oldest_open;
    let (mut wants_open, mut wants_keys) = (oldest.is_some(), keys.is_some());
    wants_keys &= !planted::is(Bug::ForgetsKeys);
    let (mut open, mut ended) = (BTreeSet::new(), BTreeSet::new());
    if wants_open || wants_keys {
        backwards(wal, newest.id, |it| {
            let header = &it.record.header;
            let id = header.transaction.map(|it| it.id.0);
            match (header.kind, id) {
                (Kind::Commit | Kind::Rollback, Some(id)) if wants_open => {
                    ended.insert(id);
                }
                (Kind::Begin, Some(id)) if wants_open && !ended.contains(&id) => {
                    open.insert(id);
                }
                (Kind::Checkpoint, _) => {
                    let checkpoint = Checkpoint::decode(&it.record.payload)?;
                    if wants_open {
                        open.extend(checkpoint.open.iter().filter(|id| !ended.contains(*id)));
                        wants_open = false;
                    }
                    if let (Some(keys), Some(start)) = (&mut keys, checkpoint.window) {
                        keys.starts_at(start);
                    }
                }
                _ => {}
            }
            if let (Some(keys), true) = (&mut keys, wants_keys) {
                wants_keys = keys.take(it.id, &it.record);
            }
            wants_open &= header
                .seq
                .zip(oldest)
                .is_none_or(|(seq, oldest)| seq > oldest);
            Ok(match wants_open || wants_keys {
                false => ControlFlow::Break(()),
                true => ControlFlow::Continue(()),
            })
        })
        .await?;
    }
    let mut open: Vec<_> = match oldest {
        // The newest record names it, whatever could be read.
        Some(oldest) => open
            .into_iter()
            .chain([oldest])
            .filter(|it| *it >= oldest)
            .collect(),
        None => Vec::new(),
    };
    open.sort_unstable();
    open.dedup();
    Ok(Found { open, keys })
}
