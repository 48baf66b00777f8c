//! walx without an async runtime: `cargo run -p walx --example blocking -- file:./data`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use walx::{End, Entry, Message, ScanOption, blocking};

const THREADS: usize = 4;

fn main() -> walx::Result<()> {
    let store = std::env::args().nth(1);
    let store = store.as_deref().unwrap_or("memory:");
    let wal = blocking::open(store, "orders")?;

    // The call takes the place in the order; the wait comes whenever it suits, and in any order.
    let paid = wal.append(Message::new("paid"));
    let shipped = wal.append(Message::new("shipped"));
    println!("shipped is durable at lsn {}", shipped.wait()?.lsn);
    println!("paid is durable at lsn {}", paid.wait()?.lsn);

    // Threads share one handle, and share each sync of the disk.
    let mut tail = wal.scan(ScanOption::latest())?;
    std::thread::scope(|scope| {
        for i in 0..THREADS {
            let wal = wal.clone();
            scope.spawn(move || {
                let commit = wal.append(Message::new(format!("commit {i}"))).wait();
                println!("thread {i}: {:?}", commit.map(|place| place.lsn));
            });
        }
    });

    // A follower waits no longer than it wants to.
    let mut followed = 0;
    while let Some(batch) = tail.next_batch_timeout(100, Duration::from_millis(50))? {
        followed += batch.len();
    }
    println!("followed {followed} messages, then nothing came for 50 ms");
    assert_eq!(followed, THREADS);

    // A scan is an iterator.
    let mut messages = 0;
    for entry in wal.scan(ScanOption::earliest().until(End::Tail))? {
        match entry? {
            Entry::Message(_) => messages += 1,
            other => println!("a hole: {other:?}"),
        }
    }
    assert_eq!(messages, 2 + THREADS);
    wal.close()
}
