//! A mirror copies what its first store has confirmed, in order and exactly once, whatever becomes of the second one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::pair::Pair;
use common::{message, scan_all, within};
use walx_adaptor::layer::{Acknowledge, Mirror, MirrorOption, MirrorWal};
use walx_core::{
    Append, Entry, ErrorKind, Message, Opener, RoWal, ScanOption, TransactionOption,
    VirtualChannel, Wal,
};
use walx_utility::{clock, random};

#[tokio::test]
async fn what_the_first_store_confirms_is_copied_and_the_copying_goes_on_where_it_was() {
    let pair = Pair::new(MirrorOption::new());
    for round in 0..3_u64 {
        let wal = pair.open().await;
        for i in 0..300 {
            wal.append(message(i)).await.unwrap();
        }
        let batch = (0..20).map(message).collect();
        wal.append_batch(batch).await.unwrap();
        assert_eq!(pair.check(&wal).await, 320 * (round + 1));
        wal.close().await.unwrap();
    }
    let owned = pair.second.open().await;
    let copies = scan_all(owned.as_ref(), ScanOption::earliest()).await;
    assert_eq!(copies.len(), 960);
    let Entry::Message(placed) = &copies[0] else {
        panic!("a message")
    };
    assert!(placed.message.property("mirror.from").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_second_store_that_fails_at_random_gets_everything_once_and_in_order() {
    for seed in 0..40 {
        let mut chance = random::Stream::seeded(seed);
        let pair = Pair::new(MirrorOption::new());
        let mut wal = pair.open().await;
        let mut appended = 0;
        for step in 0..60_u64 {
            let faults = pair.second.faults();
            match chance.within(0..17) {
                0 => drop(faults.fail_next(1, ErrorKind::Unavailable)),
                1 => drop(faults.unknown_next(chance.within(0..2) == 0)),
                2 => drop(faults.fence()),
                3 => drop(faults.fail_open_next(1)),
                4 => drop(pair.first.faults().fail_scan_next(1)),
                5 => {
                    // As if the process had ended.
                    drop(wal);
                    wal = pair.open().await;
                }
                6 => wal
                    .append_batch(random_batch(&mut chance, step))
                    .await
                    .map(|it| appended += it.len() as u64)
                    .unwrap(),
                7 => appended += u64::from(random_transaction(&mut chance, &wal, step).await),
                8 => within(wal.advance_tick(None)).await.map(drop).unwrap(),
                _ => {
                    let message = random_message(&mut chance, step);
                    wal.append(message).await.unwrap();
                    appended += 1;
                }
            }
        }
        assert_eq!(pair.check(&wal).await, appended, "seed {seed}");
        wal.close().await.unwrap();
    }
}

fn random_message(chance: &mut random::Stream, step: u64) -> Message {
    let mut message = message(step).with_property("n", step.to_string());
    if chance.within(0..3) == 0 {
        message = message.with_virtual_channel(VirtualChannel::new("a").unwrap());
    }
    if chance.within(0..3) == 0 {
        message = message.with_idempotency_key(step.to_string());
    }
    if chance.within(0..5) == 0 {
        // A message that is a copy itself, of another mirror.
        message = message.with_property("mirror.from", "elsewhere");
    }
    message
}

/// One that is committed, rolled back or dropped; whether it leaves a copy.
async fn random_transaction(chance: &mut random::Stream, wal: &MirrorWal, step: u64) -> bool {
    let mut option = TransactionOption::new();
    if chance.within(0..2) == 0 {
        option = option.with_virtual_channel(VirtualChannel::new("a").unwrap());
    }
    let transaction = wal.begin(option).unwrap();
    let bodies = chance.within(0..5);
    for _ in 0..bodies {
        let mut body = random_message(chance, step);
        body.virtual_channel = None;
        transaction.append(body).await.unwrap();
    }
    match chance.within(0..4) {
        0 => drop(transaction),
        1 => transaction.rollback().await.map(drop).unwrap(),
        _ => {
            transaction.commit().await.unwrap();
            return bodies > 0;
        }
    }
    false
}

fn random_batch(chance: &mut random::Stream, step: u64) -> Vec<Message> {
    (0..chance.within(1..20))
        .map(|_| random_message(chance, step))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_stalled_second_store_stalls_nobody_until_it_is_too_far_behind_and_is_told() {
    let pair = Pair::new(MirrorOption::new().with_max_lag(10));
    let wal = pair.open().await;
    wal.append(message(0)).await.unwrap();
    within(wal.mirrored()).await.unwrap();
    pair.second.faults().hold();
    for i in 1..=10 {
        wal.append(message(i)).await.unwrap();
    }
    assert_eq!(wal.state().lag, 10);
    let error = wal.append(message(11)).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Overloaded { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("second store"), "{error}");
    pair.second.faults().release_all();
    within(wal.mirrored()).await.unwrap();
    wal.append(message(11)).await.unwrap();
    assert_eq!(pair.check(&wal).await, 12);
}

#[tokio::test(start_paused = true)]
async fn a_second_store_that_cannot_be_opened_is_told_and_tried_again() {
    let pair = Pair::new(MirrorOption::new());
    pair.second.faults().fail_open_next(u32::MAX);
    let wal = pair.open().await;
    wal.append(message("a")).await.unwrap();
    within(async {
        while wal.state().stalled.is_none() {
            clock::sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    let state = pair.mirror.state(&pair.first.channel).unwrap();
    assert_eq!(state.stalled.unwrap().kind(), ErrorKind::Unavailable);
    assert_eq!((state.lag, state.copied), (1, None));
    let refused = wal.truncate(wal.tail().await.unwrap().id.unwrap()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Conflict);
    pair.second.faults().clear();
    assert_eq!(pair.check(&wal).await, 1);
    assert!(wal.state().stalled.is_none());
    wal.append(message("b")).await.unwrap();
    within(wal.mirrored()).await.unwrap();
    let place = wal.append(message("c")).await.unwrap();
    within(wal.mirrored()).await.unwrap();
    wal.truncate(place.id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn with_both_an_append_waits_for_the_second_store_and_says_where_it_is_otherwise() {
    let option = MirrorOption::new()
        .with_acknowledge(Acknowledge::Both)
        .with_second_timeout(Duration::from_secs(5));
    let pair = Pair::new(option);
    let wal = pair.open().await;
    let place = within(wal.append(message("a"))).await.unwrap();
    assert_eq!(wal.state().copied, Some(place.id));
    pair.second.faults().hold();
    let began = clock::now();
    let error = wal.append(message("b")).await.unwrap_err();
    assert_eq!(
        (error.kind(), began.elapsed().as_secs()),
        (ErrorKind::OutcomeUnknown, 5)
    );
    assert!(
        error.to_string().contains("durable in the first store"),
        "{error}"
    );
    // The order is that of the calls, and dropping an append cancels nothing.
    let waiting: Vec<Append> = (0..3).map(|i| wal.append(message(i))).collect();
    drop(waiting);
    pair.second.faults().release_all();
    let places = wal
        .append_batch(vec![message("c"), message("d")])
        .await
        .unwrap();
    assert_eq!(places[1].lsn.get(), 6);
    assert_eq!(pair.check(&wal).await, 7);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_copied_whole_and_with_both_its_commit_waits_for_both() {
    let option = MirrorOption::new()
        .with_acknowledge(Acknowledge::Both)
        .with_second_timeout(Duration::from_secs(5));
    let pair = Pair::new(option);
    let wal = pair.open().await;
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    pair.second.faults().hold();
    for i in 0..600 {
        within(transaction.append(message(i))).await.unwrap();
    }
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    pair.second.faults().release_all();
    let empty = wal.begin(TransactionOption::new()).unwrap();
    within(empty.commit()).await.unwrap();
    assert_eq!(pair.check(&wal).await, 1);
    wal.close().await.unwrap();
    let reader = pair
        .second
        .opener
        .open_read_only(pair.second.option())
        .await
        .unwrap();
    let copies = scan_all(reader.as_ref(), ScanOption::earliest()).await;
    assert!(matches!(&copies[..], [Entry::Transaction(copy)] if copy.count() == 600));
    // It goes on behind it, and not with it.
    let wal = pair.open().await;
    wal.append(message("next")).await.unwrap();
    assert_eq!(pair.check(&wal).await, 2);
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_rolled_back_are_no_lag_that_refuses_others() {
    let pair = Pair::new(MirrorOption::new().with_max_lag(10));
    let wal = pair.open().await;
    for _ in 0..5 {
        let transaction = wal.begin(TransactionOption::new()).unwrap();
        for i in 0..8 {
            within(transaction.append(message(i))).await.unwrap();
        }
        transaction.rollback().await.unwrap();
        clock::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(pair.check(&wal).await, 0);
}

#[tokio::test]
async fn a_close_waits_until_the_second_store_has_everything() {
    let pair = Pair::new(MirrorOption::new());
    let wal = pair.open().await;
    for i in 0..1000 {
        drop(wal.append(message(i)));
    }
    wal.append(message("last")).await.unwrap();
    wal.close().await.unwrap();
    assert_eq!(
        wal.append(message("late")).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    let compared = pair.mirror.compare(&pair.first.channel).await.unwrap();
    assert_eq!((compared.equal, compared.behind), (1001, 0));
    pair.mirror.close().await.unwrap();
}

#[tokio::test]
async fn an_owner_that_was_overtaken_leaves_the_second_store_to_its_successor() {
    let pair = Pair::new(MirrorOption::new());
    let old = pair.open().await;
    old.append(message("a")).await.unwrap();
    within(old.mirrored()).await.unwrap();
    let other = Mirror::new(
        pair.first.other_opener(),
        pair.second.other_opener(),
        MirrorOption::new(),
    );
    let option = pair.first.option().with_take_over(true);
    let new = other.open_mirrored(option).await.unwrap();
    for i in 0..10 {
        new.append(message(i)).await.unwrap();
        let _ = old.append(message("late")).await.unwrap_err();
    }
    assert_eq!(pair.check(&new).await, 11);
    old.close().await.unwrap();
    new.append(message("z")).await.unwrap();
    assert_eq!(pair.check(&new).await, 12);
}

#[tokio::test]
async fn a_mirror_is_a_store_like_any_other() {
    let pair = Pair::new(MirrorOption::new());
    let store: Arc<dyn Opener> = pair.mirror.clone();
    let wal = store.open(pair.first.option()).await.unwrap();
    wal.append(message("a")).await.unwrap();
    assert_eq!(store.list().await.unwrap()[0], pair.first.channel);
    let reader = store.open_read_only(pair.first.option()).await.unwrap();
    assert_eq!(
        scan_all(reader.as_ref(), ScanOption::earliest())
            .await
            .len(),
        1
    );
    assert_eq!(
        store
            .describe(&pair.first.channel)
            .await
            .unwrap()
            .tail
            .lsn
            .get(),
        1
    );
    store.close().await.unwrap();
    assert!(wal.append(message("b")).await.is_err());
}
