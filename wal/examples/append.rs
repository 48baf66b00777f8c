//! The ways to append, and what to do when one fails:
//! `cargo run -p walx --example append -- file:./data`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use walx::{Error, ErrorKind, Message};

#[tokio::main]
async fn main() -> walx::Result<()> {
    let store = std::env::args().nth(1);
    let store = store.as_deref().unwrap_or("memory:");
    let wal = walx::open(store, "orders").await?;

    // One, awaited: durable as the store is configured, together with everything before it.
    let message = Message::new("paid").with_property("order", "4711");
    let paid = wal.append(message).await?;
    println!("{} is durable at lsn {}", paid.id, paid.lsn);

    // Many on their way at a time, which is much faster: the order is the order of the calls.
    let on_their_way: Vec<_> = (0..1_000)
        .map(|i| wal.append(Message::new(format!("event {i}"))))
        .collect();
    let mut last = paid.lsn;
    for append in on_their_way {
        let place = append.await?;
        assert_eq!(place.lsn, last.next());
        last = place.lsn;
    }

    // Several at consecutive places, with nothing between them.
    let batch = vec![Message::new("packed"), Message::new("shipped")];
    let places = wal.append_batch(batch).await?;
    assert_eq!(places[1].lsn, places[0].lsn.next());

    // Room first, then an append that never waits for it; or the message back instead of waiting.
    let permit = wal.reserve(4096).await?;
    let delivered = permit.append(Message::new("delivered")).await?;
    match wal.try_append(Message::new("returned")) {
        Ok(append) => assert_eq!(append.await?.lsn, delivered.lsn.next()),
        Err(refused) => println!("no room for {:?} now: {refused}", refused.message),
    }

    wal.close().await?;
    match wal.append(Message::new("too late")).await {
        Ok(place) => panic!("a closed wal took a message: {place:?}"),
        Err(error) => println!("{error}: {}", what_to_do(&error)),
    }
    Ok(())
}

/// The kind of an error is a reaction.
fn what_to_do(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotWritten => "nothing was written: append it again",
        ErrorKind::OutcomeUnknown => "it may have been written: scan to find out",
        ErrorKind::Overloaded { .. } => "append it again later",
        ErrorKind::Fenced => "another owner has the channel: step back",
        ErrorKind::Closed | ErrorKind::Unavailable => "open the channel anew",
        _ => "correct the call",
    }
}
