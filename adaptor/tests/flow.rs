//! Appends go at the pace of the flow: they wait in order, or are told at once when to come again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::limited::{ONE, SECOND, all, in_flight, is_overloaded, limits, open, settle};
use common::{Rig, message, scan_all, texts, within};
use walx_core::{ErrorKind, Flow, OpenOption, ScanOption, TransactionOption};
use walx_utility::clock;
use walx_utility::flow::{FlowControl, FlowState, Rate};

#[tokio::test(start_paused = true)]
async fn appends_that_are_slowed_down_wait_in_order_and_go_on_at_once_when_all_is_well() {
    let (rig, flow) = (Rig::new(), FlowControl::new());
    let wal = open(&rig, |it| it.with_flow(Arc::new(flow.clone()))).await;
    let source = flow.source("memory");
    source.report(FlowState::SlowDown(Rate::new(ONE as u64).unwrap()));
    let began = clock::now();
    let appends: Vec<_> = (0..5).map(|i| wal.append(message(i))).collect();
    let refused = wal.try_append(message(9)).unwrap_err();
    assert!(
        refused.error.to_string().contains("flow control slows"),
        "{}",
        refused.error
    );
    let places = all(appends).await;
    assert_eq!(
        places.iter().map(|it| it.lsn.get()).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4]
    );
    // The first one passes at once, each other one a second behind the one before it.
    assert_eq!(began.elapsed().as_secs(), 4);
    let appends: Vec<_> = (0..100).map(|i| wal.append(message(i % 10))).collect();
    clock::sleep(SECOND * 5 / 2).await;
    source.report(FlowState::Normal);
    let began = clock::now();
    all(appends).await;
    assert!(began.elapsed() < Duration::from_millis(10));
    let held = texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await);
    let numbers = (0..5)
        .chain((0..100).map(|i| i % 10))
        .map(|i: i32| i.to_string());
    assert_eq!(held, numbers.collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn appends_that_are_rejected_get_overloaded_at_once_also_those_that_wait() {
    let (rig, flow) = (Rig::new(), FlowControl::new());
    let wal = open(&rig, |it| it.with_flow(Arc::new(flow.clone()))).await;
    let source = flow.source("lag");
    source.report(FlowState::SlowDown(Rate::new(1).unwrap()));
    within(wal.append(message(0))).await.unwrap();
    let waits: Vec<_> = (1..4).map(|i| wal.append(message(i))).collect();
    let reserves = wal.reserve(1);
    settle().await;
    let began = clock::now();
    source.report(FlowState::Reject {
        retry_after: SECOND,
    });
    let reserved = reserves.await;
    for append in waits {
        let error = append.await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Overloaded {
                retry_after: SECOND
            }
        );
        assert!(error.to_string().contains("because of: lag"), "{error}");
    }
    assert!(is_overloaded(&reserved.unwrap_err()));
    assert!(is_overloaded(&wal.append(message(4)).await.unwrap_err()));
    assert!(is_overloaded(
        &wal.append_batch(vec![message(5)]).await.unwrap_err()
    ));
    assert!(is_overloaded(
        &wal.try_append(message(6)).unwrap_err().error
    ));
    assert!(began.elapsed() < Duration::from_millis(10));
    drop(source);
    within(wal.append(message(7))).await.unwrap();
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await),
        ["0", "7"]
    );
    within(wal.close()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_lost_a_message_to_a_rejection_is_not_committed() {
    let (rig, flow) = (Rig::new(), FlowControl::new());
    let wal = open(&rig, |it| it.with_flow(Arc::new(flow.clone()))).await;
    let source = flow.source("memory");
    let kept = wal.begin(TransactionOption::new()).unwrap();
    within(kept.append(message("kept"))).await.unwrap();
    let lost = wal.begin(TransactionOption::new()).unwrap();
    within(lost.append(message("first"))).await.unwrap();
    source.report(FlowState::Reject {
        retry_after: SECOND,
    });
    let second = lost.append(message("second"));
    let commit = lost.commit();
    assert!(is_overloaded(&within(second).await.unwrap_err()));
    assert_eq!(
        within(commit).await.unwrap_err().kind(),
        ErrorKind::NotWritten
    );
    // What ends is not held up.
    within(kept.commit()).await.unwrap();
    drop(source);
    within(wal.close()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_that_of_all_wals_together_and_the_first_one_in_each_queue_holds_its_room() {
    let (a, b, flow, limits) = (Rig::new(), Rig::new(), FlowControl::new(), limits(2 * ONE));
    let with = |it: OpenOption| {
        it.with_flow(Arc::new(flow.clone()))
            .with_limits(limits.clone())
    };
    let first = open(&a, with).await;
    let second = open(&b, with).await;
    let source = flow.source("memory");
    source.report(FlowState::SlowDown(Rate::new(ONE as u64).unwrap()));
    let began = clock::now();
    let mut appends = Vec::new();
    for i in 0..4 {
        appends.push(first.append(message(i)));
        appends.push(second.append(message(i)));
    }
    all(appends).await;
    assert_eq!(began.elapsed().as_secs(), 7);
    assert_eq!(in_flight(&limits), (0, 0));
    for wal in [first, second] {
        let held = texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await);
        assert_eq!(held, ["0", "1", "2", "3"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pace_that_ends_while_nothing_moves_and_a_caller_that_gives_up_leave_nothing_behind() {
    let (rig, flow, limits) = (Rig::new(), FlowControl::new(), limits(4 * ONE));
    let option = |it: OpenOption| {
        it.with_flow(Arc::new(flow.clone()))
            .with_limits(limits.clone())
    };
    let wal = open(&rig, option).await;
    let source = flow.source("memory");
    source.report(FlowState::SlowDown(Rate::new(1).unwrap()));
    within(wal.append(message(0))).await.unwrap();
    let (gives_up, waits) = (wal.append(message(1)), wal.append(message(2)));
    settle().await;
    assert_eq!(in_flight(&limits).0, ONE, "the first one has its room");
    drop(gives_up);
    settle().await;
    assert_eq!(in_flight(&limits).0, ONE, "now the next one has it");
    drop(waits);
    settle().await;
    assert_eq!(in_flight(&limits), (0, 0));
    // Asking costs the flow nothing.
    assert!(matches!(flow.try_pass(0), walx_core::Passage::Wait(_)));
}
