//! Process each message exactly once, over restarts: `cargo run -p walx --example resume -- file:./data`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use walx::{End, Error, ErrorKind, Message, Position, ResumeToken, ScanOption};

/// What a reader keeps, in one transaction, beside its results: here a sum and the token of the last message in it.
#[derive(Default)]
struct Kept {
    sum: u64,
    token: Option<String>,
}

#[tokio::main]
async fn main() -> walx::Result<()> {
    let store = std::env::args().nth(1);
    let store = store.as_deref().unwrap_or("memory:resume");
    let wal = walx::open(store, "payments").await?;
    for amount in 1..=100 {
        wal.append(Message::new(amount.to_string())).await?;
    }

    // Each run stops somewhere; the next one knows nothing but what was kept.
    let mut kept = Kept::default();
    for stop_after in [1, 7, 30, usize::MAX] {
        run(store, &mut kept, stop_after).await?;
        println!("sum {} at {:?}", kept.sum, kept.token);
    }
    assert_eq!(kept.sum, (1..=100).sum::<u64>());

    // Later messages are found as well, and nothing comes twice.
    wal.append(Message::new("1000")).await?;
    run(store, &mut kept, usize::MAX).await?;
    assert_eq!(kept.sum, (1..=100).sum::<u64>() + 1000);
    wal.close().await
}

async fn run(store: &str, kept: &mut Kept, stop_after: usize) -> walx::Result<()> {
    let from = match &kept.token {
        Some(text) => Position::Resume(text.parse::<ResumeToken>()?),
        None => Position::Earliest,
    };
    let wal = walx::open_read_only(store, "payments").await?;
    let mut scanner = wal.scan(ScanOption::new(from).until(End::Tail)).await?;
    for _ in 0..stop_after {
        let entries = scanner.next_batch(1).await?;
        let Some(entry) = entries.first() else { break };
        let placed = entry.message().ok_or_else(|| bad("a hole in the log"))?;
        let amount = std::str::from_utf8(&placed.message.payload).map_err(|_| bad("no text"))?;
        kept.sum += amount.parse::<u64>().map_err(|_| bad("no amount"))?;
        kept.token = Some(placed.token().to_string());
    }
    wal.close().await
}

fn bad(what: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, what)
}
