//! A hook around each append and each scan of a wal: `cargo run -p walx --example interceptor -- file:./data`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use walx::{
    AppendContext, End, Error, ErrorKind, Interceptor, Message, OpenOption, Place, PlacedMessage,
};
use walx::{Position, Result, ScanContext, ScanOption};

/// Says which machine a message comes from, refuses empty ones, hides secrets from readers, and counts.
#[derive(Default)]
struct House {
    durable: AtomicU64,
}

impl Interceptor for House {
    fn name(&self) -> &'static str {
        "house"
    }

    fn before(&self, _: &AppendContext<'_>, message: &mut Message) -> Result<()> {
        if message.payload.is_empty() {
            let why = "an empty message says nothing: put something in";
            return Err(Error::new(ErrorKind::InvalidInput, why));
        }
        message.properties.push("host", "db-7");
        Ok(())
    }

    fn after(&self, _: &AppendContext<'_>, result: &Result<Place>) {
        self.durable
            .fetch_add(u64::from(result.is_ok()), Ordering::Relaxed);
    }

    fn scan(&self, _: &ScanContext<'_>, placed: &mut PlacedMessage) -> Result<()> {
        if placed.message.property("secret").is_some() {
            placed.message.payload = "***".into();
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let store = std::env::args().nth(1);
    let store = store.as_deref().unwrap_or("memory:");
    let house = Arc::new(House::default());
    let option = OpenOption::try_from("orders")?.with_interceptor(house.clone());
    let wal = walx::open(store, option).await?;
    let start = wal.tail().await?.lsn;

    wal.append(Message::new("paid")).await?;
    wal.append(Message::new("4711").with_property("secret", "yes"))
        .await?;
    let refused = wal.append(Message::new("")).await.err();
    println!("an empty message gets: {refused:?}");
    assert_eq!(refused.map(|it| it.kind()), Some(ErrorKind::InvalidInput));

    let scan = ScanOption::new(Position::Lsn(start)).until(End::Tail);
    let mut scanner = wal.scan(scan).await?;
    let entries = scanner.next_batch(10).await?;
    let messages: Vec<_> = entries.iter().filter_map(|it| it.message()).collect();
    for placed in &messages {
        println!("{}: {:?}", placed.place.lsn, placed.message);
        assert_eq!(placed.message.property("host"), Some(&b"db-7"[..]));
    }
    assert_eq!(
        (messages.len(), &messages[1].message.payload[..]),
        (2, &b"***"[..])
    );
    wal.close().await?;
    assert_eq!(house.durable.load(Ordering::Relaxed), 2);
    Ok(())
}
