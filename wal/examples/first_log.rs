//! Open a channel, append, scan it, follow it: `cargo run -p walx --example first_log -- file:./data`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use walx::{End, Entry, Message, ScanOption};

#[tokio::main]
async fn main() -> walx::Result<()> {
    let store = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "memory:".to_owned());
    let wal = walx::open(&store, "orders").await?;

    // Await one; or keep the handles: the order is the order of the calls.
    let paid = wal
        .append(Message::new("paid").with_property("order", "4711"))
        .await?;
    let handles: Vec<_> = ["packed", "shipped"]
        .map(|it| wal.append(Message::new(it)))
        .into();
    for handle in handles {
        println!("appended {}", handle.await?.id);
    }

    // A scan up to the tail, from the first message on.
    let mut scan = wal
        .scan(ScanOption::new(walx::Position::At(paid.id)).until(End::Tail))
        .await?;
    loop {
        let entries = scan.next_batch(100).await?;
        if entries.is_empty() {
            break;
        }
        for entry in entries {
            match entry {
                Entry::Message(it) => println!("{}: {:?}", it.place.lsn, it.message.payload),
                other => println!("a hole: {other:?}"),
            }
        }
    }

    // A scan without an end follows the log.
    let mut tail = wal.scan(ScanOption::latest()).await?;
    wal.append(Message::new("delivered")).await?;
    println!("followed: {:?}", tail.next_batch(1).await?);

    wal.close().await
}
