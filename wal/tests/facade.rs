//! The facade, end to end, on the file backend.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use walx::{Config, End, Entry, ErrorKind, Message, OpenOption, Position, ScanOption};
use walx_utility::{clock, spawn};

fn store(dir: &tempfile::TempDir) -> String {
    format!("file:{}", dir.path().display())
}

async fn payloads(wal: &(impl walx::RoWal + ?Sized), option: ScanOption) -> Vec<String> {
    let mut scanner = wal.scan(option.until(End::Tail)).await.unwrap();
    let mut all = Vec::new();
    loop {
        let batch = scanner.next_batch(64).await.unwrap();
        if batch.is_empty() {
            return all;
        }
        for entry in batch {
            let Entry::Message(placed) = entry else {
                panic!("{entry:?}")
            };
            all.push(String::from_utf8(placed.message.payload.to_vec()).unwrap());
        }
    }
}

#[tokio::test]
async fn one_line_and_the_long_way_open_the_same_log() {
    let dir = tempfile::tempdir().unwrap();
    let wal = walx::open(&store(&dir), "orders").await.unwrap();
    wal.append(Message::new("0")).await.unwrap();
    wal.close().await.unwrap();

    let config = Config::new().with("path", dir.path().to_str().unwrap());
    let opener = walx::must_get_builder("file").build(config).await.unwrap();
    let option = OpenOption::try_from("orders").unwrap();
    let wal = opener.open(option.clone()).await.unwrap();
    assert_eq!(wal.append(Message::new("1")).await.unwrap().lsn.get(), 1);
    assert_eq!(
        payloads(wal.as_ref(), ScanOption::earliest()).await,
        ["0", "1"]
    );
    opener.close().await.unwrap();

    let reader = walx::open_read_only(&store(&dir), "orders").await.unwrap();
    assert_eq!(
        payloads(reader.as_ref(), ScanOption::earliest()).await,
        ["0", "1"]
    );
    reader.close().await.unwrap();
}

#[tokio::test]
async fn a_wrong_store_is_explained() {
    let text = |store: &'static str| async move {
        walx::store(store)
            .await
            .map(|_| ())
            .unwrap_err()
            .to_string()
    };
    let unknown = text("kafcka:orders").await;
    let known: Vec<_> = walx::builder_names()
        .iter()
        .map(|it| it.to_string())
        .collect();
    let known = format!("known are: {};", known.join(", "));
    assert!(unknown.contains(&known), "{unknown}");
    assert!(text("./data").await.contains("file:./data"));
    let key = text("file:./data?colour=red").await;
    assert!(
        key.contains("colour") && key.contains("durability"),
        "{key}"
    );
    let value = text("file:./data?durability=sometimes").await;
    assert!(
        value.contains("sometimes") && value.contains("interval"),
        "{value}"
    );
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict() {
    walx::install_default();
    let taken = walx::register_backend(Arc::new(walx::file::FileBuilder));
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::Conflict);
    let all = ["file", "kafka", "memory"].into_iter();
    let built: Vec<_> = all
        .filter(|it| *it != "kafka" || cfg!(feature = "kafka"))
        .collect();
    let known = walx::builder_names();
    assert!(built.iter().copied().eq(known.iter().map(|it| it.as_str())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_owner_in_the_process_is_a_conflict_until_the_first_one_ends() {
    let dir = tempfile::tempdir().unwrap();
    let first = walx::open(&store(&dir), "orders").await.unwrap();
    let other = walx::open(&store(&dir), "payments").await.unwrap();
    let error = walx::open(&store(&dir), "orders")
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(
        error.to_string().contains(&std::process::id().to_string()),
        "{error}"
    );
    first.append(Message::new("x")).await.unwrap();
    drop(first);
    // A dropped owner's handle goes once its commit driver has ended.
    let deadline = clock::now() + Duration::from_secs(10);
    let second = loop {
        match walx::open(&store(&dir), "orders").await {
            Ok(wal) => break wal,
            Err(error) if clock::now() < deadline => {
                assert_eq!(error.kind(), ErrorKind::Conflict);
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(second.append(Message::new("y")).await.unwrap().lsn.get(), 1);
    other.append(Message::new("z")).await.unwrap();
    other.close().await.unwrap();
    second.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_channels_share_a_store_and_keep_their_own_order() {
    let dir = tempfile::tempdir().unwrap();
    let opener = walx::store(&store(&dir)).await.unwrap();
    let mut tasks = Vec::new();
    for channel in 0..8 {
        let opener = Arc::clone(&opener);
        tasks.push(spawn::task(async move {
            let name = format!("channel-{channel}");
            let wal = opener
                .open(OpenOption::try_from(name.as_str()).unwrap())
                .await
                .unwrap();
            let handles: Vec<_> = (0..200)
                .map(|i| wal.append(Message::new(i.to_string())))
                .collect();
            for (i, handle) in handles.into_iter().enumerate() {
                assert_eq!(handle.await.unwrap().lsn.get(), i as u64);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    opener.close().await.unwrap();
    let opener = walx::store(&store(&dir)).await.unwrap();
    assert_eq!(opener.list().await.unwrap().len(), 8);
    let expected: Vec<_> = (0..200).map(|i| i.to_string()).collect();
    for channel in opener.list().await.unwrap() {
        let wal = opener
            .open_read_only(OpenOption::new(channel))
            .await
            .unwrap();
        assert_eq!(
            payloads(wal.as_ref(), ScanOption::earliest()).await,
            expected
        );
        assert_eq!(
            payloads(wal.as_ref(), ScanOption::new(Position::Last(3))).await,
            expected[197..]
        );
    }
    opener.close().await.unwrap();
}

/// The median time from an acknowledgement to the delivery by a tailing scanner of the writer's process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tailing_scanner_has_an_entry_within_a_millisecond_of_its_acknowledgement() {
    let dir = tempfile::tempdir().unwrap();
    let wal = walx::open(&store(&dir), "orders").await.unwrap();
    let mut scanner = wal.scan(ScanOption::latest()).await.unwrap();
    let base = clock::now();
    let delivered = Arc::new(AtomicU64::new(0));
    let told = Arc::clone(&delivered);
    let reader = spawn::task(async move {
        for _ in 0..200 {
            scanner.next_batch(1).await.unwrap();
            told.store(base.elapsed().as_micros() as u64, Ordering::Release);
        }
    });
    let mut latencies = Vec::new();
    for i in 0..200 {
        let before = delivered.load(Ordering::Acquire);
        wal.append(Message::new(i.to_string())).await.unwrap();
        let acknowledged = base.elapsed().as_micros() as u64;
        while delivered.load(Ordering::Acquire) == before {
            tokio::task::yield_now().await;
        }
        latencies.push(
            delivered
                .load(Ordering::Acquire)
                .saturating_sub(acknowledged),
        );
    }
    reader.await.unwrap();
    latencies.sort_unstable();
    assert!(latencies[100] < 1000, "median {} us", latencies[100]);
    wal.close().await.unwrap();
}

#[tokio::test]
async fn dropping_everything_frees_the_store_for_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let wal = walx::open(&store(&dir), "orders").await.unwrap();
    let handle = wal.append(Message::new("x"));
    drop(wal);
    handle.await.unwrap();
    let deadline = clock::now() + Duration::from_secs(10);
    loop {
        // Another process would take the same lock.
        let lock = std::fs::File::open(dir.path().join("LOCK")).unwrap();
        if rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok() {
            break;
        }
        assert!(
            clock::now() < deadline,
            "the lock is held by nobody's handle"
        );
        tokio::task::yield_now().await;
    }
}
