//! A record that lies in the log twice, as a copy that a storage's own retry leaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use common::{Rig, message, numbers, scan_all, texts, within};
use walx_core::{Lsn, ScanOption};
use walx_impls::{Batch, Claim, Scanned, Start};

/// Writes the newest record once more, at a place of its own.
async fn copy_newest(rig: &Rig) {
    let backend = rig.store.opener();
    let wal = within(backend.open(&rig.channel, Claim::TakeOver))
        .await
        .unwrap();
    let mut scanner = wal.scan(Start::Last(1), Default::default()).await.unwrap();
    let batch = within(std::future::poll_fn(|it| scanner.poll_batch(it)))
        .await
        .unwrap();
    let Some(Scanned::Record(newest)) = batch.last() else {
        panic!("no record: {batch:?}")
    };
    wal.append(Batch::One(newest.record.clone())).await.unwrap();
    wal.close().await.unwrap();
}

#[tokio::test]
async fn an_owner_opens_a_log_that_ends_with_copies_and_goes_on_behind_them() {
    let rig = Rig::new();
    let mut expected = 0;
    for _ in 0..3 {
        let wal = within(rig.opener.open(rig.option().with_take_over(true)))
            .await
            .unwrap();
        for _ in 0..2 {
            let place = within(wal.append(message(expected))).await.unwrap();
            assert_eq!(place.lsn, Lsn::new(expected));
            expected += 1;
        }
        drop(wal);
        copy_newest(&rig).await;
        copy_newest(&rig).await;
    }
    let wal = within(rig.opener.open(rig.option().with_take_over(true)))
        .await
        .unwrap();
    assert_eq!(wal.tail().await.unwrap().lsn, Lsn::new(expected));
    let seen = texts(&scan_all(&*wal, ScanOption::earliest()).await);
    assert_eq!(seen, numbers(0..usize::try_from(expected).unwrap()));
}
