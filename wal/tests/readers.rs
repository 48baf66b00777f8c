//! Readers in other processes: how soon they have what is acknowledged, and that nothing they do touches the writer.
//! This test program starts itself again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test ends with them"
)]

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use walx::{Entry, LostPolicy, Message, MessageId, ScanOption, Wal};
use walx_utility::clock;

const STORE: &str = "WALX_TEST_STORE";
const CHANNEL: &str = "orders";

/// The other process: says of each entry when it has it.
#[tokio::test]
#[ignore = "the other tests start it, in a process of its own"]
async fn a_child_follows_the_log() {
    let store = std::env::var(STORE).expect("started by another test");
    let wal = walx::open_read_only(&store, CHANNEL).await.unwrap();
    let option = ScanOption::earliest().on_lost(LostPolicy::Gap);
    let mut scanner = wal.scan(option).await.unwrap();
    println!("\nready");
    loop {
        for entry in scanner.next_batch(100).await.unwrap() {
            match entry {
                Entry::Message(it) => println!("{} {}", it.place.lsn, nanos()),
                other => println!("gap {other:?}"),
            }
        }
    }
}

/// The wall clock, which both processes share.
fn nanos() -> u128 {
    clock::unix_time().as_nanos()
}

struct Reader {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    gaps: usize,
}

impl Reader {
    async fn start(store: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "a_child_follows_the_log",
                "--ignored",
                "--nocapture",
            ])
            .env(STORE, store)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let gaps = 0;
        let mut reader = Self { child, lines, gaps };
        while reader.line().await != "ready" {}
        reader
    }

    async fn line(&mut self) -> String {
        let line = clock::timeout(Duration::from_secs(30), self.lines.next_line());
        let line = line.await.expect("the reader says nothing");
        line.unwrap().expect("the reader ended")
    }

    /// Reads up to this lsn; when it was delivered.
    async fn until(&mut self, lsn: u64) -> u128 {
        loop {
            let line = self.line().await;
            let Some((seen, nanos)) = line.split_once(' ') else {
                continue;
            };
            if seen == "gap" {
                self.gaps += 1;
            } else if seen.parse() == Ok(lsn) {
                return nanos.parse().unwrap();
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().expect("it lives")).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }
}

/// Appends one message after the other; the last one's id.
async fn append(wal: &dyn Wal, count: usize, bytes: usize) -> MessageId {
    let mut last = None;
    for _ in 0..count {
        last = Some(
            wal.append(Message::new(vec![b'x'; bytes]))
                .await
                .unwrap()
                .id,
        );
    }
    last.unwrap()
}

fn segments(dir: &std::path::Path) -> usize {
    let names = std::fs::read_dir(dir).unwrap();
    let is_segment = |name: &std::ffi::OsStr| name.to_string_lossy().ends_with(".wal");
    names
        .filter(|it| is_segment(&it.as_ref().unwrap().file_name()))
        .count()
}

#[tokio::test]
async fn a_reader_in_another_process_has_an_acknowledged_message_within_5_ms() {
    let dir = tempfile::tempdir().unwrap();
    let store = format!("file:{}", dir.path().display());
    let wal = walx::open(&store, CHANNEL).await.unwrap();
    let mut reader = Reader::start(&store).await;
    let mut delays = Vec::new();
    for lsn in 0..200 {
        wal.append(Message::new("x")).await.unwrap();
        let acked = nanos();
        delays.push(reader.until(lsn).await.saturating_sub(acked));
    }
    delays.sort_unstable();
    let (median, worst) = (delays[100] / 1000, delays[199] / 1000);
    println!("acknowledged to delivered in another process: median {median} us, worst {worst} us");
    assert!(median <= 5_000, "median {median} us, worst {worst} us");
    wal.close().await.unwrap();
}

#[tokio::test]
async fn a_reader_that_is_stopped_or_killed_changes_nothing_for_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let store = format!("file:{}?segment=1MiB", dir.path().display());
    let wal = walx::open(&store, CHANNEL).await.unwrap();
    append(&*wal, 100, 8 << 10).await;
    let mut reader = Reader::start(&store).await;
    reader.until(50).await;

    // It stands in the first segment while the log goes on, and is truncated under it.
    reader.signal(Signal::STOP);
    let last = append(&*wal, 1000, 8 << 10).await;
    assert!(segments(dir.path()) > 5, "the log has several segments");
    wal.truncate(last).await.unwrap();
    assert!(
        segments(dir.path()) <= 2,
        "a stopped reader keeps no segment"
    );
    append(&*wal, 10, 8 << 10).await;

    // It wakes in a log that has moved on: the hole is told, and it goes on at the tail.
    reader.signal(Signal::CONT);
    reader.until(1109).await;
    assert_eq!(reader.gaps, 1, "what was truncated under it is told once");

    reader.signal(Signal::KILL);
    reader.child.wait().await.unwrap();
    append(&*wal, 10, 8 << 10).await;
    wal.close().await.unwrap();
    let wal = walx::open(&store, CHANNEL).await.unwrap();
    assert_eq!(wal.tail().await.unwrap().lsn.get(), 1120);
    wal.close().await.unwrap();
}
