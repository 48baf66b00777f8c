//! Finds where a scan starts on a backend that has no index: by the distance from the tail, in growing steps and then
//! in halves.

use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{Bounds, ChannelName, ErrorKind, MessageId, Result};
use walx_impls::{Mark, RoWalImpls, ScanOptions, ScannerImpls, Start, StoredRecord};

use crate::look::read_until;
use crate::patience::patiently;

/// How far before the tail the first step goes, and by what the steps grow.
const FIRST: u64 = 256;
const GROWTH: u64 = 16;
/// So many records more than necessary may be read.
const NEAR: u64 = 256;

/// A reader of a backend without an index.
pub(crate) struct Searching(pub(crate) Arc<dyn RoWalImpls>);

#[async_trait]
impl RoWalImpls for Searching {
    fn channel(&self) -> &ChannelName {
        self.0.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        scan(self.0.as_ref(), start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.0.bounds().await
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

/// Starts a scanner; one that is to start near a mark, where the search says.
pub(crate) async fn scan(
    wal: &dyn RoWalImpls,
    start: Start,
    options: ScanOptions,
) -> Result<Box<dyn ScannerImpls>> {
    if let Start::Near(mark) = start
        && let Some(newest) = wal.bounds().await?.newest
    {
        let found = near(wal, mark, newest).await?;
        match wal.scan(found, options.clone()).await {
            // Truncated meanwhile.
            Err(error) if matches!(error.kind(), ErrorKind::PositionLost { .. }) => {}
            scanner => return scanner,
        }
    }
    wal.scan(start, options).await
}

/// A record at or before the first one with this mark, or the earliest one, in a log whose newest record is `newest`.
async fn near(wal: &dyn RoWalImpls, mark: Mark, newest: MessageId) -> Result<Start> {
    let (mut beyond, mut depth) = (0, FIRST);
    // From the tail on, until a place lies before the mark.
    let mut found = loop {
        let earliest = patiently(|| wal.bounds()).await?.earliest;
        let Some((first, before)) = glance(wal, depth, mark, newest).await? else {
            return Ok(Start::Earliest);
        };
        if before {
            break Start::At(first);
        }
        if Some(first) <= earliest {
            break Start::Earliest;
        }
        (beyond, depth) = (depth, depth.saturating_mul(GROWTH));
    };
    // Between a place that lies behind the mark and one that lies before it.
    while depth - beyond > NEAR {
        let middle = beyond + (depth - beyond) / 2;
        match glance(wal, middle, mark, newest).await? {
            Some((first, true)) => (found, depth) = (Start::At(first), middle),
            _ => beyond = middle,
        }
    }
    Ok(found)
}

/// The record so far before the tail, and whether it lies at or before the mark; `None` where there is none with numbers.
async fn glance(
    wal: &dyn RoWalImpls,
    depth: u64,
    mark: Mark,
    newest: MessageId,
) -> Result<Option<(MessageId, bool)>> {
    let mut first = None;
    let options = ScanOptions::new(4 << 10);
    read_until(wal, Start::Last(depth), newest, options, |record, _| {
        let first = *first.get_or_insert(record.id);
        Ok(match is_before(record, mark) {
            Some(before) => ControlFlow::Break((first, before)),
            None => ControlFlow::Continue(()),
        })
    })
    .await
}

/// Whether nothing with the mark lies before the record; `None` where it does not tell.
fn is_before(record: &StoredRecord, mark: Mark) -> Option<bool> {
    let header = &record.record.header;
    match mark {
        // Marks and chunks have the lsn of the message that they stand before, or are a piece of.
        Mark::Lsn(lsn) => header.lsn.map(|it| it < lsn),
        Mark::Tick(tick) => header.seq.map(|_| header.tick <= tick),
    }
}
