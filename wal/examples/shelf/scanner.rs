use std::sync::Arc;

use walx_core::Result;
use walx_impls::{ScanOptions, Scanned, ScannerImpls, Start, scanner};

use super::id;
use super::wal::ShelfWal;

// ANCHOR: read
/// Where a reader stands.
struct Place {
    wal: ShelfWal,
    next: u64,
    max_bytes: usize,
}

/// The next batch: what is there, or what comes.
async fn read(mut place: Place) -> Result<(Vec<Scanned>, Place)> {
    let system = Arc::clone(&place.wal.system);
    loop {
        // Before the look, so that an append behind it wakes this.
        let changed = system.changed.notified();
        let (next, max_bytes) = (place.next, place.max_bytes);
        let batch = place.wal.with("scan", |log| log.read(next, max_bytes))?;
        if !batch.is_empty() {
            place.next += batch.len() as u64;
            return Ok((batch, place));
        }
        changed.await;
    }
}
// ANCHOR_END: read

// ANCHOR: start
pub(crate) fn start(
    wal: &ShelfWal,
    start: Start,
    options: ScanOptions,
) -> Result<Box<dyn ScannerImpls>> {
    let next = wal.with("scan", |log| match start {
        Start::At(id) | Start::After(id) => {
            let number = id::number(id)?;
            log.known(number)?;
            let next = number + u64::from(matches!(start, Start::After(_)));
            log.kept(next).map(|_| next)
        }
        Start::Last(count) => Ok(log.end().saturating_sub(count).max(log.first())),
        // The earliest record will do where nothing better is known.
        Start::Earliest | Start::Near(_) => Ok(log.first()),
    })?;
    let place = Place {
        wal: wal.clone(),
        next,
        max_bytes: options.read_ahead_bytes,
    };
    Ok(scanner(place, read))
}
// ANCHOR_END: start
