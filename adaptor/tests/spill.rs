//! What scans keep of open transactions: no more than they may, on a disk what is more, and nothing in the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;

use common::hand::{Hand, stored, stream};
use common::{scan_all, take};
use walx_core::{
    Bytes, Category, Delivery, End, Entry, ErrorKind, Limits, Lsn, PlacedMessage, Result,
    ScanOption,
};

#[tokio::test]
async fn what_is_kept_beyond_the_limit_ends_the_scan_and_says_what_helps() {
    let mut hand = Hand::new();
    let id = hand.begin(None);
    for _ in 0..100 {
        hand.body(id, &"x".repeat(100));
    }
    hand.plain("plain", None);
    hand.chunks(None, &"y".repeat(20_000), None, 4, 4);
    let stored = stored(&hand).await;
    let option = ScanOption::earliest().with_transaction_buffer_bytes(10_000);
    let error = stored.error(option.clone()).await;
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let text = error.to_string();
    for part in [
        "transaction: 0",
        "transaction_buffer_bytes",
        "bytes: ",
        "spill",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    // Message by message nothing is kept of transactions, but chunks are.
    let raw = option.with_transactions(Delivery::Raw);
    let error = stored.error(raw.clone()).await;
    assert!(error.to_string().contains("lsn: 101"), "{error}");
    let others = raw.with_transaction_buffer_bytes(100_000);
    assert_eq!(stored.shown(others).await.len(), 103);
}

#[tokio::test]
async fn what_is_spilled_comes_back_the_same_and_leaves_no_file() {
    let mut hand = Hand::new();
    let (large, small) = (hand.begin(stream("a")), hand.begin(None));
    for i in 0..300_usize {
        let text = format!("{i}-{}", "x".repeat(i));
        hand.chunks(
            Some(large),
            &text,
            stream("a"),
            1 + i as u32 % 3,
            1 + i as u32 % 3,
        );
        if i % 100 == 0 {
            hand.body(small, &format!("small {i}"));
        }
    }
    hand.commit(small);
    hand.commit(large);
    hand.plain("last", None);
    let stored = stored(&hand).await;
    let expected = scan_all(stored.reader.as_ref(), ScanOption::earliest()).await;
    let directory = tempfile::tempdir().unwrap();
    for bytes in [0, 5_000, 50_000] {
        let option = ScanOption::earliest()
            .with_transaction_buffer_bytes(bytes)
            .with_spill(directory.path());
        let entries = match bytes {
            // A chunk has to be kept.
            0 => {
                let error = stored.error(option).await;
                assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
                continue;
            }
            _ => scan_all(stored.reader.as_ref(), option).await,
        };
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
        assert_eq!(entries, expected);
        for (seen, expected) in entries.iter().zip(&expected) {
            let (Entry::Transaction(seen), Entry::Transaction(expected)) = (seen, expected) else {
                continue;
            };
            let all = |it: &walx_core::PlacedTransaction| -> Vec<PlacedMessage> {
                it.messages().map(Result::unwrap).collect()
            };
            assert_eq!(all(seen), all(expected), "beyond {bytes} bytes");
        }
    }
    let missing = ScanOption::earliest()
        .with_transaction_buffer_bytes(5_000)
        .with_spill(directory.path().join("missing"));
    let error = stored.error(missing).await;
    assert!(error.to_string().contains("missing"), "{error}");
}

/// Bytes that tell when they are freed.
struct Told {
    _alive: Arc<()>,
}

impl AsRef<[u8]> for Told {
    fn as_ref(&self) -> &[u8] {
        &[7; 1000]
    }
}

#[tokio::test]
async fn a_scan_that_is_dropped_frees_what_it_kept() {
    let mut hand = Hand::new();
    let (id, told) = (hand.begin(None), Arc::new(()));
    for _ in 0..10 {
        hand.body(id, "x");
        let record = hand.records.last_mut().unwrap();
        record.payload = Bytes::from_owner(Told {
            _alive: Arc::clone(&told),
        });
    }
    hand.plain("plain", None);
    hand.plain("last", None);
    let stored = stored(&hand).await;
    drop(hand);
    // An end that is not reached: the scan reads from the backend, and waits there.
    let option = ScanOption::earliest().until(End::Lsn(Lsn::new(1_000)));
    let mut scanner = stored.reader.scan(option).await.unwrap();
    take(&mut scanner, 2).await;
    let last = stored.ids[stored.ids.len() - 2];
    stored.writer.wal.truncate(last).await.unwrap();
    assert_eq!(Arc::strong_count(&told), 11, "the scan keeps the messages");
    drop(scanner);
    assert_eq!(Arc::strong_count(&told), 1);
}

#[tokio::test]
async fn what_is_no_longer_kept_no_longer_counts_against_the_limit_of_all_scans() {
    let mut hand = Hand::new();
    let open = hand.begin(None);
    hand.body(open, "x");
    hand.plain("first", None);
    hand.body(open, "y");
    hand.rollback(open);
    let lost = hand.begin(None);
    hand.body(lost, "z");
    hand.plain("second", None);
    hand.commit(lost);
    hand.records.pop();
    hand.plain("third", None);
    let last = hand.begin(None);
    hand.body(last, "open at the end");
    let stored = stored(&hand).await;
    let limits = Limits::new();
    let option = stored.rig.option().with_limits(limits.clone());
    let reader = stored.rig.opener.open_read_only(option).await.unwrap();
    let option = ScanOption::earliest().until(End::Tail);
    let mut scanner = reader.scan(option).await.unwrap();
    let mut used = Vec::new();
    loop {
        let batch = scanner.next_batch(1).await.unwrap();
        used.push(limits.used(Category::Transactions) > 0);
        if batch.is_empty() {
            break;
        }
    }
    // Behind "first" and "second" there is something; at the hole, behind "third" and at the end there is nothing.
    assert_eq!(used, [true, true, false, false, false]);
}
