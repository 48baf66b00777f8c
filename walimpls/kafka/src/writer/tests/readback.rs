//! Writers on brokers that don't fence.

use std::time::Duration;

use walx_core::ErrorKind;
use walx_testkit::faults::proxy::Way;
use walx_utility::clock;

use super::bed::{Bed, Line, append, append_now, in_time, kind, offset, scanned, until};
use super::owner::race;
use crate::config::{KafkaConfig, KafkaFence};

const SECOND: Duration = Duration::from_secs(1);

fn readback(config: &mut KafkaConfig) {
    config.fence = KafkaFence::ReadBack;
    config.delivery_timeout.0 = 2 * SECOND;
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
    let line = Line::with(|config| {
        readback(config);
        config.delivery_timeout.0 = 20 * SECOND;
    })
    .await;
    let older = line.bed.open().await;
    append_now(&older, 0).await.unwrap();
    // It doesn't see the newer one's mark.
    line.proxy().stall_way(Way::ToClient);
    let newer = line.straight.open().await;
    let call = append(&older, 1);
    let landed = async || line.straight.lsns().await == [0, 1];
    until("the append", landed).await;
    line.proxy().resume();
    assert_eq!(kind(in_time(call).await), ErrorKind::Fenced);
    assert_eq!(kind(append_now(&older, 2).await), ErrorKind::Fenced);
    append_now(&newer, 3).await.unwrap();
    assert_eq!(line.straight.lsns().await, [0, 1, 3]);
    assert_eq!(scanned(&newer, 3).await, [0, 3]);
    assert_eq!(kind(line.bed.resume(&older).await), ErrorKind::Fenced);
    append_now(&newer, 4).await.unwrap();
    let resumed = line.straight.resume(&newer).await.unwrap();
    assert_eq!(kind(append_now(&newer, 5).await), ErrorKind::Fenced);
    append_now(&resumed, 6).await.unwrap();
    assert_eq!(scanned(&resumed, 6).await, [0, 3, 4, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_has_met_a_newer_mark_appends_nothing_more() {
    let bed = Bed::with(readback).await;
    let older = bed.open().await;
    append_now(&older, 0).await.unwrap();
    let one = bed.clients();
    let newer = bed.open().await;
    // It ends though nobody appends: it reads on.
    until("the older one's end", async || bed.clients() == one).await;
    assert_eq!(kind(append_now(&older, 1).await), ErrorKind::Fenced);
    append_now(&newer, 2).await.unwrap();
    assert_eq!(bed.lsns().await, [0, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_older_writer_is_acknowledged_behind_a_newer_open() {
    let bed = Bed::with(readback).await;
    for _ in 0..4 {
        race(&bed, Duration::ZERO).await;
    }
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
        line.proxy().stall();
        // So that one at least has no answer.
        let last = append(&wal, next + 2_000);
        let mut acknowledged = 0;
        for call in calls {
            match in_time(call).await {
                Ok(_) => acknowledged += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}"),
            }
        }
        assert_eq!(kind(in_time(last).await), ErrorKind::OutcomeUnknown);
        assert_eq!(kind(append_now(&wal, next).await), ErrorKind::NotWritten);
        line.proxy().cut().resume();
        wal = line.bed.resume(&wal).await.unwrap();
        let there = line.straight.lsns().await;
        assert_eq!(there, (0..there.len() as u64).collect::<Vec<_>>());
        assert!(there.len() as u64 >= next + acknowledged);
        next = there.len() as u64;
    }
}
