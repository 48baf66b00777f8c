//! Messages that are there together or not at all, and appends on a condition:
//! `cargo run -p walx --example transaction -- file:./data`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use walx::{
    End, Entry, ErrorKind, Expected, Message, ScanOption, TransactionOption, VirtualChannel,
};

#[tokio::main]
async fn main() -> walx::Result<()> {
    let store = std::env::args().nth(1);
    let store = store.as_deref().unwrap_or("memory:");
    let wal = walx::open(store, "orders").await?;
    let start = wal.tail().await?.lsn;

    // Both bookings, or none. Other appends go on meanwhile, and may lie between them.
    let europe = VirtualChannel::new("eu")?;
    let option = TransactionOption::new().with_virtual_channel(europe.clone());
    let booking = wal.begin(option.clone())?;
    let debit = booking.append(Message::new("debit 10"));
    let beside = wal.append(Message::new("beside"));
    let credit = booking.append(Message::new("credit 10"));
    let committed = booking.commit().await?;
    println!("delivered at {}", committed.id);
    for append in [debit, beside, credit] {
        append.await?;
    }

    // Dropped without a commit, it is rolled back.
    let given_up = wal.begin(option)?;
    given_up.append(Message::new("never seen")).await?;
    drop(given_up);

    // Only where nothing else was appended since we looked.
    let seen = Expected::new().with_lsn(wal.tail().await?.lsn);
    wal.append_if(Message::new("balance 0"), seen).await?;
    match wal.append_if(Message::new("balance 5"), seen).await {
        Err(error) if error.kind() == ErrorKind::Conflict => println!("too late: {error}"),
        other => panic!("{other:?}"),
    }

    // A reader of one stream gets what is in it, and what is meant for all.
    let scan = ScanOption::new(walx::Position::Lsn(start))
        .with_virtual_channel(europe)
        .until(End::Tail);
    let mut seen = Vec::new();
    for entry in wal.scan(scan).await?.next_batch(100).await? {
        match entry {
            Entry::Transaction(it) => {
                for message in it.messages() {
                    seen.push(message?.message.payload);
                }
            }
            Entry::Message(it) => seen.push(it.message.payload),
            other => println!("{other:?}"),
        }
    }
    assert_eq!(seen, ["beside", "debit 10", "credit 10", "balance 0"]);
    wal.close().await
}
