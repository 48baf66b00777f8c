//! A scan allocates nothing for each message, also while transactions are open.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use common::Rig;
use walx_core::{Bytes, End, Message, ScanMode, ScanOption, TransactionOption};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const MESSAGES: usize = 20_000;
const BATCH: usize = 1_000;

#[tokio::test]
async fn a_message_beside_open_transactions_is_delivered_without_an_allocation() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    let body = transaction.append(Message::new("kept"));
    body.await.unwrap();
    let mut appends = Vec::new();
    for _ in 0..MESSAGES {
        appends.push(wal.append(Message::new(Bytes::from_static(b"payload"))));
    }
    for append in appends {
        append.await.unwrap();
    }
    let option = ScanOption::earliest().until(End::Tail);
    let mut scanner = wal.scan(option).await.unwrap();
    assert_eq!(scanner.mode(), ScanMode::Tailing);
    let _profiler = dhat::Profiler::builder().testing().build();
    let before = dhat::HeapStats::get().total_blocks;
    let mut seen = 0;
    while seen < MESSAGES {
        seen += scanner.next_batch(BATCH).await.unwrap().len();
    }
    let blocks = dhat::HeapStats::get().total_blocks - before;
    assert!(
        blocks < MESSAGES as u64 / 20,
        "{blocks} allocations for {seen} messages"
    );
}
