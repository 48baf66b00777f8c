//! A backend that stores batches record by record: what is there of one when an append fails is kept, and the rest is
//! written behind it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;

use async_trait::async_trait;
use common::{message, numbers, scan_all, texts, within};
use walx_adaptor::adapt_opener;
use walx_core::{
    BackendName, Bounds, Capability, ChannelName, ErrorKind, Lsn, MessageId, OpenOption, Record,
    Result, ScanOption, Wal,
};
use walx_impls::{
    Appending, Batch, Claim, FenceToken, OpenerImpls, RoWalImpls, ScanOptions, ScannerImpls, Start,
    WalImpls,
};
use walx_memory::{Faults, MemoryStore};

struct Splitting(Arc<dyn OpenerImpls>);

#[async_trait]
impl OpenerImpls for Splitting {
    fn capability(&self) -> Capability {
        self.0.capability().with_atomic_batch(false)
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        Ok(Arc::new(SplittingWal(self.0.open(channel, claim).await?)))
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        self.0.open_read_only(channel).await
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        self.0.list().await
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

struct SplittingWal(Arc<dyn WalImpls>);

#[async_trait]
impl RoWalImpls for SplittingWal {
    fn channel(&self) -> &ChannelName {
        self.0.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        self.0.scan(start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.0.bounds().await
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

#[async_trait]
impl WalImpls for SplittingWal {
    fn append(&self, batch: Batch<Record>) -> Appending {
        let first = &batch.as_slice()[0];
        assert!(
            first.header.owner.incarnation == 0 || first.payload != "panics",
            "planned"
        );
        let mut parts = Vec::new();
        batch.for_each(|record| parts.push(self.0.append(Batch::One(record))));
        Appending::new(async move {
            let mut ids = Vec::new();
            for part in parts {
                ids.extend_from_slice(part.await?.as_slice());
            }
            Ok(Batch::Many(ids))
        })
    }

    fn fence_token(&self) -> FenceToken {
        self.0.fence_token()
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        self.0.truncate(id).await
    }
}

/// A wal over it, and what goes wrong below.
async fn open() -> (Arc<dyn Wal>, Faults) {
    let store = MemoryStore::new();
    let opener = Arc::new(Splitting(store.opener()));
    let opener = adapt_opener(BackendName::constant("memory"), opener);
    let channel = ChannelName::new("orders").unwrap();
    let wal = opener.open(OpenOption::new(channel.clone())).await;
    (wal.unwrap(), store.faults(&channel))
}

#[tokio::test]
async fn the_rest_of_a_batch_is_written_behind_what_landed_of_it_however_often_it_fails() {
    for (first, again, landed) in [(0, 1, true), (2, 1, false), (2, 1, true), (4, 2, true)] {
        let (wal, faults) = open().await;
        // The Barrier of the recovery passes, and what is written behind it fails again.
        faults
            .pass_next(first)
            .unknown_next(landed)
            .pass_next(again)
            .unknown_next(landed);
        let batch = wal.append_batch((0..6).map(message).collect());
        let behind = wal.append(message(6));
        let places = within(batch).await.unwrap();
        let lsns: Vec<_> = places.iter().map(|place| place.lsn.get()).collect();
        assert_eq!(lsns, [0, 1, 2, 3, 4, 5]);
        assert_eq!(within(behind).await.unwrap().lsn, Lsn::new(6));
        assert!(wal.owner().incarnation >= 2, "it failed once only");
        let entries = scan_all(wal.as_ref(), ScanOption::earliest()).await;
        assert_eq!(texts(&entries), numbers(0..7));
        for (entry, place) in entries.iter().zip(&places) {
            assert_eq!(entry.message().unwrap().place, *place);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_which_a_part_landed_is_never_told_as_not_written() {
    let (wal, faults) = open().await;
    faults.pass_next(2).unknown_next(false).pass_next(1);
    faults.fail_next(10_000, ErrorKind::NotWritten);
    let batch = wal.append_batch((0..4).map(message).collect());
    let error = walx_utility::clock::timeout(std::time::Duration::from_secs(40), batch);
    let error = error.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
}

#[tokio::test]
async fn what_landed_of_a_refused_batch_is_not_taken_for_the_append_behind_it() {
    let (wal, faults) = open().await;
    faults.pass_next(2).fail_next(1, ErrorKind::TooLarge);
    let batch = wal.append_batch((0..4).map(message).collect());
    let behind = wal.append(message("behind"));
    within(batch).await.unwrap_err();
    let Ok(place) = within(behind).await else {
        return;
    };
    let entries = scan_all(wal.as_ref(), ScanOption::earliest()).await;
    let told = entries.iter().filter_map(|it| it.message());
    let found: Vec<_> = told.filter(|it| it.place == place).collect();
    assert_eq!(found[0].message, message("behind"));
}

#[tokio::test]
async fn nobody_waits_for_ever_where_the_backend_panics_while_it_is_written_again() {
    let (wal, faults) = open().await;
    faults.unknown_next(false);
    let texts = ["before", "panics", "behind"];
    let appends = texts.map(|text| wal.append(message(text)));
    for append in appends {
        let error = within(append).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    }
    assert!(!wal.availability().is_available());
}
