//! Follow the log of another process: `cargo run -p walx --example read_another_process -- file:./data`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::io::Read;
use std::process::{Child, Command, Stdio};

use walx::{Entry, Error, ErrorKind, Message, ScanOption};

const MESSAGES: u64 = 200;

#[tokio::main]
async fn main() -> walx::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let Some(store) = arguments.first().filter(|it| it.starts_with("file:")) else {
        println!("needs a store that processes share, such as file:./data");
        std::process::exit(2);
    };
    if arguments.len() > 1 {
        return write(store).await;
    }
    // The channel must be there before anybody can read it.
    walx::open(store, "orders").await?.close().await?;
    let mut writer = start(store)?;

    // Any number of processes may read; none of them slows the writer down.
    let wal = walx::open_read_only(store, "orders").await?;
    let mut scanner = wal.scan(ScanOption::earliest()).await?;
    let mut next = 0;
    while next < MESSAGES {
        for entry in scanner.next_batch(100).await? {
            let Entry::Message(placed) = entry else {
                panic!("a hole: {entry:?}")
            };
            assert_eq!(placed.message.payload, next.to_string());
            next += 1;
        }
    }
    println!("read {next} messages of process {}", writer.id());

    // The writer lives as long as its input is open, and owns the store as long as it lives.
    let refused = walx::open(store, "orders").await.err();
    println!("a second writer gets: {refused:?}");
    assert_eq!(refused.map(|it| it.kind()), Some(ErrorKind::Conflict));
    drop(writer.stdin.take());
    assert!(writer.wait().is_ok_and(|status| status.success()));
    wal.close().await
}

/// This program again, as the writer.
fn start(store: &str) -> walx::Result<Child> {
    let program = std::env::current_exe();
    let child = program.and_then(|it| {
        let mut command = Command::new(it);
        command.args([store, "write"]).stdin(Stdio::piped()).spawn()
    });
    child.map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the writer does not start").with_source(error)
    })
}

async fn write(store: &str) -> walx::Result<()> {
    let wal = walx::open(store, "orders").await?;
    for i in 0..MESSAGES {
        wal.append(Message::new(i.to_string())).await?;
    }
    // Lives on until the other process has read everything, or has ended.
    let _ = std::io::stdin().read(&mut [0]);
    wal.close().await
}
