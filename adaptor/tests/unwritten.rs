//! Transactions of which something never got into the log, or got there late.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::raw::{check, kinds, records};
use common::{Rig, message, scan_all, within};
use walx_core::{Entry, ErrorKind, Kind, ScanOption, TransactionOption, Wal};
use walx_utility::clock;

async fn narrow(rig: &Rig) -> Arc<dyn Wal> {
    let option = rig.option().with_max_in_flight_bytes(1);
    rig.opener.open(option).await.unwrap()
}

fn keepalive(seconds: u64) -> TransactionOption {
    TransactionOption::new().with_keepalive(Duration::from_secs(seconds))
}

#[tokio::test(start_paused = true)]
async fn a_transaction_whose_message_was_refused_expires_all_the_same() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let transaction = wal.begin(keepalive(2)).unwrap();
    rig.faults().fail_next(1, ErrorKind::TooLarge);
    let refused = within(transaction.append(message("a"))).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::TooLarge);
    clock::sleep(Duration::from_secs(20)).await;
    let raw = records(&rig.store, &rig.channel).await;
    assert_eq!(kinds(&raw), [Kind::Begin, Kind::Rollback]);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_was_written_again_at_smaller_seqs_expires() {
    let rig = Rig::new();
    let wal = rig.open().await;
    rig.faults().hold();
    rig.faults().fail_next(1, ErrorKind::TooLarge);
    let refused = wal.append(message("a"));
    let transaction = wal.begin(keepalive(2)).unwrap();
    let body = transaction.append(message("b"));
    rig.faults().release_all();
    assert!(within(refused).await.is_err());
    within(body).await.unwrap();
    clock::sleep(Duration::from_secs(20)).await;
    let raw = records(&rig.store, &rig.channel).await;
    assert_eq!(kinds(&raw), [Kind::Begin, Kind::Data, Kind::Rollback]);
    check(&raw);
}

#[tokio::test(start_paused = true)]
async fn the_time_in_the_queue_does_not_count_for_the_keepalive() {
    let rig = Rig::new();
    let wal = narrow(&rig).await;
    rig.faults().hold();
    let first = wal.append(message("a"));
    let transaction = wal.begin(keepalive(5)).unwrap();
    let body = transaction.append(message("b"));
    clock::sleep(Duration::from_secs(20)).await;
    rig.faults().release_all();
    within(first).await.unwrap();
    within(body).await.unwrap();
    clock::sleep(Duration::from_secs(2)).await;
    transaction.keep_alive().unwrap();
    within(transaction.commit()).await.unwrap();
    let raw = records(&rig.store, &rig.channel).await;
    assert_eq!(check(&raw), [["a"], ["b"]]);
}

#[tokio::test]
async fn a_transaction_is_not_committed_without_a_message_that_was_given_up_in_the_queue() {
    for begin_waits in [false, true] {
        let rig = Rig::new();
        let wal = narrow(&rig).await;
        rig.faults().hold();
        let first = begin_waits.then(|| wal.append(message("a")));
        let transaction = wal.begin(TransactionOption::new()).unwrap();
        let kept = transaction.append(message("b"));
        transaction.keep_alive().unwrap();
        drop(transaction.append(message("c")));
        let error = transaction.keep_alive().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotWritten);
        let commit = transaction.commit();
        rig.faults().release_all();
        if let Some(first) = first {
            within(first).await.unwrap();
        }
        let _ = within(kept).await;
        let error = within(commit).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotWritten);
        within(wal.append(message("d"))).await.unwrap();
        let delivered = check(&records(&rig.store, &rig.channel).await);
        assert_eq!(delivered.last().unwrap(), &["d"]);
        assert_eq!(delivered.len(), 1 + usize::from(begin_waits));
    }
}

#[tokio::test]
async fn a_transaction_is_not_committed_without_a_message_that_was_not_admitted() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    within(transaction.append(message("a"))).await.unwrap();
    let long = message("b").with_idempotency_key("k".repeat(70_000));
    assert!(within(transaction.append(long)).await.is_err());
    let error = within(transaction.commit()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotWritten);
    assert!(check(&records(&rig.store, &rig.channel).await).is_empty());
}

#[tokio::test]
async fn a_truncation_keeps_the_begin_of_a_transaction_whose_commit_is_on_its_way() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    within(transaction.append(message("a"))).await.unwrap();
    let between = within(wal.append(message("b"))).await.unwrap();
    rig.faults().hold();
    let commit = transaction.commit();
    within(wal.truncate(between.id)).await.unwrap();
    rig.faults().release_all();
    within(commit).await.unwrap();
    let entries = scan_all(wal.as_ref(), ScanOption::earliest()).await;
    let whole = entries
        .iter()
        .filter(|it| matches!(it, Entry::Transaction(it) if it.count() == 1));
    assert_eq!(whole.count(), 1, "{entries:?}");
    // Nothing holds it any more.
    within(wal.truncate(between.id)).await.unwrap();
    let raw = records(&rig.store, &rig.channel).await;
    assert_eq!(kinds(&raw), [Kind::Commit]);
}
