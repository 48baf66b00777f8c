//! Where a scanner reads from: the backend while it catches up, the cache when it tails.

use std::sync::Arc;
use std::time::Duration;

use walx_core::{BoxFuture, MessageId, Result};
use walx_impls::{RoWalImpls, ScanOptions, ScannerImpls, Start};
use walx_utility::clock;

use crate::cache::Reader;

/// A backend's scanner, and, where it was asked for, the earliest record that was kept when it was open.
pub(super) type Opened = (Box<dyn ScannerImpls>, Option<MessageId>);

/// Opens a scanner. The earliest record is asked for afterwards: a truncation between the two can't hide a loss.
pub(super) async fn open(
    backend: &dyn RoWalImpls,
    start: Start,
    options: &ScanOptions,
    strict: bool,
) -> Result<Opened> {
    let scanner = backend.scan(start, options.clone()).await?;
    let earliest = match strict {
        true => backend.bounds().await?.earliest,
        false => None,
    };
    Ok((scanner, earliest))
}

/// Where the next records come from.
pub(super) enum Source {
    /// A backend's scanner that is being opened.
    Opening(BoxFuture<Result<Opened>>),
    /// A backend's scanner.
    Backend(Box<dyn ScannerImpls>),
    /// The write-ahead cache.
    Cache(Reader),
    /// Nowhere any more.
    Ended,
}

impl Source {
    /// Opens the backend at `start`, after a pause.
    pub(super) fn open(
        backend: Arc<dyn RoWalImpls>,
        start: Start,
        options: ScanOptions,
        strict: bool,
        pause: Duration,
    ) -> Self {
        Self::Opening(Box::pin(async move {
            if !pause.is_zero() {
                clock::sleep(pause).await;
            }
            open(backend.as_ref(), start, &options, strict).await
        }))
    }
}
