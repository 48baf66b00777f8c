//! Finds a record by its seq, on every backend: by its distance from the tail, as seqs are dense.

use std::ops::ControlFlow;

use walx_core::{MessageId, Result, Seq};
use walx_impls::{RoWalImpls, ScanOptions, Start};

use crate::look::read_until;
use crate::patience::patiently;

/// How many records that take no seq are expected on the way.
const SLACK: u64 = 16;

/// Reads little beyond what is looked for.
fn glance() -> ScanOptions {
    ScanOptions::new(16 << 10)
}

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) id: MessageId,
    /// The record before it; `None` where it is the earliest.
    pub(crate) before: Option<MessageId>,
}

/// Where the record with this seq lies, in a log whose newest numbered record is `newest`; `None` where it is no longer
/// kept.
pub(crate) async fn find_seq(
    wal: &dyn RoWalImpls,
    seq: Seq,
    newest: (MessageId, Seq),
) -> Result<Option<Location>> {
    let Some(distance) = newest.1.get().checked_sub(seq.get()) else {
        return Ok(None);
    };
    let mut depth = distance.saturating_add(SLACK);
    loop {
        let earliest = patiently(|| wal.bounds()).await?.earliest;
        let (mut first, mut before) = (None, None);
        let found = read_until(wal, Start::Last(depth), newest.0, glance(), |record, _| {
            let is_first = first.is_none();
            first = first.or(Some(record.id));
            let here = record.record.header.seq;
            if here.is_some_and(|here| here >= seq) {
                // The one before it counts as well, unless there is none.
                let known = !is_first || earliest.is_none_or(|earliest| record.id <= earliest);
                let id = record.id;
                let location = (here == Some(seq) && known).then_some(Location { id, before });
                return Ok(ControlFlow::Break(location));
            }
            before = Some(record.id);
            Ok(ControlFlow::Continue(()))
        })
        .await?;
        if let Some(Some(location)) = found {
            return Ok(Some(location));
        }
        if first <= earliest {
            return Ok(None);
        }
        depth = depth.saturating_mul(2);
    }
}
