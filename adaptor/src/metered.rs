//! A backend's handle whose scanners read no more ahead than the budget of memory has room for.

use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use walx_core::{Bounds, Category, ChannelName, Charge, Limits, Result};
use walx_impls::{RoWalImpls, ScanOptions, Scanned, ScannerImpls, Start};

/// What a scanner may read ahead however little room there is: else it would not go on.
const LEAST: usize = 64 << 10;

/// A handle to read from.
pub(crate) struct Metered {
    inner: Arc<dyn RoWalImpls>,
    limits: Limits,
}

impl Metered {
    pub(crate) fn new(inner: Arc<dyn RoWalImpls>, limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            inner,
            limits: limits.clone(),
        })
    }
}

#[async_trait]
impl RoWalImpls for Metered {
    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    async fn scan(&self, start: Start, mut options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let wanted = options.read_ahead_bytes;
        let charge = self.limits.charge_up_to(Category::ReadAhead, wanted, LEAST);
        options.read_ahead_bytes = charge.bytes();
        let inner = self.inner.scan(start, options).await?;
        Ok(Box::new(MeteredScanner {
            inner,
            _charge: charge,
        }))
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.inner.bounds().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

/// A scanner, and what it may read ahead.
struct MeteredScanner {
    inner: Box<dyn ScannerImpls>,
    _charge: Charge,
}

impl ScannerImpls for MeteredScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        self.inner.poll_batch(context)
    }
}
