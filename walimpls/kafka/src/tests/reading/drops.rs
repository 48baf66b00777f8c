//! Readers that are dropped, wherever they are.

use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use walx_core::ErrorKind;
use walx_impls::{ScanOptions, Start};
use walx_utility::clock;

use super::bed::{Bed, Reader};

/// So long a runtime may be held up by a drop.
const SHORT: Duration = Duration::from_millis(50);

struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

fn poll(reader: &mut Reader) -> bool {
    let waker = Waker::from(Arc::new(Nobody));
    let polled = reader.scanner.poll_batch(&mut Context::from_waker(&waker));
    matches!(polled, Poll::Ready(Ok(_)))
}

/// Readers that were never polled, wait at the tail, and are in the middle of what they read ahead.
async fn readers(bed: &Bed) -> Vec<Reader> {
    let mut waiting = bed.scan(Start::Last(0)).await.unwrap();
    assert!(!poll(&mut waiting));
    let mut midway = bed
        .scan_with(Start::Earliest, ScanOptions::new(64 << 10))
        .await
        .unwrap();
    midway.next().await.unwrap();
    vec![bed.scan(Start::Earliest).await.unwrap(), waiting, midway]
}

#[tokio::test]
async fn a_drop_in_any_state_holds_nobody_up_and_gives_its_place_back() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    line.records(0..5_000, writer);
    for round in 0..5 {
        for reader in readers(&bed).await {
            let now = clock::now();
            drop(reader);
            assert!(now.elapsed() < SHORT, "round {round}: {:?}", now.elapsed());
        }
    }
    // Opened, and given up before the answer.
    for wait in [0, 1, 3, 10] {
        let scan = bed.scan(Start::Earliest);
        let _ = clock::timeout(Duration::from_millis(wait), scan).await;
    }
    let deadline = clock::now() + Duration::from_secs(10);
    while bed.store.clients_in_use() > 0 {
        assert!(
            clock::now() < deadline,
            "{} clients are left",
            bed.store.clients_in_use()
        );
        clock::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn readers_outlive_their_runtime_and_are_dropped_outside_of_any() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let made = runtime.block_on(async {
        let bed = Bed::new().await?;
        let line = bed.line();
        let writer = line.mark();
        line.records(0..5_000, writer);
        let left = readers(&bed).await;
        Some((bed, left))
    });
    let Some((bed, mut left)) = made else { return };
    drop(runtime);
    // Reading goes on: it needs no runtime.
    let deadline = clock::now() + Duration::from_secs(10);
    while !poll(&mut left[2]) {
        assert!(clock::now() < deadline, "nothing comes without a runtime");
        std::thread::yield_now();
    }
    let now = clock::now();
    drop(left);
    drop(bed);
    assert!(now.elapsed() < SHORT, "{:?}", now.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_client_too_many_is_refused_by_the_name_of_the_setting() {
    let Some(mut bed) = Bed::new().await else {
        return;
    };
    let mut config = bed.store.config().clone();
    config.max_clients = 2;
    bed.store = crate::store::Store::connect(config).await.unwrap();
    bed.ending = bed.store.ending.below();
    let one = bed.scan(Start::Earliest).await.unwrap();
    let _two = bed.scan(Start::Earliest).await.unwrap();
    let error = bed.scan(Start::Earliest).await.err().unwrap();
    assert!(
        matches!(error.kind(), ErrorKind::Overloaded { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("max_clients"), "{error}");
    drop(one);
    let deadline = clock::now() + Duration::from_secs(10);
    while bed.scan(Start::Earliest).await.is_err() {
        assert!(clock::now() < deadline, "its place is never given back");
        clock::sleep(Duration::from_millis(20)).await;
    }
}

/// Drops its reader when it is woken, on whatever thread that is.
struct DropsIt(std::sync::Mutex<Option<Reader>>);

impl Wake for DropsIt {
    fn wake(self: Arc<Self>) {
        drop(self.0.lock().unwrap().take());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waker_may_drop_the_reader_that_it_is_of() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let reader = bed.scan(Start::Last(0)).await.unwrap();
    let own = Arc::new(DropsIt(std::sync::Mutex::new(Some(reader))));
    let waker = Waker::from(Arc::clone(&own));
    let waits = {
        let mut slot = own.0.lock().unwrap();
        let scanner = &mut slot.as_mut().unwrap().scanner;
        scanner
            .poll_batch(&mut Context::from_waker(&waker))
            .is_pending()
    };
    assert!(waits);
    drop(waker);
    let before = line.records(0..1, writer);
    let deadline = clock::now() + Duration::from_secs(10);
    while own.0.lock().unwrap().is_some() || bed.store.clients_in_use() > 0 {
        assert!(clock::now() < deadline, "it hangs");
        clock::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(bed.offsets(Start::Earliest, before[0]).await, before);
}
