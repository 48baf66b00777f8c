//! A backend that counts the scans of its readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use walx_core::{Bounds, Capability, ChannelName, Error, ErrorKind, MessageId, Result};
use walx_impls::{
    Claim, OpenerImpls, RoWalImpls, ScanOptions, Scanned, ScannerImpls, Start, WalImpls,
};
use walx_utility::clock;

/// How many scans of the backend were opened, and how many are open.
#[derive(Default)]
pub struct Scans {
    opened: AtomicUsize,
    open: AtomicUsize,
    /// Whether each takes a while to open.
    pub slow: AtomicBool,
    /// The read, counted from now on, that finds its place truncated; 0 = none.
    pub lost: AtomicUsize,
}

impl Scans {
    pub fn opened(&self) -> usize {
        self.opened.load(Ordering::SeqCst)
    }

    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Waits until so many are open.
    pub async fn become_open(&self, count: usize) {
        let until = clock::now() + Duration::from_secs(20);
        while self.open() != count {
            assert!(clock::now() < until, "{} scans are open", self.open());
            clock::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A backend that counts its readers' scans.
pub struct Counting {
    pub inner: Arc<dyn OpenerImpls>,
    pub scans: Arc<Scans>,
    /// Whether it says which storage it is.
    pub named: bool,
    /// Whether its readers find the backend away.
    pub away: Arc<AtomicBool>,
}

struct CountingWal {
    inner: Arc<dyn RoWalImpls>,
    scans: Arc<Scans>,
    away: Arc<AtomicBool>,
}

struct CountingScanner {
    inner: Box<dyn ScannerImpls>,
    scans: Arc<Scans>,
}

impl Drop for CountingScanner {
    fn drop(&mut self) {
        self.scans.open.fetch_sub(1, Ordering::SeqCst);
    }
}

impl ScannerImpls for CountingScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        let lost = &self.scans.lost;
        let counted = lost.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1));
        if counted == Ok(1) {
            let kind = ErrorKind::PositionLost { earliest: None };
            return Poll::Ready(Err(Error::new(kind, "truncated meanwhile")));
        }
        self.inner.poll_batch(context)
    }
}

#[async_trait]
impl OpenerImpls for Counting {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        self.inner.open(channel, claim).await
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        Ok(Arc::new(CountingWal {
            inner: self.inner.open_read_only(channel).await?,
            scans: Arc::clone(&self.scans),
            away: Arc::clone(&self.away),
        }))
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        self.inner.truncate(channel, id).await
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        self.inner.bounds(channel).await
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        self.inner.list().await
    }

    fn identity(&self) -> Option<String> {
        self.inner.identity().filter(|_| self.named)
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[async_trait]
impl RoWalImpls for CountingWal {
    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "it is away"));
        }
        if self.scans.slow.load(Ordering::SeqCst) {
            clock::sleep(Duration::from_millis(50)).await;
        }
        let inner = self.inner.scan(start, options).await?;
        self.scans.opened.fetch_add(1, Ordering::SeqCst);
        self.scans.open.fetch_add(1, Ordering::SeqCst);
        let scans = Arc::clone(&self.scans);
        Ok(Box::new(CountingScanner { inner, scans }))
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.inner.bounds().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}
