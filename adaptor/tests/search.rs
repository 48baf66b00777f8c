//! Scans that start at an lsn, a tick or a time on a backend without an index.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use common::{Rig, message, within};
use walx_adaptor::adapt_opener;
use walx_core::{
    BackendName, Bounds, Capability, ChannelName, Lsn, MessageId, OpenOption, Position, Result,
    RoWal, ScanOption, Tick, TransactionOption,
};
use walx_impls::{
    Claim, OpenerImpls, RoWalImpls, ScanOptions, Scanned, ScannerImpls, Start, WalImpls,
};
use walx_utility::random;

/// A backend that finds nothing by its mark, and counts the records that its scanners hand out.
struct Plain {
    inner: Arc<dyn OpenerImpls>,
    read: Arc<AtomicU64>,
}

struct PlainWal {
    inner: Arc<dyn RoWalImpls>,
    read: Arc<AtomicU64>,
}

struct PlainScanner {
    inner: Box<dyn ScannerImpls>,
    read: Arc<AtomicU64>,
    /// What it does not hand out yet: a few at a time.
    rest: Vec<Scanned>,
}

#[async_trait]
impl OpenerImpls for Plain {
    fn capability(&self) -> Capability {
        self.inner.capability().with_start_by_time(false)
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        self.inner.open(channel, claim).await
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        Ok(Arc::new(PlainWal {
            inner: self.inner.open_read_only(channel).await?,
            read: Arc::clone(&self.read),
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

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

#[async_trait]
impl RoWalImpls for PlainWal {
    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let start = match start {
            Start::Near(_) => Start::Earliest,
            start => start,
        };
        let inner = self.inner.scan(start, options).await?;
        let read = Arc::clone(&self.read);
        let rest = Vec::new();
        Ok(Box::new(PlainScanner { inner, read, rest }))
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.inner.bounds().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

impl ScannerImpls for PlainScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        if self.rest.is_empty() {
            match self.inner.poll_batch(context) {
                Poll::Ready(Ok(batch)) => self.rest = batch,
                other => return other,
            }
        }
        let batch: Vec<_> = self.rest.drain(..self.rest.len().min(16)).collect();
        self.read.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Poll::Ready(Ok(batch))
    }
}

async fn first(wal: &Arc<dyn RoWal>, from: Position) -> (Lsn, Tick) {
    let option = ScanOption::new(from).with_read_ahead_bytes(1);
    let mut scanner = within(wal.scan(option)).await.unwrap();
    let batch = within(scanner.next_batch(1)).await.unwrap();
    let place = batch[0].place().unwrap();
    (place.lsn, place.tick)
}

#[tokio::test]
async fn a_start_is_found_without_an_index_and_little_is_read_for_it() {
    random::seed(1);
    let rig = Rig::new();
    let mut places = Vec::new();
    // Several owners, so that there are records without numbers on the way.
    for _ in 0..10 {
        let wal = rig.open().await;
        for i in 0..2_000 {
            if i % 500 == 0 {
                let transaction = wal.begin(TransactionOption::new()).unwrap();
                within(transaction.rollback()).await.unwrap();
            }
            places.push(within(wal.append(message(i))).await.unwrap());
        }
        wal.close().await.unwrap();
    }
    let read = Arc::new(AtomicU64::new(0));
    let plain = Plain {
        inner: rig.store.opener(),
        read: Arc::clone(&read),
    };
    let opener = adapt_opener(BackendName::constant("memory"), Arc::new(plain));
    let option = OpenOption::new(rig.channel.clone());
    let wal = within(opener.open_read_only(option)).await.unwrap();
    let last = places.len() as u64 - 1;
    for round in 0..200 {
        let at = match round {
            0 => 0,
            1 => last,
            _ => random::within(0..=last),
        };
        let place = places[at as usize];
        let expected = (place.lsn, place.tick);
        for from in [Position::Lsn(place.lsn), Position::Tick(place.tick)] {
            read.store(0, Ordering::Relaxed);
            assert_eq!(first(&wal, from).await, expected, "{from:?}");
            let read = read.load(Ordering::Relaxed);
            assert!(read < 1_500, "{from:?} of {last} read {read}");
        }
    }
    let time = std::time::UNIX_EPOCH + Duration::from_millis(places[9_000].tick.unix_ms());
    let (_, tick) = first(&wal, Position::Time(time)).await;
    assert_eq!(tick.unix_ms(), places[9_000].tick.unix_ms());
}
