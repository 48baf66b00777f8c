//! A backend of one's own, registered, and opened by its name like any other:
//! `cargo run -p walx --example custom_backend`. The backend itself is `toy/mod.rs`.

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

mod toy;

use std::sync::Arc;

use walx::{End, ErrorKind, Lsn, Message, OpenOption, ScanOption};

#[tokio::main]
async fn main() -> walx::Result<()> {
    walx::register_backend(Arc::new(toy::Toy::default()))?;
    println!("backends: {:?}", walx::builder_names());

    // What walx adds is there: owners, numbers, the cache, scanners, the order of the calls.
    let first = walx::open("toy:", "orders").await?;
    let (paid, shipped) = (first.append("paid".into()), first.append("shipped".into()));
    assert_eq!(shipped.await?.lsn, Lsn::new(1));
    println!("paid at {}", paid.await?.id);

    // A second owner has to be asked for; from then on the first one is powerless, by the backend's epoch.
    let refused = walx::open("toy:", "orders").await.err();
    assert_eq!(refused.map(|it| it.kind()), Some(ErrorKind::Conflict));
    let option = OpenOption::try_from("orders")?.with_take_over(true);
    let second = walx::open("toy:", option).await?;
    let late = first.append(Message::new("too late")).await.err();
    assert_eq!(late.map(|it| it.kind()), Some(ErrorKind::Fenced));
    second.append(Message::new("delivered")).await?;

    let all = ScanOption::earliest().until(End::Tail);
    let mut scanner = second.scan(all).await?;
    let entries = scanner.next_batch(10).await?;
    let payloads: Vec<_> = entries.iter().filter_map(|it| it.message()).collect();
    let payloads: Vec<_> = payloads.iter().map(|it| &it.message.payload[..]).collect();
    assert_eq!(payloads, [&b"paid"[..], b"shipped", b"delivered"]);
    println!("owner {} reads {} messages", second.owner(), payloads.len());
    second.close().await
}
