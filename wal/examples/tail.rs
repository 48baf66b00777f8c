//! Catch up with a log, follow it, and be told of every hole:
//! `cargo run -p walx --example tail -- file:./data`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use walx::{Entry, GapReason, LostPolicy, Lsn, Message, Position, ScanOption};

#[tokio::main]
async fn main() -> walx::Result<()> {
    let store = std::env::args().nth(1);
    let store = store.as_deref().unwrap_or("memory:");
    let wal = walx::open(store, "orders").await?;
    let mut places = Vec::new();
    for payload in ["paid", "packed", "shipped"] {
        places.push(wal.append(Message::new(payload)).await?);
    }
    // Nobody needs the first message any more.
    wal.truncate(places[0].id).await?;

    // A start that is no longer kept is an error, unless the reader asks for a gap in its place.
    let from = ScanOption::new(Position::Lsn(places[0].lsn)).on_lost(LostPolicy::Gap);
    // Without an end a scan follows the log: first what is there, then what comes.
    let mut scanner = wal.scan(from).await?;
    let appended = wal.append(Message::new("delivered"));

    let (mut gaps, mut seen) = (0, Vec::new());
    while seen.last() != Some(&"delivered".to_owned()) {
        for entry in scanner.next_batch(100).await? {
            match entry {
                Entry::Message(it) => {
                    println!("{}: {:?}", it.place.lsn, it.message.payload);
                    seen.push(String::from_utf8_lossy(&it.message.payload).into_owned());
                }
                Entry::Gap(gap) => {
                    println!("a hole: {gap}");
                    assert_eq!(gap.reason, GapReason::Truncated);
                    gaps += 1;
                }
                // Kinds of later versions.
                other => println!("unknown: {other:?}"),
            }
        }
    }
    assert_eq!(
        (gaps, seen),
        (
            1,
            vec!["packed".into(), "shipped".into(), "delivered".into()]
        )
    );
    println!("at the tail, from {:?}", scanner.mode());
    assert!(appended.await?.lsn > Lsn::new(2));
    wal.close().await
}
