//! The blocking facade: the same promises on threads without a runtime.
#![cfg(feature = "blocking")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

use std::sync::mpsc::sync_channel;
use std::time::Duration;

use walx::blocking::{self, Scanner};
use walx::{
    ChannelName, End, Entry, Error, ErrorKind, Expected, Lsn, Message, OpenOption, PlacedMessage,
    Position, ScanOption, TransactionOption, VirtualChannel,
};
use walx_utility::{clock, spawn};

/// Longer than any test takes.
const DEADLINE: Duration = Duration::from_secs(60);

fn store(dir: &tempfile::TempDir) -> String {
    format!("file:{}", dir.path().display())
}

fn message(entry: Entry) -> PlacedMessage {
    let Entry::Message(placed) = entry else {
        panic!("{entry:?}")
    };
    placed
}

fn payloads(scanner: Scanner) -> Vec<String> {
    scanner
        .map(|entry| {
            let payload = message(entry.unwrap()).message.payload;
            String::from_utf8(payload.to_vec()).unwrap()
        })
        .collect()
}

fn all() -> ScanOption {
    ScanOption::earliest().until(End::Tail)
}

/// Runs `work` on a thread; a test that waits for ever fails.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, outcome) = sync_channel(1);
    spawn::thread("test", move || drop(done.send(work()))).unwrap();
    outcome
        .recv_timeout(DEADLINE)
        .expect("it panicked or hangs")
}

#[test]
fn the_order_is_the_order_of_the_calls_however_they_are_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let wal = blocking::open(&store(&dir), "orders").unwrap();
    let first = wal.append(Message::new("a"));
    let batch = wal.append_batch(vec![Message::new("b"), Message::new("c")]);
    let permit = wal.reserve(64).unwrap();
    let fourth = wal.try_append(Message::new("d")).unwrap();
    let fifth = permit.append(Message::new("e"));
    assert_eq!(fifth.wait().unwrap().lsn, Lsn::new(4));
    assert_eq!(fourth.wait().unwrap().lsn, Lsn::new(3));
    let lsns: Vec<_> = batch
        .wait()
        .unwrap()
        .iter()
        .map(|it| it.lsn.get())
        .collect();
    assert_eq!(lsns, [1, 2]);
    assert_eq!(first.wait().unwrap().lsn, Lsn::new(0));
    assert_eq!(
        payloads(wal.scan(all()).unwrap()),
        ["a", "b", "c", "d", "e"]
    );
    assert_eq!(wal.tail().unwrap().lsn, Lsn::new(5));
    wal.close().unwrap();
}

#[test]
fn threads_append_while_another_one_follows() {
    let dir = tempfile::tempdir().unwrap();
    let uri = store(&dir);
    within(move || {
        const THREADS: usize = 8;
        const EACH: usize = 250;
        let wal = blocking::open(&uri, "orders").unwrap();
        let mut scanner = wal.scan(ScanOption::earliest()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let wal = wal.clone();
                scope.spawn(move || {
                    for i in 0..EACH {
                        let placed = wal.append(Message::new(format!("{thread} {i}")));
                        placed.wait().unwrap();
                    }
                });
            }
            let mut next = [0; THREADS];
            for lsn in 0..THREADS * EACH {
                let placed = message(scanner.next().unwrap().unwrap());
                assert_eq!(placed.place.lsn.get(), lsn as u64);
                let text = String::from_utf8(placed.message.payload.to_vec()).unwrap();
                let (thread, i) = text.split_once(' ').unwrap();
                let thread: usize = thread.parse().unwrap();
                assert_eq!(i, next[thread].to_string(), "of thread {thread}");
                next[thread] += 1;
            }
            assert_eq!(next, [EACH; THREADS]);
        });
        wal.close().unwrap();
    });
}

#[test]
fn what_is_appended_blocking_is_what_async_readers_get() {
    let dir = tempfile::tempdir().unwrap();
    let sent = Message::new(&b"\0paid\xff"[..])
        .with_property("order", "4711")
        .with_virtual_channel(VirtualChannel::new("eu").unwrap())
        .with_idempotency_key("k");
    let wal = blocking::open(&store(&dir), "orders").unwrap();
    let place = wal.append(sent.clone()).wait().unwrap();
    wal.close().unwrap();

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let wal = walx::open_read_only(&store(&dir), "orders").await.unwrap();
        let mut scanner = wal.scan(all()).await.unwrap();
        let placed = message(scanner.next_batch(10).await.unwrap().remove(0));
        assert_eq!((placed.place, placed.message), (place, sent));
        wal.close().await.unwrap();
    });
}

#[test]
fn errors_are_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let uri = store(&dir);
    let kind = |error: Error| error.kind();
    assert_eq!(
        blocking::store("carrier-pigeon:coop").map_err(kind).err(),
        Some(ErrorKind::NotFound)
    );
    assert_eq!(
        blocking::open(&uri, "no/channel").map_err(kind).err(),
        Some(ErrorKind::InvalidInput)
    );
    assert_eq!(
        blocking::open_read_only(&uri, "orders").map_err(kind).err(),
        Some(ErrorKind::NotFound)
    );
    let wal = blocking::open(&uri, "orders").unwrap();
    assert_eq!(
        blocking::open(&uri, "orders").map_err(kind).err(),
        Some(ErrorKind::Conflict)
    );
    assert_eq!(
        wal.append_batch(Vec::new()).wait().map_err(kind).err(),
        Some(ErrorKind::InvalidInput)
    );
    let huge = Message::new(vec![0; 65 << 20]);
    assert_eq!(
        wal.append(huge).wait().map_err(kind).err(),
        Some(ErrorKind::TooLarge)
    );
    wal.close().unwrap();
    let message = Message::new("late");
    let refused = wal.try_append(message.clone()).err().unwrap();
    assert_eq!(
        (refused.message, refused.error.kind()),
        (message.clone(), ErrorKind::Closed)
    );
    assert_eq!(
        wal.append(message).wait().map_err(kind).err(),
        Some(ErrorKind::Closed)
    );
}

/// The way in which a program most easily hangs: the only thread of its runtime waits.
#[test]
fn a_thread_of_a_runtime_can_call_it() {
    let dir = tempfile::tempdir().unwrap();
    let uri = store(&dir);
    within(move || {
        for workers in [None, Some(1)] {
            let mut builder = match workers {
                None => tokio::runtime::Builder::new_current_thread(),
                Some(_) => tokio::runtime::Builder::new_multi_thread(),
            };
            let runtime = builder.worker_threads(1).enable_all().build().unwrap();
            let uri = uri.clone();
            let task = async move {
                let wal = blocking::open(&uri, "orders").unwrap();
                // More than one task may do before it has to yield.
                let mut scanner = wal.scan(ScanOption::latest()).unwrap();
                for _ in 0..300 {
                    let place = wal.append(Message::new("x")).wait().unwrap();
                    let next = message(scanner.next().unwrap().unwrap());
                    assert_eq!(next.place, place);
                }
                wal.close().unwrap();
            };
            runtime.block_on(async { spawn::task(task).await.unwrap() });
        }
    });
}

#[test]
fn a_scan_to_the_tail_ends_and_one_that_follows_waits_no_longer_than_it_may() {
    let wal = blocking::open("memory:", "orders").unwrap();
    for payload in ["a", "b", "c"] {
        wal.append(Message::new(payload)).wait().unwrap();
    }
    let mut scanner = wal.scan(all()).unwrap();
    assert_eq!(scanner.token(), None);
    assert_eq!(scanner.next_batch(2).unwrap().len(), 2);
    let token = scanner.token().unwrap();
    assert_eq!(payloads(scanner), ["c"]);

    let mut tail = wal.scan(ScanOption::new(Position::Resume(token))).unwrap();
    let batch = tail.next_batch_timeout(10, DEADLINE).unwrap().unwrap();
    assert_eq!(message(batch[0].clone()).message.payload, "c");
    assert_eq!(tail.channel().as_str(), "orders");
    let start = clock::now();
    let limit = Duration::from_millis(20);
    assert_eq!(tail.next_batch_timeout(10, limit).unwrap(), None);
    assert!(start.elapsed() >= limit);
    assert_eq!(tail.next_batch_timeout(10, Duration::ZERO).unwrap(), None);
    wal.append(Message::new("d")).wait().unwrap();
    // What a wait that was given up would have got comes now.
    let batch = tail.next_batch_timeout(10, DEADLINE).unwrap().unwrap();
    assert_eq!(message(batch[0].clone()).message.payload, "d");
    let mut whole = wal.scan(all()).unwrap();
    while let Some(batch) = whole.next_batch_timeout(10, DEADLINE).unwrap()
        && !batch.is_empty()
    {}
    assert!(whole.next().is_none(), "an end is told again and again");
    wal.close().unwrap();
}

#[test]
fn a_close_ends_scanners_that_wait_and_is_told() {
    within(|| {
        let wal = blocking::open("memory:", "orders").unwrap();
        let mut scanner = wal.scan(ScanOption::latest()).unwrap();
        let other = wal.clone();
        let waits = spawn::thread("waits", move || {
            assert!(!other.unavailable().is_available());
        })
        .unwrap();
        let closer = wal.clone();
        let closes = spawn::thread("closes", move || closer.close().unwrap()).unwrap();
        let error = scanner.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(scanner.next().is_none());
        closes.join().unwrap();
        waits.join().unwrap();
        wal.close().unwrap();
        assert!(!wal.availability().is_available());
    });
}

#[test]
fn a_store_opens_describes_truncates_and_closes_its_channels() {
    let dir = tempfile::tempdir().unwrap();
    let store = blocking::store(&store(&dir)).unwrap();
    assert_eq!(store.backend().as_str(), "file");
    let wal = store.open("orders").unwrap();
    let places: Vec<_> = ["a", "b", "c"]
        .map(|it| wal.append(Message::new(it)).wait().unwrap())
        .into();
    let name = ChannelName::new("orders").unwrap();
    assert_eq!(store.list().unwrap(), std::slice::from_ref(&name));
    assert_eq!(store.bounds(&name).unwrap(), wal.bounds().unwrap());
    assert_eq!(store.describe(&name).unwrap().tail, wal.tail().unwrap());
    wal.truncate(places[0].id).unwrap();
    let reader = store.open_read_only("orders").unwrap();
    assert_eq!(payloads(reader.scan(all()).unwrap()), ["b", "c"]);
    store.truncate(&name, places[1].id).unwrap();
    assert_eq!(payloads(reader.scan(all()).unwrap()), ["c"]);
    store.close().unwrap();
    let closed = wal.append(Message::new("d")).wait().unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::Closed);
    assert!(blocking::doctor("memory:").is_ok());
}

#[test]
fn a_dropped_append_stays_and_a_dropped_owner_frees_the_channel() {
    let dir = tempfile::tempdir().unwrap();
    let uri = store(&dir);
    let wal = blocking::open(&uri, "orders").unwrap();
    drop(wal.append(Message::new("a")));
    wal.append(Message::new("b")).wait().unwrap();
    drop(wal);
    let deadline = clock::now() + DEADLINE;
    let wal = loop {
        // A dropped owner's handle goes once its commit driver has ended.
        match blocking::open(&uri, OpenOption::try_from("orders").unwrap()) {
            Ok(wal) => break wal,
            Err(error) => assert!(clock::now() < deadline, "{error}"),
        }
    };
    assert_eq!(payloads(wal.scan(all()).unwrap()), ["a", "b"]);
    wal.close().unwrap();
}

#[test]
fn a_transaction_is_scanned_whole_and_one_that_is_dropped_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let wal = blocking::open(&store(&dir), "orders").unwrap();
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    let paid = transaction.append(Message::new("paid"));
    let beside = wal.append(Message::new("beside"));
    transaction.keep_alive().unwrap();
    let shipped = transaction.append(Message::new("shipped"));
    let commit = transaction.commit().wait().unwrap();
    assert!(paid.wait().unwrap().lsn < beside.wait().unwrap().lsn);
    assert!(shipped.wait().unwrap().id < commit.id);

    let given_up = wal.begin(TransactionOption::new()).unwrap();
    let first = given_up.append(Message::new("never seen"));
    first.wait().unwrap();
    given_up.rollback().wait().unwrap();
    let dropped = wal.begin(TransactionOption::new()).unwrap();
    dropped.append(Message::new("never seen")).wait().unwrap();
    drop(dropped);

    let entries: Vec<_> = wal.scan(all()).unwrap().map(|it| it.unwrap()).collect();
    let [Entry::Message(beside), Entry::Transaction(whole)] = &entries[..] else {
        panic!("{entries:?}")
    };
    assert_eq!(beside.message.payload, "beside");
    let bodies: Vec<_> = whole
        .messages()
        .map(|it| it.unwrap().message.payload)
        .collect();
    assert_eq!(bodies, ["paid", "shipped"]);
    assert_eq!(whole.place.id, commit.id);
    wal.close().unwrap();
}

#[test]
fn conditions_and_points_in_time_are_there_without_a_runtime_too() {
    let dir = tempfile::tempdir().unwrap();
    let wal = blocking::open(&store(&dir), "orders").unwrap();
    let stream = VirtualChannel::new("eu").unwrap();
    let expected = Expected::new().with_lsn(wal.tail().unwrap().lsn);
    let first = wal.append_if(Message::new("first"), expected);
    let first = first.wait().unwrap();
    let late = wal.append_if(Message::new("late"), expected).wait();
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(wal.newest_tick(&stream).unwrap(), Some(first.tick));
    let point = wal.advance_tick(Some(stream)).wait().unwrap();
    assert!(first.tick < point.tick);
    let entries: Vec<_> = wal.scan(all().with_ticks(true)).unwrap().collect();
    let Ok(Entry::Marker(marker)) = &entries[1] else {
        panic!("{entries:?}")
    };
    assert_eq!(marker.place, point);
    wal.close().unwrap();
}
