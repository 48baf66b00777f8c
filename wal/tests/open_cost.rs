//! What an open reads of a long log in which a transaction was left open: a little of its end, however long it is.
//! `WALX_RECORDS=10000000` makes it longer.
#![cfg(all(feature = "file", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends with it, and prints its figure"
)]

use std::collections::VecDeque;

use walx::{Bytes, IdempotencyOption, Message, OpenOption, TransactionOption};

/// Bytes that this process has read by system calls, from the page cache too.
fn bytes_read() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|it| it.strip_prefix("rchar: "));
    line.unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_open_beside_an_open_transaction_reads_little_however_long_the_log_is() {
    let records = std::env::var("WALX_RECORDS").map_or(400_000, |it| it.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let uri = format!("file:{}?durability=os", dir.path().display());
    let store = walx::store(&uri).await.unwrap();
    let option = OpenOption::try_from("long").unwrap();
    let wal = store.open(option.clone()).await.unwrap();
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    let payload = Bytes::from_static(&[7; 128]);
    let mut appends = VecDeque::new();
    for _ in 0..records {
        if appends.len() == 1_024 {
            for append in appends.drain(..512) {
                let append: walx::Append = append;
                append.await.unwrap();
            }
        }
        appends.push_back(wal.append(Message::new(payload.clone())));
    }
    for append in appends {
        append.await.unwrap();
    }
    // As if the process were gone: the transaction stays open in the log.
    drop(wal);
    drop(transaction);
    store.close().await.unwrap();
    let store = walx::store(&uri).await.unwrap();
    let before = bytes_read();
    let wal = store.open(option.with_take_over(true)).await.unwrap();
    let read = bytes_read() - before;
    println!("an open of {records} records of 128 bytes and an open transaction read {read} bytes");
    assert!(read < 32 << 20, "{read}");
    // It found the transaction, and has rolled it back: the log's beginning may go.
    let last = wal.append(Message::new("last")).await.unwrap();
    wal.truncate(last.id).await.unwrap();
    let described = store.describe(&wal.channel().name).await.unwrap();
    assert_eq!(described.earliest, Some(last.lsn));
    // An owner that remembers keys reads as many bytes back as its window has.
    for i in 0..records / 4 {
        let append = wal.append(Message::new(payload.clone()).with_idempotency_key(i.to_string()));
        if i % 512 == 511 || i + 1 == records / 4 {
            append.await.unwrap();
        }
    }
    wal.close().await.unwrap();
    let before = bytes_read();
    let option = OpenOption::try_from("long").unwrap();
    let option = option.with_idempotency(IdempotencyOption::default());
    let wal = store.open(option).await.unwrap();
    let read = bytes_read() - before;
    println!("an open that looks for keys read {read} bytes");
    assert!((1 << 20..32 << 20).contains(&read), "{read}");
    let last = (records / 4 - 1).to_string();
    let known = Message::new("again").with_idempotency_key(last);
    let next = wal.tail().await.unwrap().lsn;
    assert!(wal.append(known).await.unwrap().lsn < next);
    wal.close().await.unwrap();
    store.close().await.unwrap();
}
