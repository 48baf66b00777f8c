//! What appends get when brokers don't answer, and when handles end.

use std::sync::Arc;
use std::time::Duration;

use walx_core::ErrorKind;
use walx_impls::{Batch, Claim};
use walx_testkit::faults::proxy::Way;
use walx_utility::{clock, spawn};

use super::bed::{
    Bed, Line, UNANSWERED, append, append_now, in_time, kind, offset, record, scanned, sized, until,
};
use super::set_option;
use crate::config::{KafkaCommit, KafkaFence};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn behind_an_append_without_an_answer_nothing_is_acknowledged_until_the_writer_resumes() {
    let line = Line::with(|config| config.delivery_timeout.0 = SECOND).await;
    let wal = line.bed.open().await;
    append_now(&wal, 0).await.unwrap();
    line.proxy().stall_way(Way::ToClient);
    let started = clock::now();
    let end = 1 + UNANSWERED;
    let calls: Vec<_> = (1..end).map(|number| append(&wal, number)).collect();
    for call in calls {
        assert_eq!(kind(in_time(call).await), ErrorKind::OutcomeUnknown);
    }
    let took = clock::now() - started;
    assert!(took >= SECOND && took < 3 * SECOND, "{took:?}");
    line.proxy().resume();
    for number in end..end + 3 {
        assert_eq!(kind(append_now(&wal, number).await), ErrorKind::NotWritten);
    }
    // They landed, and it's told by reading only.
    let resumed = line.bed.resume(&wal).await.unwrap();
    assert_eq!(line.straight.lsns().await, (0..end).collect::<Vec<_>>());
    append_now(&resumed, end).await.unwrap();
    assert_eq!(kind(append_now(&wal, end + 1).await), ErrorKind::NotWritten);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_landed_of_appends_without_an_answer_has_no_hole() {
    let line = Line::with(|config| config.delivery_timeout.0 = SECOND).await;
    let mut wal = line.bed.open().await;
    let mut next = 0;
    for round in 0..4 {
        // Each takes 64 KiB, so that the line is stalled amid of them.
        let calls: Vec<_> = (next..next + 200)
            .map(|number| wal.append(Batch::One(sized(number, 64 << 10))))
            .collect();
        clock::sleep(Duration::from_millis(7 * round)).await;
        line.proxy().stall();
        let mut acknowledged = Vec::new();
        for call in calls {
            acknowledged.extend(in_time(call).await.ok());
        }
        line.proxy().cut().resume();
        wal = line.bed.resume(&wal).await.unwrap();
        let there = line.straight.lsns().await;
        assert_eq!(there, (0..there.len() as u64).collect::<Vec<_>>());
        assert!(there.len() as u64 >= next + acknowledged.len() as u64);
        next = there.len() as u64;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_cost_nothing() {
    let line = Line::with(|_| {}).await;
    let wal = line.bed.open().await;
    let mut ids = Vec::new();
    for round in 0..5 {
        let calls: Vec<_> = (0..2_000)
            .map(|at| append(&wal, 2_000 * round + at))
            .collect();
        line.proxy().cut();
        for call in calls {
            ids.push(offset(&in_time(call).await.unwrap()));
        }
    }
    assert!(ids.is_sorted());
    assert_eq!(line.straight.lsns().await, (0..10_000).collect::<Vec<_>>());
}

/// As of a process that stood still: the broker has stored them, and its answer, or what is read back, comes behind
/// another owner's open.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_late_is_no_acknowledgement_behind_a_newer_open() {
    for &fence in KafkaFence::ALL {
        let line = Line::with(|config| config.fence = fence).await;
        let older = line.bed.open().await;
        append_now(&older, 0).await.unwrap();
        line.proxy().stall_way(Way::ToClient);
        let end = 1 + UNANSWERED;
        let calls: Vec<_> = (1..end).map(|number| append(&older, number)).collect();
        let landed = async || line.straight.lsns().await.len() as u64 == end;
        until("the appends", landed).await;
        let newer = line.straight.open().await;
        line.proxy().resume();
        for call in calls {
            assert_eq!(kind(in_time(call).await), ErrorKind::Fenced, "{fence}");
        }
        append_now(&newer, end).await.unwrap();
        assert_eq!(
            scanned(&newer, end).await,
            (0..=end).collect::<Vec<_>>(),
            "{fence}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_late_is_an_acknowledgement_where_nobody_came() {
    let line = Line::with(|_| {}).await;
    let wal = line.bed.open().await;
    line.proxy().stall_way(Way::ToClient);
    let calls: Vec<_> = (0..50).map(|number| append(&wal, number)).collect();
    clock::sleep(SECOND).await;
    line.proxy().resume();
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(offset(&in_time(call).await.unwrap()), 1 + number as i64);
    }
    append_now(&wal, 50).await.unwrap();
}

/// The mark may be in the log, and the writer that it belongs to was never given out.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_without_an_answer_keeps_nobody_from_resuming() {
    let line = Line::with(|config| {
        config.delivery_timeout.0 = SECOND;
        config.timeout.0 = 2 * SECOND;
    })
    .await;
    let mut wal = line.bed.open().await;
    let mut unanswered = 0;
    for number in 0..12 {
        append_now(&wal, number).await.unwrap();
        let claim = Claim::Resume(wal.fence_token());
        let lost = tokio::join!(line.bed.try_open(claim), async {
            clock::sleep(Duration::from_millis(50 * number)).await;
            line.proxy().stall_way(Way::ToClient);
        });
        line.proxy().cut().resume();
        wal = match lost.0 {
            Ok(wal) => wal,
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::Fenced, "{error}");
                unanswered += 1;
                in_time(async {
                    loop {
                        match line.bed.resume(&wal).await {
                            Ok(wal) => break wal,
                            Err(error) => assert_ne!(error.kind(), ErrorKind::Fenced, "{error}"),
                        }
                    }
                })
                .await
            }
        };
    }
    assert!(unanswered > 3, "{unanswered}");
    assert_eq!(line.straight.lsns().await, (0..12).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_takes_bounded_time_and_decides_what_is_on_its_way() {
    let line = Line::with(|_| {}).await;
    let wal = line.bed.open().await;
    append_now(&wal, 0).await.unwrap();
    line.proxy().stall();
    let calls: Vec<_> = (1..10).map(|number| append(&wal, number)).collect();
    let started = clock::now();
    wal.close().await.unwrap();
    let took = clock::now() - started;
    assert!(took < 3 * SECOND, "{took:?}");
    for call in calls {
        assert_eq!(kind(in_time(call).await), ErrorKind::OutcomeUnknown);
    }
    assert_eq!(kind(append_now(&wal, 10).await), ErrorKind::Closed);
    wal.close().await.unwrap();
    line.proxy().cut().resume();
    until("all clients gone", async || line.bed.clients() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_takes_bounded_time_also_while_a_transaction_ends() {
    for commit in [KafkaCommit::Long, KafkaCommit::Each] {
        let line = Line::with(|config| {
            config.commit = commit;
            config.roll.0 = Duration::from_millis(400);
        })
        .await;
        let wal = line.bed.open().await;
        append_now(&wal, 0).await.unwrap();
        line.proxy().stall();
        let call = (commit == KafkaCommit::Each).then(|| append(&wal, 1));
        clock::sleep(SECOND).await;
        let started = clock::now();
        let _ = wal.close().await;
        let took = clock::now() - started;
        assert!(took < 3 * SECOND, "{commit:?}: {took:?}");
        if let Some(call) = call {
            assert_eq!(kind(in_time(call).await), ErrorKind::OutcomeUnknown);
        }
        line.proxy().cut().resume();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_that_is_given_up_fences_nobody_who_opens_behind_it() {
    let line = Line::with(|_| {}).await;
    let older = line.straight.open().await;
    // Its transaction is open: whoever takes over is told to wait.
    append_now(&older, 0).await.unwrap();
    let (store, channel) = (Arc::clone(&line.bed.store), line.bed.channel.clone());
    let given_up = spawn::task(async move {
        let _ = super::super::open(&store, &channel, Claim::TakeOver).await;
    });
    until("a client", async || line.bed.store.clients_in_use() == 1).await;
    line.proxy().stall();
    drop(given_up);
    clock::sleep(SECOND / 2).await;
    let newer = line.straight.open().await;
    append_now(&newer, 1).await.unwrap();
    line.proxy().resume();
    for number in 2..40 {
        clock::sleep(SECOND / 20).await;
        append_now(&newer, number).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_answers_what_is_on_its_way_and_commits_it() {
    let bed = Bed::new().await;
    let wal = bed.open().await;
    let calls: Vec<_> = (0..5_000).map(|number| append(&wal, number)).collect();
    wal.close().await.unwrap();
    for call in calls {
        in_time(call).await.unwrap();
    }
    assert_eq!(bed.committed().await, (0..5_000).collect::<Vec<_>>());
    until("all clients gone", async || bed.clients() == 0).await;
}

#[test]
fn a_handle_can_be_dropped_without_a_runtime_with_appends_on_their_way() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let (bed, wal) = runtime.block_on(async {
        let bed = Bed::new().await;
        let wal = bed.open().await;
        (bed, wal)
    });
    let calls: Vec<_> = (0..1_000).map(|number| append(&wal, number)).collect();
    let started = clock::now();
    drop(wal);
    assert!(clock::now() - started < Duration::from_millis(100));
    runtime.block_on(async {
        for call in calls {
            let answer = in_time(call).await;
            assert!(answer.is_ok() || kind(answer) == ErrorKind::OutcomeUnknown);
        }
        until("all clients gone", async || bed.clients() == 0).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_client_s_queue_is_full_appends_wait_in_order() {
    let bed = Bed::new().await;
    set_option(&bed.topic, "queue.buffering.max.kbytes", "64");
    let wal = bed.open().await;
    let calls: Vec<_> = (0..4_000)
        .map(|number| match number % 3 {
            0 => wal.append(Batch::Many(vec![
                sized(2 * number, 999),
                record(2 * number + 1),
            ])),
            _ => wal.append(Batch::Many(vec![
                record(2 * number),
                sized(2 * number + 1, 999),
            ])),
        })
        .collect();
    let mut ids = Vec::new();
    for call in calls {
        let answer = in_time(call).await.unwrap();
        ids.extend(answer.as_slice().iter().map(|id| id.to_u64().unwrap()));
    }
    assert_eq!(ids, (1..=8_000).collect::<Vec<_>>());
    assert_eq!(bed.lsns().await, (0..8_000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_of_the_store_ends_its_writers() {
    let bed = Bed::new().await;
    let wal = bed.open().await;
    append_now(&wal, 0).await.unwrap();
    bed.store.close();
    assert_eq!(kind(append_now(&wal, 1).await), ErrorKind::Closed);
    until("all clients gone", async || bed.clients() == 0).await;
}
