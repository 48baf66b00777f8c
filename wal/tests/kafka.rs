//! What scanners and channels cost on Kafka: `WALX_KAFKA` names the broker, as `scripts/servers env` says.
//!
//! Each client of librdkafka has one thread that is called `rdk:main`, and only a client can fetch anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test ends with them, and prints its figures"
)]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;
use walx::{Entry, ErrorKind, Message, OpenOption, Opener, RoWal, ScanOption, Scanner, Wal};
use walx_testkit::server;
use walx_utility::{clock, random, spawn};

const SCANNERS: usize = 64;
const CHANNELS: usize = 256;
const MESSAGES: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_scanners_and_channels_cost_is_bounded() {
    let Some(brokers) = server("WALX_KAFKA") else {
        return;
    };
    // One after the other: all of them count the threads of this process.
    tailing_scanners_cost_their_owner_no_fetch_and_readers_one(&brokers).await;
    many_channels_are_bounded_by_one_setting(&brokers).await;
}

async fn tailing_scanners_cost_their_owner_no_fetch_and_readers_one(brokers: &str) {
    let store = store(brokers, "").await;
    let wal = store.open(channel("tail")).await.unwrap();
    let readers = self::store(brokers, "").await;
    let reader = readers.open_read_only(channel("tail")).await.unwrap();
    wal.append(Message::new("first")).await.unwrap();
    // What an open needs once, and what looks keep for the next one, is there now.
    let before = settled().await;

    let owned = tail(&*wal).await;
    let with_owned = follow(&wal, owned).await;
    println!(
        "{SCANNERS} tailing scanners of the owner: {before} clients before, {with_owned} with them"
    );
    assert_eq!(with_owned, before, "the owner's scanners fetch nothing");

    let read = tail(&*reader).await;
    let with_read = follow(&wal, read).await;
    println!(
        "{SCANNERS} tailing scanners of a reader: {before} clients before, {with_read} with them"
    );
    // Two clients at most stay for the next look, and fetch nothing meanwhile.
    assert!(with_read <= before + 1 + 2, "they share one fetcher");
    wal.close().await.unwrap();
    reader.close().await.unwrap();
    store.close().await.unwrap();
    readers.close().await.unwrap();
}

async fn tail(wal: &dyn RoWal) -> Vec<Box<dyn Scanner>> {
    let mut scanners = Vec::new();
    for _ in 0..SCANNERS {
        scanners.push(wal.scan(ScanOption::latest()).await.unwrap());
    }
    scanners
}

/// Every scanner gets everything that is appended now; how many clients there are while all of them wait for more.
async fn follow(wal: &Arc<dyn Wal>, scanners: Vec<Box<dyn Scanner>>) -> usize {
    let following: Vec<_> = scanners
        .into_iter()
        .map(|mut scanner| {
            spawn::task(async move {
                let mut seen = 0;
                while seen < MESSAGES {
                    let batch = scanner.next_batch(64).await.unwrap();
                    assert!(batch.iter().all(|it| matches!(it, Entry::Message(_))));
                    seen += batch.len();
                }
            })
        })
        .collect();
    append(wal, MESSAGES / 2).await;
    let clients = settled().await;
    append(wal, MESSAGES / 2).await;
    for follower in following {
        let followed = timeout(Duration::from_secs(30), follower).await;
        followed.unwrap().unwrap();
    }
    clients
}

async fn append(wal: &Arc<dyn Wal>, count: usize) {
    for i in 0..count {
        wal.append(Message::new(format!("{i}"))).await.unwrap();
    }
}

async fn many_channels_are_bounded_by_one_setting(brokers: &str) {
    let store = store(
        brokers,
        &format!("?timeout=30s&max_clients={}", CHANNELS + 16),
    )
    .await;
    let (threads, memory, begin) = (status("Threads:"), status("VmRSS:"), clock::now());
    let at_a_time = Arc::new(Semaphore::new(16));
    let opens: Vec<_> = (0..CHANNELS)
        .map(|i| {
            let (store, at_a_time) = (Arc::clone(&store), Arc::clone(&at_a_time));
            spawn::task(async move {
                let _turn = at_a_time.acquire().await.unwrap();
                open(&*store, &format!("many-{i}")).await
            })
        })
        .collect();
    let mut wals = Vec::new();
    for open in opens {
        wals.push(open.await.unwrap());
    }
    let opened = begin.elapsed();
    for wal in &wals {
        wal.append(Message::new("there")).await.unwrap();
    }
    println!(
        "{CHANNELS} channels: opened in {opened:.1?}, {} threads, {} KiB of memory more than before",
        status("Threads:") - threads,
        status("VmRSS:") - memory,
    );
    // 16 are left, of which looks keep some.
    let mut refused = None;
    for i in 0..=16 {
        match store.open(channel(&format!("more-{i}"))).await {
            Ok(wal) => wals.push(wal),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let refused = refused.expect("max_clients bounds what a store may have");
    assert!(
        matches!(refused.kind(), ErrorKind::Overloaded { .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("max_clients"), "{refused}");
    let closing: Vec<_> = wals
        .into_iter()
        .map(|wal| spawn::task(async move { wal.close().await }))
        .collect();
    for close in closing {
        close.await.unwrap().unwrap();
    }
    store.close().await.unwrap();
}

/// More at a time than clients are allowed is told as such, and tried again.
async fn open(store: &dyn Opener, name: &str) -> Arc<dyn Wal> {
    loop {
        match store.open(channel(name)).await {
            Ok(wal) => return wal,
            Err(error) => match error.kind() {
                ErrorKind::Overloaded { .. } => clock::sleep(Duration::from_millis(100)).await,
                _ => panic!("{error}"),
            },
        }
    }
}

/// A store of its own, below a prefix that nobody else has.
async fn store(brokers: &str, options: &str) -> Arc<dyn Opener> {
    static PREFIX: OnceLock<u64> = OnceLock::new();
    let prefix = PREFIX.get_or_init(random::number);
    let uri = format!("kafka://{brokers}/cost-{prefix:016x}-{options}");
    walx::store(&uri).await.unwrap()
}

fn channel(name: &str) -> OpenOption {
    OpenOption::try_from(name).unwrap()
}

/// How many clients there are once those that are being ended are gone.
async fn settled() -> usize {
    let mut before = clients();
    let mut same = 0;
    while same < 10 {
        clock::sleep(Duration::from_millis(200)).await;
        let now = clients();
        same = if now == before { same + 1 } else { 0 };
        before = now;
    }
    before
}

fn clients() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.trim() == "rdk:main").count()
}

fn status(key: &str) -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
