//! Writers on brokers that don't fence.

use std::sync::Arc;
use std::time::Duration;

use walx_core::ErrorKind;
use walx_impls::{ScanOptions, Scanned, Start, WalImpls};
use walx_testkit::faults::proxy::Way;
use walx_utility::clock;

use super::bed::{Bed, Line, append, append_now, in_time, kind, offset, until};
use super::owner::race;
use crate::config::{KafkaConfig, KafkaFence};

const SECOND: Duration = Duration::from_secs(1);

fn readback(config: &mut KafkaConfig) {
    config.fence = KafkaFence::ReadBack;
    config.delivery_timeout.0 = 2 * SECOND;
}

/// The lsns that a scanner hands out, up to and including one.
async fn scanned(wal: &Arc<dyn WalImpls>, last: u64) -> Vec<u64> {
    let mut scanner = wal
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    let mut lsns = Vec::new();
    while lsns.last() != Some(&last) {
        let batch = std::future::poll_fn(|context| scanner.poll_batch(context));
        for item in in_time(batch).await.unwrap() {
            match item {
                Scanned::Record(stored) => lsns.push(stored.record.header.lsn.unwrap().get()),
                other => panic!("{other:?}"),
            }
        }
    }
    lsns
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_are_answered_once_they_were_read_back() {
    let bed = Bed::with(readback).await;
    let wal = bed.open().await;
    let calls: Vec<_> = (0..20_000).map(|number| append(&wal, number)).collect();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(offset(&in_time(call).await.unwrap()), 1 + number as i64);
    }
    // Other programs see them at once: there are no transactions.
    assert_eq!(bed.committed().await, (0..20_000).collect::<Vec<_>>());
    let end = bed.end().await;
    wal.close().await.unwrap();
    let again = bed.resume(&wal).await.unwrap();
    assert_eq!(append_now(&again, 20_000).await.unwrap(), end + 1);
    assert_eq!(kind(append_now(&wal, 0).await), ErrorKind::Closed);
    drop((wal, again));
    until("all clients gone", async || bed.clients() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_writer_is_never_acknowledged_and_readers_pass_over_what_it_appends() {
    let bed = Bed::with(readback).await;
    let older = bed.open().await;
    append_now(&older, 0).await.unwrap();
    let newer = bed.open().await;
    assert_eq!(kind(append_now(&older, 1).await), ErrorKind::Fenced);
    assert_eq!(kind(append_now(&older, 2).await), ErrorKind::Fenced);
    append_now(&newer, 3).await.unwrap();
    // It landed, unless its writer had met the newer mark before.
    let there = bed.lsns().await;
    assert!(there == [0, 1, 3] || there == [0, 3], "{there:?}");
    assert_eq!(scanned(&newer, 3).await, [0, 3]);
    assert_eq!(kind(bed.resume(&older).await), ErrorKind::Fenced);
    append_now(&newer, 4).await.unwrap();
    let resumed = bed.resume(&newer).await.unwrap();
    assert_eq!(kind(append_now(&newer, 5).await), ErrorKind::Fenced);
    append_now(&resumed, 6).await.unwrap();
    assert_eq!(scanned(&resumed, 6).await, [0, 3, 4, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_older_writer_is_acknowledged_behind_a_newer_open() {
    let bed = Bed::with(readback).await;
    for _ in 0..4 {
        race(&bed, Duration::ZERO).await;
    }
}

/// As of a process that stood still: it reads its records back behind another owner's open.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_back_too_late_is_not_acknowledged() {
    let line = Line::with(|config| {
        readback(config);
        config.delivery_timeout.0 = 20 * SECOND;
    })
    .await;
    let older = line.bed.open().await;
    append_now(&older, 0).await.unwrap();
    line.proxy.stall_way(Way::ToClient);
    let calls: Vec<_> = (1..5).map(|number| append(&older, number)).collect();
    let landed = async || line.straight.lsns().await.len() == 5;
    until("the appends", landed).await;
    let newer = line.straight.open().await;
    line.proxy.resume();
    for call in calls {
        assert_eq!(kind(in_time(call).await), ErrorKind::Fenced);
    }
    append_now(&newer, 5).await.unwrap();
    assert_eq!(scanned(&newer, 5).await, (0..=5).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_an_append_without_an_answer_nothing_lands_but_what_was_on_its_way() {
    let line = Line::with(readback).await;
    let mut wal = line.bed.open().await;
    let mut next = 0;
    for round in 0..3 {
        let calls: Vec<_> = (next..next + 2_000)
            .map(|number| append(&wal, number))
            .collect();
        clock::sleep(Duration::from_millis(5 * round)).await;
        line.proxy.stall();
        let mut acknowledged = 0;
        for call in calls {
            match in_time(call).await {
                Ok(_) => acknowledged += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}"),
            }
        }
        // Where all of them were answered before the line stood still, the writer knows of no failure.
        if acknowledged < 2_000 {
            assert_eq!(kind(append_now(&wal, next).await), ErrorKind::NotWritten);
        }
        line.proxy.cut().resume();
        wal = line.bed.resume(&wal).await.unwrap();
        let there = line.straight.lsns().await;
        assert_eq!(there, (0..there.len() as u64).collect::<Vec<_>>());
        assert!(there.len() as u64 >= next + acknowledged);
        next = there.len() as u64;
    }
}
