//! Closing: children first, in bounded time, twice is once, nothing leaked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::time::Duration;

use common::{Rig, message, scan_all, take, texts, within};
use walx_core::{ErrorKind, ScanOption};
use walx_utility::{clock, spawn};

#[tokio::test]
async fn close_waits_for_appends_on_their_way_and_releases_the_channel() {
    let rig = Rig::new();
    let wal = rig.open().await;
    rig.faults().delay(Duration::from_millis(20));
    let handles: Vec<_> = (0..50).map(|i| wal.append(message(i))).collect();
    wal.close().await.unwrap();
    for (i, handle) in handles.into_iter().enumerate() {
        assert_eq!(handle.await.unwrap().lsn.get(), i as u64);
    }
    wal.close().await.unwrap();
    assert_eq!(
        wal.append(message("late")).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert!(
        matches!(wal.scan(ScanOption::earliest()).await.map(|_| ()), Err(error) if error.kind() == ErrorKind::Closed)
    );
    // Released: no take-over is needed.
    rig.open().await;
}

#[tokio::test(start_paused = true)]
async fn appends_that_are_never_answered_get_outcome_unknown_in_bounded_time() {
    let rig = Rig::new();
    let wal = rig.open().await;
    rig.faults().lose_ack_next();
    let lost = wal.append(message("lost"));
    let behind = wal.append(message("behind"));
    let start = clock::now();
    wal.close().await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(lost.await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    assert_eq!(behind.await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    let error = rig.opener.open(rig.option()).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "it was not released");
}

#[tokio::test]
async fn appends_in_the_queue_are_told_that_nothing_was_written() {
    let rig = Rig::new();
    let wal = rig
        .opener
        .open(rig.option().with_max_in_flight_bytes(300))
        .await
        .unwrap();
    rig.faults().hold();
    let placed = wal.append(message("placed"));
    let waiting = wal.append(message("waiting"));
    let reserving = spawn::task({
        let wal = wal.clone();
        async move { wal.reserve(10).await.map(|_| ()) }
    });
    tokio::task::yield_now().await;
    let closing = spawn::task({
        let wal = wal.clone();
        async move { wal.close().await }
    });
    assert_eq!(within(waiting).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(
        within(reserving).await.unwrap().unwrap_err().kind(),
        ErrorKind::Closed
    );
    rig.faults().release_all();
    within(placed).await.unwrap();
    within(closing).await.unwrap().unwrap();
    let wal = rig.open().await;
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await),
        ["placed"]
    );
}

#[tokio::test]
async fn scanners_deliver_what_is_confirmed_and_end_with_the_wal() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let mut idle = wal.scan(ScanOption::latest()).await.unwrap();
    let mut behind = wal.scan(ScanOption::earliest()).await.unwrap();
    for i in 0..10 {
        wal.append(message(i)).await.unwrap();
    }
    take(&mut idle, 10).await;
    let waiting = spawn::task(async move { idle.next_batch(1).await.map(|_| ()) });
    tokio::task::yield_now().await;
    wal.close().await.unwrap();
    assert_eq!(
        within(waiting).await.unwrap().unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(take(&mut behind, 10).await.len(), 10);
    assert_eq!(
        within(behind.next_batch(1)).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert!(
        within(behind.next_batch(1)).await.unwrap().is_empty(),
        "after the error the scan has ended"
    );
}

#[tokio::test]
async fn closing_the_opener_closes_its_wals_and_refuses_new_ones() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    let handle = wal.append(message("x"));
    rig.opener.close().await.unwrap();
    rig.opener.close().await.unwrap();
    handle.await.unwrap();
    assert_eq!(
        wal.append(message("y")).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert_eq!(reader.tail().await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(
        rig.opener
            .open(rig.option())
            .await
            .map(|_| ())
            .unwrap_err()
            .kind(),
        ErrorKind::Closed
    );
    let opener = rig.other_opener();
    opener.open(rig.option()).await.unwrap();
}

#[tokio::test]
async fn a_dropped_wal_ends_its_scanners_and_still_answers_its_appends() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let mut scanner = wal.scan(ScanOption::latest()).await.unwrap();
    rig.faults().delay(Duration::from_millis(5));
    let handle = wal.append(message("x"));
    drop(wal);
    within(handle).await.unwrap();
    let mut last = within(scanner.next_batch(1)).await;
    if last.is_ok() {
        last = within(scanner.next_batch(1)).await;
    }
    assert_eq!(last.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn dropping_the_future_of_a_close_does_not_stop_it() {
    let rig = Rig::new();
    let wal = rig.open().await;
    rig.faults().hold();
    let handle = wal.append(message("x"));
    let first = clock::timeout(Duration::from_millis(1), wal.close()).await;
    assert!(first.is_err());
    rig.faults().release_all();
    within(handle).await.unwrap();
    within(wal.close()).await.unwrap();
    rig.open().await;
}

#[tokio::test]
async fn availability_is_watchable() {
    let rig = Rig::new();
    let wal = rig.open().await;
    assert!(wal.availability().is_available());
    let watching = spawn::task({
        let wal = wal.clone();
        async move { wal.unavailable().await }
    });
    tokio::task::yield_now().await;
    rig.faults().fence();
    assert_eq!(
        wal.append(message("x")).await.unwrap_err().kind(),
        ErrorKind::Fenced
    );
    let walx_core::Availability::Unavailable(error) = within(watching).await.unwrap() else {
        panic!("not closed")
    };
    assert_eq!(error.kind(), ErrorKind::Fenced);
    wal.close().await.unwrap();
    assert!(matches!(
        wal.availability(),
        walx_core::Availability::Closed
    ));
}

#[tokio::test]
async fn a_wal_that_is_alone_in_its_store_closes_it_and_the_store_closes_the_wal() {
    let rig = Rig::new();
    let wal = rig
        .opener
        .open(rig.option().with_close_store(true))
        .await
        .unwrap();
    within(wal.close()).await.unwrap();
    let error = rig.opener.list().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);

    let opener = rig.other_opener();
    let wal = opener
        .open(rig.option().with_close_store(true))
        .await
        .unwrap();
    within(opener.close()).await.unwrap();
    within(wal.close()).await.unwrap();
    let error = wal.append(message("late")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn closing_the_store_takes_bounded_time_though_an_open_and_many_wals_hang() {
    let rig = Rig::new();
    let mut wals = Vec::new();
    for number in 0..10 {
        let channel = walx_core::ChannelName::new(format!("channel-{number}")).unwrap();
        let wal = rig.opener.open(channel.clone().into()).await.unwrap();
        rig.store.faults(&channel).lose_ack_next();
        let lost = wal.append(message("lost"));
        wals.push((wal, lost));
    }
    rig.faults().hold();
    let opening = spawn::task({
        let (opener, option) = (rig.opener.clone(), rig.option());
        async move { opener.open(option).await.map(|_| ()) }
    });
    tokio::task::yield_now().await;
    let start = clock::now();
    within(rig.opener.close()).await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        opening.await.unwrap().unwrap_err().kind(),
        ErrorKind::Closed
    );
    for (_, lost) in wals {
        assert_eq!(lost.await.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
    }
}

#[tokio::test]
async fn a_close_of_wal_and_store_goes_on_without_its_future() {
    let rig = Rig::new();
    let option = rig.option().with_close_store(true);
    let wal = rig.opener.open(option).await.unwrap();
    rig.faults().hold();
    let handle = wal.append(message("x"));
    assert!(
        clock::timeout(Duration::from_millis(1), wal.close())
            .await
            .is_err()
    );
    drop(wal);
    rig.faults().release_all();
    within(handle).await.unwrap();
    // The store waits for the wal's close, which releases the channel and is not held up by the drop.
    let start = clock::now();
    within(rig.opener.close()).await.unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    rig.other_opener().open(rig.option()).await.unwrap();
}

#[test]
fn a_runtime_that_ends_leaves_nobody_waiting() {
    let rig = Rig::new();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    let (wal, lost) = first.block_on(async {
        let wal = rig.open().await;
        rig.faults().lose_ack_next();
        let lost = wal.append(message("lost"));
        assert!(
            clock::timeout(Duration::from_millis(1), wal.close())
                .await
                .is_err()
        );
        (wal, lost)
    });
    drop(first);
    runtime().block_on(async {
        assert_eq!(
            within(lost).await.unwrap_err().kind(),
            ErrorKind::OutcomeUnknown
        );
        assert!(within(wal.close()).await.is_err());
    });
}
