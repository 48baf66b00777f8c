//! Appends that may be tried again, also by another process, and are written once:
//! `cargo run -p walx --example exactly_once -- file:./data`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use walx::{ErrorKind, IdempotencyOption, Message, OpenOption, Opener, Place, Wal};

#[tokio::main]
async fn main() -> walx::Result<()> {
    let store = std::env::args().nth(1);
    let store = walx::store(store.as_deref().unwrap_or("memory:")).await?;
    let wal = open(&store).await?;

    // The key names the payment, not the try: whoever tries again uses the same one.
    let first = pay(&wal, "payment-4711").await?;
    let again = pay(&wal, "payment-4711").await?;
    assert_eq!(first, again);

    // This process ends, and has forgotten whether it paid. The log knows.
    wal.close().await?;
    let wal = open(&store).await?;
    let once_more = pay(&wal, "payment-4711").await?;
    println!(
        "paid once, at lsn {}, by owner {}",
        once_more.lsn, once_more.owner
    );
    assert_eq!(first, once_more);

    let other = pay(&wal, "payment-4712").await?;
    assert_eq!(other.lsn, first.lsn.next());
    store.close().await
}

/// Keys are remembered for the newest 64 MiB of the channel, and for an hour.
async fn open(store: &Arc<dyn Opener>) -> walx::Result<Arc<dyn Wal>> {
    let window = IdempotencyOption::new(64 << 20, Duration::from_secs(3_600));
    let option = OpenOption::try_from("payments")?.with_idempotency(window);
    store.open(option).await
}

/// Tries until it is known whether it is written.
async fn pay(wal: &Arc<dyn Wal>, key: &'static str) -> walx::Result<Place> {
    loop {
        let message = Message::new("pay 10").with_idempotency_key(key);
        match wal.append(message).await {
            Err(error) if error.kind() == ErrorKind::NotWritten => println!("again: {error}"),
            outcome => return outcome,
        }
    }
}
