//! Transactions that end while a writer goes on.

use std::time::Duration;

use walx_core::ErrorKind;
use walx_utility::clock;

use super::bed::{Bed, append, append_now, in_time, kind, offset, until};
use crate::config::KafkaCommit;

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_under_load_loses_nothing_and_holds_no_append_longer_than_it_takes() {
    const ROLL: Duration = Duration::from_millis(200);
    // A transaction gets nine tenths of it old at least, and half of that where all is answered for a moment.
    const SHORTEST: Duration = Duration::from_millis(90);
    let bed = Bed::with(|config| config.roll.0 = ROLL).await;
    let wal = bed.open().await;
    let (mut calls, mut longest) = (std::collections::VecDeque::new(), Duration::ZERO);
    let (mut ids, mut number) = (Vec::new(), 0);
    let started = clock::now();
    while clock::now() < started + 15 * ROLL {
        while calls.len() < 200 {
            calls.push_back((clock::now(), append(&wal, number)));
            number += 1;
        }
        let (called, call) = calls.pop_front().unwrap();
        ids.push(offset(&in_time(call).await.unwrap()));
        longest = longest.max(clock::now() - called);
    }
    for (_, call) in calls {
        ids.push(offset(&in_time(call).await.unwrap()));
    }
    let most = (clock::now() - started).div_duration_f64(SHORTEST) as usize;
    assert_eq!(bed.lsns().await, (0..number).collect::<Vec<_>>());
    let jumps = ids.windows(2).filter(|pair| pair[1] > pair[0] + 1).count();
    assert!(
        ids.is_sorted() && (5..=most).contains(&jumps),
        "{jumps} transactions, {most} at most"
    );
    println!("{number} appends, {jumps} rolls, the longest took {longest:?}");
    assert!(longest < Duration::from_millis(1_000), "{longest:?}");
    wal.close().await.unwrap();
    assert_eq!(bed.committed().await, (0..number).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_writer_ends_its_transaction_once_and_begins_none() {
    let bed = Bed::with(|config| config.roll.0 = Duration::from_millis(200)).await;
    let wal = bed.open().await;
    append_now(&wal, 0).await.unwrap();
    // The mark, the record, the end of their transaction.
    until("a commit", async || bed.end().await == 3).await;
    assert_eq!(bed.committed().await, [0]);
    clock::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(bed.end().await, 3, "an idle log grew");
    append_now(&wal, 1).await.unwrap();
    until("a commit", async || bed.end().await == 5).await;
    wal.close().await.unwrap();
    assert_eq!(bed.end().await, 5, "an empty transaction was committed");
    assert_eq!(bed.committed().await, [0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_long_transactions_other_programs_see_nothing_until_the_close() {
    let bed = Bed::new().await;
    let wal = bed.open().await;
    append_now(&wal, 0).await.unwrap();
    assert_eq!((bed.lsns().await, bed.committed().await), (vec![0], vec![]));
    wal.close().await.unwrap();
    assert_eq!(bed.committed().await, [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_writer_commits_as_well() {
    let bed = Bed::new().await;
    let wal = bed.open().await;
    append_now(&wal, 0).await.unwrap();
    drop(wal);
    until("a commit", async || bed.committed().await == [0]).await;
    until("all clients gone", async || bed.clients() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_committed_with_commit_each() {
    let bed = Bed::with(|config| config.commit = KafkaCommit::Each).await;
    let wal = bed.open().await;
    assert_eq!(bed.see("read_committed").await.len(), 1, "the mark");
    for number in 0..3 {
        append_now(&wal, number).await.unwrap();
        assert_eq!(bed.committed().await, (0..=number).collect::<Vec<_>>());
    }
    let started = clock::now();
    let calls: Vec<_> = (3..2_000).map(|number| append(&wal, number)).collect();
    for call in calls {
        in_time(call).await.unwrap();
    }
    // They share transactions.
    assert!(clock::now() - started < Duration::from_secs(5));
    assert_eq!(bed.committed().await, (0..2_000).collect::<Vec<_>>());
    let end = bed.end().await;
    clock::sleep(Duration::from_millis(300)).await;
    assert_eq!(bed.end().await, end, "an idle log grew");
    let newer = bed.open().await;
    assert_eq!(kind(append_now(&wal, 2_000).await), ErrorKind::Fenced);
    append_now(&newer, 2_000).await.unwrap();
    assert_eq!(bed.committed().await.len(), 2_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_commit_each_appends_that_come_while_a_group_is_committed_are_in_the_next_one() {
    let bed = Bed::with(|config| config.commit = KafkaCommit::Each).await;
    let wal = bed.open().await;
    let mut calls = Vec::new();
    for number in 0..200 {
        calls.push(append(&wal, number));
        clock::sleep(Duration::from_millis(2)).await;
    }
    for call in calls {
        in_time(call).await.unwrap();
    }
    assert_eq!(bed.committed().await, (0..200).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_interval_other_programs_see_appends_that_much_later() {
    let every = Duration::from_millis(300);
    let bed = Bed::with(|config| config.commit = KafkaCommit::Interval(every)).await;
    let wal = bed.open().await;
    for number in 0..3 {
        append_now(&wal, number).await.unwrap();
        let appended = clock::now();
        until("a commit", async || {
            bed.committed().await.len() as u64 == number + 1
        })
        .await;
        assert!(clock::now() - appended < every + Duration::from_millis(1_500));
    }
    let end = bed.end().await;
    clock::sleep(2 * every).await;
    assert_eq!(bed.end().await, end, "an idle log grew");
}

/// A lease that ran out: the coordinator takes the id away, and nobody else has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_times_out_ends_in_an_error_from_which_the_writer_resumes() {
    let bed = Bed::with(|config| {
        config.transaction_timeout.0 = Duration::from_secs(2);
        config.delivery_timeout.0 = Duration::from_millis(1_500);
    })
    .await;
    let wal = bed.open().await;
    append_now(&wal, 0).await.unwrap();
    // The mark, the record, the coordinator's abort, which it looks for every 10 s.
    until("an abort", async || bed.end().await == 3).await;
    let calls: Vec<_> = (1..10).map(|number| append(&wal, number)).collect();
    for call in calls {
        assert_eq!(kind(in_time(call).await), ErrorKind::OutcomeUnknown);
    }
    assert_eq!(kind(append_now(&wal, 10).await), ErrorKind::NotWritten);
    let again = bed.resume(&wal).await.unwrap();
    append_now(&again, 1).await.unwrap();
    assert_eq!(bed.lsns().await, [0, 1]);
    assert_eq!(kind(append_now(&wal, 2).await), ErrorKind::NotWritten);
    again.close().await.unwrap();
    // The part that was open when it ended is not there for them.
    assert_eq!(bed.committed().await, [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_the_brokers_refuse_for_transactions_is_named() {
    let bed = Bed::with(|config| config.transaction_timeout.0 = Duration::from_secs(7_200)).await;
    let error = bed
        .try_open(walx_impls::Claim::TakeOver)
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(
        error.to_string().contains("transaction_timeout=7200000 ms"),
        "{error}"
    );
}
