//! Following the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rdkafka::producer::Producer as _;
use walx_impls::{Scanned, Start};
use walx_utility::{clock, spawn};

use super::bed::{Bed, PATIENCE};
use crate::record::Stamp;

/// One append at a time, each awaited before the next one, while a reader follows: a lost wake-up would leave it asleep
/// until the next append, which waits for the reader.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_single_appends_each_wake_the_reader() {
    const APPENDS: u64 = 5_000;
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let mut reader = bed.scan(Start::Last(0)).await.unwrap();
    let seen = Arc::new(AtomicU64::new(0));
    let following = spawn::task({
        let seen = Arc::clone(&seen);
        async move {
            let mut times = Vec::new();
            for _ in 0..APPENDS {
                match reader.next().await.unwrap() {
                    Scanned::Record(_) => times.push(clock::now()),
                    other => panic!("{other:?}"),
                }
                seen.fetch_add(1, Ordering::Release);
            }
            times
        }
    });
    let appending = spawn::blocking(move || {
        let mut acked = Vec::new();
        for number in 0..APPENDS {
            line.record(number, Stamp { writer, read: None });
            assert_eq!(line.offsets().len(), 1);
            acked.push(clock::now());
            let deadline = clock::now() + PATIENCE;
            while seen.load(Ordering::Acquire) <= number {
                assert!(
                    clock::now() < deadline,
                    "the reader sleeps through append {number}"
                );
                std::hint::spin_loop();
            }
        }
        acked
    });
    let acked = appending.await.unwrap();
    let times = following.await.unwrap();
    let mut late: Vec<Duration> = times
        .iter()
        .zip(&acked)
        .map(|(seen, acked)| seen.saturating_duration_since(*acked))
        .collect();
    late.sort();
    let at = |part: f64| late[((late.len() - 1) as f64 * part) as usize];
    println!(
        "behind the ack: p50 {:?}, p90 {:?}, p99 {:?}, max {:?}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    assert!(
        at(0.5) < Duration::from_millis(2),
        "half of them are later than {:?}",
        at(0.5)
    );
}

/// Records of an open transaction are there at once; what its end leaves wakes nobody for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_an_open_transaction_come_before_its_end_and_those_of_an_aborted_one_stay() {
    let Some(bed) = Bed::new().await else { return };
    let transactions = bed.transactions();
    transactions.producer.begin_transaction().unwrap();
    let writer = transactions.mark();
    let mut reader = bed.scan(Start::Earliest).await.unwrap();
    for number in 0..20 {
        let offset = transactions.records(number..number + 1, writer)[0];
        assert_eq!(reader.record().await, offset);
        if number % 5 == 4 {
            if number % 10 == 4 {
                transactions.producer.abort_transaction(PATIENCE).unwrap();
            } else {
                transactions.producer.commit_transaction(PATIENCE).unwrap();
            }
            assert!(reader.is_silent().await);
            transactions.producer.begin_transaction().unwrap();
        }
    }
}
