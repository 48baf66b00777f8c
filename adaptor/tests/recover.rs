//! What becomes of appends behind one that failed: nothing is lost, nothing comes twice, the order stays.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Rig, message, numbers, scan_all, take, texts, within};
use walx_core::{
    Availability, CacheOption, ErrorKind, Lsn, Message, OpenOption, ScanOption, Term, Wal,
};
use walx_utility::{clock, random, spawn};

async fn all_of(wal: &Arc<dyn Wal>) -> Vec<String> {
    texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await)
}

#[tokio::test]
async fn what_landed_is_acknowledged_and_what_did_not_is_written_again() {
    for landed in [true, false] {
        let rig = Rig::new();
        let wal = rig.open().await;
        wal.append(message(0)).await.unwrap();
        rig.faults().unknown_next(landed);
        let appends: Vec<_> = (1..5).map(|i| wal.append(message(i))).collect();
        for (i, append) in appends.into_iter().enumerate() {
            assert_eq!(within(append).await.unwrap().lsn, Lsn::new(i as u64 + 1));
        }
        assert_eq!(wal.owner().term, Term::FIRST);
        assert_eq!(wal.owner().incarnation, 1);
        assert_eq!(all_of(&wal).await, numbers(0..5));
        assert!(matches!(wal.availability(), Availability::Available));
        wal.close().await.unwrap();
        // It was released by the incarnation that it had last.
        let wal = rig.open().await;
        assert_eq!(wal.owner().term, Term::new(2));
        wal.append(message(5)).await.unwrap();
        assert_eq!(all_of(&wal).await, numbers(0..6));
    }
}

#[tokio::test]
async fn a_record_that_landed_keeps_the_place_that_it_has_in_the_log() {
    let rig = Rig::new();
    let wal = rig.open().await;
    rig.faults().unknown_next(true);
    let place = within(wal.append(message("x"))).await.unwrap();
    assert_eq!(place.owner.incarnation, 0);
    let entries = scan_all(wal.as_ref(), ScanOption::earliest()).await;
    assert_eq!(entries[0].message().unwrap().place, place);
    let again = within(wal.append(message("y"))).await.unwrap();
    assert_eq!(again.owner.incarnation, 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_never_comes_is_a_failure_after_append_timeout() {
    let rig = Rig::new();
    let option = rig.option().with_append_timeout(Duration::from_secs(5));
    let wal = rig.opener.open(option).await.unwrap();
    rig.faults().lose_ack_next();
    let asked = clock::now();
    within(wal.append(message(0))).await.unwrap();
    assert!(asked.elapsed() >= Duration::from_secs(5));
    assert!(asked.elapsed() < Duration::from_secs(8));
    within(wal.append(message(1))).await.unwrap();
    assert_eq!(all_of(&wal).await, numbers(0..2));
}

#[tokio::test]
async fn a_backend_that_loses_one_acknowledgement_in_fifty_loses_and_doubles_nothing() {
    for seed in 0..20 {
        random::seed(seed);
        let rig = Rig::new();
        let tiny = CacheOption::new(1, Duration::ZERO);
        let option = rig.option().with_max_in_flight_bytes(4_000);
        let wal = rig.opener.open(option.with_cache(tiny)).await.unwrap();
        let mut scanner = wal.scan(ScanOption::earliest()).await.unwrap();
        let count = 1_000;
        let reader = spawn::task(async move { texts(&take(&mut scanner, count).await) });
        let mut appends = Vec::new();
        for i in 0..count {
            if random::within(0..50) == 0 {
                rig.faults().unknown_next(random::within(0..2) == 0);
            }
            appends.push(wal.append(message(i)));
            if random::within(0..4) == 0 {
                for append in appends.drain(..) {
                    within(append).await.unwrap();
                }
            }
        }
        for append in appends {
            within(append).await.unwrap();
        }
        assert_eq!(within(reader).await.unwrap(), numbers(0..count));
        assert_eq!(all_of(&wal).await, numbers(0..count), "seed {seed}");
        assert!(wal.owner().incarnation > 2);
    }
}

#[tokio::test(start_paused = true)]
async fn appends_wait_while_the_channel_cannot_be_opened_again_and_keep_their_order() {
    let rig = Rig::new();
    let option = rig.option().with_max_in_flight_bytes(1_000);
    let wal = rig.opener.open(option).await.unwrap();
    let permit = wal.reserve(1).await.unwrap();
    rig.faults().fail_open_next(5).unknown_next(true);
    let failed = wal.append(message(0));
    while matches!(wal.availability(), Availability::Available) {
        clock::sleep(Duration::from_millis(1)).await;
    }
    let Availability::Recovering(error) = wal.availability() else {
        panic!("{:?}", wal.availability())
    };
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    // Those with room take their place, the others join the queue; one that gives up leaves it.
    let reserved = permit.append(message(1));
    let behind: Vec<_> = (2..10).map(|i| wal.append(message(i))).collect();
    let left = wal.append(message("left"));
    let refused = wal.try_append(message("no")).unwrap_err();
    assert!(matches!(refused.error.kind(), ErrorKind::Overloaded { .. }));
    drop(left);
    for (i, append) in [failed, reserved].into_iter().chain(behind).enumerate() {
        assert_eq!(within(append).await.unwrap().lsn, Lsn::new(i as u64));
    }
    assert_eq!(all_of(&wal).await, numbers(0..10));
}

#[tokio::test(start_paused = true)]
async fn where_the_time_is_over_what_may_be_written_is_unknown_and_what_is_behind_is_not_written() {
    let rig = Rig::new();
    let option = rig.option().with_recovery_timeout(Duration::from_secs(10));
    let wal = rig.opener.open(option).await.unwrap();
    rig.faults().fail_open_next(1_000).unknown_next(true);
    let failed = wal.append(message("failed"));
    let sent = wal.append(message("sent"));
    while matches!(wal.availability(), Availability::Available) {
        clock::sleep(Duration::from_millis(1)).await;
    }
    let behind = wal.append(message("behind"));
    let asked = clock::now();
    let unavailable = within(wal.unavailable()).await;
    assert!(
        asked.elapsed() >= Duration::from_secs(7),
        "{:?}",
        asked.elapsed()
    );
    assert!(asked.elapsed() <= Duration::from_secs(10));
    assert!(matches!(unavailable, Availability::Unavailable(_)));
    assert_eq!(
        within(failed).await.unwrap_err().kind(),
        ErrorKind::OutcomeUnknown
    );
    // The backend said so itself.
    assert_eq!(
        within(sent).await.unwrap_err().kind(),
        ErrorKind::NotWritten
    );
    let error = within(behind).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotWritten, "{error}");
    assert_eq!(
        wal.append(message("later")).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    wal.close().await.unwrap();
    rig.faults().clear();
    let wal = rig
        .opener
        .open(rig.option().with_take_over(true))
        .await
        .unwrap();
    assert_eq!(all_of(&wal).await, ["failed"]);
}

#[tokio::test]
async fn one_that_was_overtaken_recovers_nothing_and_names_the_new_owner() {
    let rig = Rig::new();
    let old = rig.open().await;
    old.append(message("old")).await.unwrap();
    let option = rig.option().with_take_over(true);
    let new = rig.other_opener().open(option).await.unwrap();
    let appends = [old.append(message("a")), old.append(message("b"))];
    for append in appends {
        let error = within(append).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fenced);
        assert!(error.to_string().contains("owner: 2.0"), "{error}");
    }
    let Availability::Unavailable(error) = within(old.unavailable()).await else {
        panic!("it says nothing")
    };
    assert_eq!(error.kind(), ErrorKind::Fenced);
    new.append(message("new")).await.unwrap();
    assert_eq!(all_of(&new).await, ["old", "new"]);
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_comes_while_another_one_recovers_has_the_channel() {
    let rig = Rig::new();
    let old = rig.open().await;
    old.append(message("old")).await.unwrap();
    rig.faults().fail_open_next(2).unknown_next(false);
    let lost = old.append(message("lost"));
    while matches!(old.availability(), Availability::Available) {
        clock::sleep(Duration::from_millis(1)).await;
    }
    let option = rig.option().with_take_over(true);
    let new = loop {
        match rig.other_opener().open(option.clone()).await {
            Ok(new) => break new,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable),
        }
    };
    assert_eq!(within(lost).await.unwrap_err().kind(), ErrorKind::Fenced);
    new.append(message("new")).await.unwrap();
    assert_eq!(all_of(&new).await, ["old", "new"]);
}

#[tokio::test]
async fn a_record_that_the_backend_refuses_is_refused_and_the_others_go_on() {
    let rig = Rig::new();
    let wal = rig.open().await;
    rig.faults().pass_next(1).fail_next(1, ErrorKind::TooLarge);
    let appends: Vec<_> = (0..4).map(|i| wal.append(message(i))).collect();
    let mut outcomes = Vec::new();
    for append in appends {
        outcomes.push(within(append).await.map(|place| place.lsn.get()));
    }
    assert_eq!(
        outcomes[1].as_ref().unwrap_err().kind(),
        ErrorKind::TooLarge
    );
    let lsns: Vec<_> = outcomes.into_iter().flatten().collect();
    assert_eq!(lsns, [0, 1, 2]);
    assert_eq!(all_of(&wal).await, ["0", "2", "3"]);
}

#[tokio::test]
async fn a_failure_that_stays_is_told_at_once() {
    for kind in [ErrorKind::Corrupt, ErrorKind::Internal, ErrorKind::Denied] {
        let rig = Rig::new();
        let wal = rig.open().await;
        rig.faults().fail_next(1, kind);
        let error = within(wal.append(message("x"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
        assert!(!wal.availability().is_available());
    }
}

#[tokio::test]
async fn a_batch_is_written_again_whole() {
    for landed in [true, false] {
        let rig = Rig::new();
        let wal = rig.open().await;
        rig.faults().unknown_next(landed);
        let batch = wal.append_batch((0..5).map(message).collect());
        let behind = wal.append(message(5));
        let places = within(batch).await.unwrap();
        let lsns: Vec<_> = places.iter().map(|place| place.lsn.get()).collect();
        assert_eq!(lsns, [0, 1, 2, 3, 4]);
        within(behind).await.unwrap();
        assert_eq!(all_of(&wal).await, numbers(0..6));
    }
}

#[tokio::test]
async fn a_dropped_future_is_recovered_as_any_other() {
    let rig = Rig::new();
    let wal = rig.open().await;
    rig.faults().unknown_next(false);
    drop(wal.append(message(0)));
    drop(wal.append(message(1)));
    within(wal.append(message(2))).await.unwrap();
    assert_eq!(all_of(&wal).await, numbers(0..3));
}

#[tokio::test(start_paused = true)]
async fn a_close_waits_for_a_recovery_and_not_for_ever() {
    for fails in [2, 1_000] {
        let rig = Rig::new();
        let wal = rig.open().await;
        rig.faults().fail_open_next(fails).unknown_next(false);
        let append = wal.append(message(0));
        clock::sleep(Duration::from_millis(1)).await;
        let asked = clock::now();
        within(wal.close()).await.unwrap();
        assert!(asked.elapsed() < Duration::from_secs(4));
        let outcome = within(append).await;
        rig.faults().clear();
        let again = rig
            .opener
            .open(rig.option().with_take_over(true))
            .await
            .unwrap();
        if fails == 2 {
            outcome.unwrap();
            assert_eq!(all_of(&again).await, ["0"]);
        } else {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::OutcomeUnknown);
            assert!(all_of(&again).await.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn appends_that_fail_again_and_again_end_in_bounded_time() {
    let rig = Rig::new();
    let wal = rig.open().await;
    rig.faults().fail_next(10_000, ErrorKind::Unavailable);
    let asked = clock::now();
    let error = clock::timeout(Duration::from_secs(40), wal.append(message("x")))
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert!(asked.elapsed() >= Duration::from_secs(25));
}

#[tokio::test]
async fn what_a_message_carries_survives_a_recovery() {
    let rig = Rig::new();
    let wal = rig.open().await;
    rig.faults().unknown_next(false);
    let sent = Message::new("x")
        .with_property("a", "1")
        .with_idempotency_key("k");
    within(wal.append(sent.clone())).await.unwrap();
    let entries = scan_all(wal.as_ref(), ScanOption::earliest()).await;
    assert_eq!(entries[0].message().unwrap().message, sent);
}

#[tokio::test(start_paused = true)]
async fn a_refused_record_takes_no_time_from_the_next_recovery() {
    let rig = Rig::new();
    let option = rig.option().with_recovery_timeout(Duration::MAX);
    for option in [option, rig.option()] {
        refused_then_lost(&rig, option).await;
    }
}

async fn refused_then_lost(rig: &Rig, option: OpenOption) {
    let wal = rig.opener.open(option).await.unwrap();
    rig.faults().fail_next(1, ErrorKind::TooLarge);
    let error = within(wal.append(message("no"))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    clock::sleep(Duration::from_secs(3_600)).await;
    rig.faults().unknown_next(false);
    within(wal.append(message(0))).await.unwrap();
    wal.close().await.unwrap();
}

#[tokio::test]
async fn a_release_whose_answer_is_lost_releases_the_channel() {
    for landed in [true, false] {
        let rig = Rig::new();
        let wal = rig.open().await;
        wal.append(message(0)).await.unwrap();
        rig.faults().unknown_next(landed);
        wal.close().await.unwrap();
        let wal = rig.open().await;
        wal.append(message(1)).await.unwrap();
        assert_eq!(all_of(&wal).await, numbers(0..2), "landed: {landed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_barriers_alone_is_given_up_and_not_opened_in_a_busy_loop() {
    let rig = Rig::new();
    let wal = rig.open().await;
    for _ in 0..1_000 {
        rig.faults().fail_next(1, ErrorKind::Unavailable);
        rig.faults().pass_next(1);
    }
    let error = clock::timeout(Duration::from_secs(40), wal.append(message("x")));
    let error = error.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
    assert!(wal.owner().incarnation < 50, "{}", wal.owner());
}
