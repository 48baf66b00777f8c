//! What an owner writes of transactions, read record by record.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::time::Duration;

use common::raw::{check, kinds, records};
use common::{Rig, message, within};
use walx_core::{ErrorKind, Flags, Kind, Lsn, Message, Term, TransactionOption, VirtualChannel};
use walx_utility::clock;

async fn raw(rig: &Rig) -> Vec<walx_core::Record> {
    records(&rig.store, &rig.channel).await
}

async fn delivered(rig: &Rig) -> Vec<Vec<String>> {
    check(&raw(rig).await)
}

fn stream(name: &str) -> VirtualChannel {
    VirtualChannel::new(name).unwrap()
}

#[tokio::test]
async fn a_commit_stands_behind_its_messages_and_carries_their_count() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let option = TransactionOption::new().with_virtual_channel(stream("v"));
    let transaction = wal.begin(option).unwrap();
    let body = transaction.append(message("a"));
    let plain = wal.append(message("b"));
    let second = transaction.append(message("c"));
    let commit = within(transaction.commit()).await.unwrap();
    let lsns = [
        within(body).await,
        within(plain).await,
        within(second).await,
    ];
    assert_eq!(lsns.map(|it| it.unwrap().lsn.get()), [0, 1, 2]);
    assert_eq!(commit.lsn, Lsn::new(3));
    assert_eq!(delivered(&rig).await, [vec!["b"], vec!["a", "c"]]);
    let of_stream = |it: &walx_core::Record| it.header.virtual_channel == Some(stream("v"));
    assert_eq!(raw(&rig).await.iter().filter(|it| of_stream(it)).count(), 4);
}

#[tokio::test]
async fn what_is_rolled_back_or_dropped_counts_for_nothing() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let first = wal.begin(TransactionOption::new()).unwrap();
    let second = wal.begin(TransactionOption::new()).unwrap();
    within(first.append(message("a"))).await.unwrap();
    within(second.append(message("b"))).await.unwrap();
    within(first.rollback()).await.unwrap();
    drop(second);
    within(wal.append(message("c"))).await.unwrap();
    assert_eq!(delivered(&rig).await, [["c"]]);
    let raw = raw(&rig).await;
    let ends = raw.iter().filter(|it| it.header.kind == Kind::Rollback);
    assert!(ends.clone().all(|it| it.header.flags == Flags::default()));
    assert_eq!(ends.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_without_a_call_for_its_keepalive_expires() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let option = TransactionOption::new().with_keepalive(Duration::from_secs(5));
    let idle = wal.begin(option.clone()).unwrap();
    let alive = wal.begin(option).unwrap();
    within(idle.append(message("idle"))).await.unwrap();
    for i in 0..4 {
        clock::sleep(Duration::from_secs(3)).await;
        match i % 2 {
            0 => alive.keep_alive().unwrap(),
            _ => drop(within(alive.append(message(i))).await.unwrap()),
        }
    }
    let refused = within(idle.append(message("late"))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::NotWritten);
    assert!(refused.to_string().contains("keepalive"), "{refused}");
    assert_eq!(idle.keep_alive().unwrap_err().kind(), ErrorKind::NotWritten);
    assert_eq!(
        within(idle.commit()).await.unwrap_err().kind(),
        ErrorKind::NotWritten
    );
    within(alive.commit()).await.unwrap();
    assert_eq!(delivered(&rig).await, [["1", "3"]]);
    let raw = raw(&rig).await;
    let end = raw
        .iter()
        .find(|it| it.header.kind == Kind::Rollback)
        .unwrap();
    assert_eq!(end.header.flags, Flags::EXPIRED);
}

#[tokio::test(start_paused = true)]
async fn nothing_expires_while_its_message_is_on_its_way() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let option = TransactionOption::new().with_keepalive(Duration::from_secs(2));
    let transaction = wal.begin(option).unwrap();
    rig.faults().hold();
    let body = transaction.append(message("a"));
    clock::sleep(Duration::from_secs(20)).await;
    rig.faults().release_all();
    within(body).await.unwrap();
    within(transaction.commit()).await.unwrap();
    assert_eq!(delivered(&rig).await, [["a"]]);
}

#[tokio::test]
async fn an_exclusive_message_ends_the_open_transactions_of_its_stream() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let of = |name| TransactionOption::new().with_virtual_channel(stream(name));
    let (v, w) = (wal.begin(of("v")).unwrap(), wal.begin(of("w")).unwrap());
    let all = wal.begin(TransactionOption::new()).unwrap();
    let alone = message("alone")
        .with_virtual_channel(stream("v"))
        .exclusive();
    let inside = within(w.append(alone.clone())).await.unwrap_err();
    assert_eq!(inside.kind(), ErrorKind::InvalidInput);
    within(wal.append(alone)).await.unwrap();
    for ended in [v, all] {
        let error = within(ended.append(message("x"))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotWritten);
        assert!(error.to_string().contains("exclusive"), "{error}");
    }
    let foreign = message("y").with_virtual_channel(stream("v"));
    let error = within(w.append(foreign)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    within(w.append(message("z"))).await.unwrap();
    within(w.commit()).await.unwrap();
    assert_eq!(delivered(&rig).await, [["alone"], ["z"]]);
    // It ends those of all streams.
    let (v, w) = (wal.begin(of("v")).unwrap(), wal.begin(of("w")).unwrap());
    within(wal.append(message("all").exclusive()))
        .await
        .unwrap();
    assert!(within(v.commit()).await.is_err() && within(w.commit()).await.is_err());
    check(&raw(&rig).await);
}

#[tokio::test]
async fn a_close_rolls_back_what_is_open_and_ends_cleanly() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    within(transaction.append(message("a"))).await.unwrap();
    within(wal.close()).await.unwrap();
    assert_eq!(
        kinds(&raw(&rig).await),
        [Kind::Begin, Kind::Data, Kind::Rollback, Kind::Release]
    );
    let error = within(transaction.commit()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(
        wal.begin(TransactionOption::new()).unwrap_err().kind(),
        ErrorKind::Closed
    );
    assert!(delivered(&rig).await.is_empty());
}

#[tokio::test]
async fn a_new_owner_rolls_back_what_it_finds_open() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let kept: Vec<_> = (0..3)
        .map(|_| wal.begin(TransactionOption::new()).unwrap())
        .collect();
    within(kept[1].append(message("a"))).await.unwrap();
    let [first, second, third] = <[_; 3]>::try_from(kept).unwrap();
    within(second.commit()).await.unwrap();
    let next = rig
        .other_opener()
        .open(rig.option().with_take_over(true))
        .await
        .unwrap();
    within(next.append(message("b"))).await.unwrap();
    let error = within(first.commit()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    drop(third);
    assert_eq!(delivered(&rig).await, [["a"], ["b"]]);
    let raw = raw(&rig).await;
    let found = raw.iter().filter(|it| it.header.kind == Kind::Rollback);
    assert!(found.clone().all(|it| it.header.owner.term == Term::new(2)));
    assert!(found.clone().all(|it| it.header.flags == Flags::EXPIRED));
    assert_eq!(found.count(), 2);
    assert!(raw.last().unwrap().header.oldest_open.is_none());
}

#[tokio::test]
async fn an_open_reads_back_to_the_last_checkpoint_only() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let old = wal.begin(TransactionOption::new()).unwrap();
    let ended = wal.begin(TransactionOption::new()).unwrap();
    let large = Message::new(vec![0; 1 << 20]);
    for _ in 0..40 {
        within(wal.append(large.clone())).await.unwrap();
    }
    let young = wal.begin(TransactionOption::new()).unwrap();
    within(ended.commit()).await.unwrap();
    let points = raw(&rig).await;
    let points = points
        .iter()
        .filter(|it| it.header.kind == Kind::Checkpoint);
    assert_eq!(points.count(), 2);
    let next = rig
        .other_opener()
        .open(rig.option().with_take_over(true))
        .await
        .unwrap();
    within(next.append(message("b"))).await.unwrap();
    let raw = raw(&rig).await;
    check(&raw);
    let found = raw.iter().filter(|it| it.header.flags == Flags::EXPIRED);
    assert_eq!(found.count(), 2);
    drop((old, young));
}

#[tokio::test]
async fn a_truncation_keeps_the_begin_of_an_open_transaction() {
    let rig = Rig::new();
    let wal = rig.open().await;
    within(wal.append(message(0))).await.unwrap();
    let transaction = wal.begin(TransactionOption::new()).unwrap();
    let mut last = None;
    for i in 1..50 {
        last = Some(within(wal.append(message(i))).await.unwrap());
    }
    let last = last.unwrap().id;
    let described = rig.opener.describe(&rig.channel).await.unwrap();
    assert!(described.last_droppable.unwrap() < last);
    for through_store in [false, true] {
        match through_store {
            false => wal.truncate(last).await.unwrap(),
            true => rig.opener.truncate(&rig.channel, last).await.unwrap(),
        }
        assert_eq!(raw(&rig).await[0].header.kind, Kind::Begin);
    }
    within(transaction.commit()).await.unwrap();
    wal.truncate(last).await.unwrap();
    assert_eq!(kinds(&raw(&rig).await), [Kind::Commit]);
}

#[tokio::test]
async fn a_transaction_of_which_the_backend_refuses_a_message_is_not_committed() {
    for commits_at_once in [true, false] {
        let rig = Rig::new();
        let wal = rig.open().await;
        let transaction = wal.begin(TransactionOption::new()).unwrap();
        within(transaction.append(message("a"))).await.unwrap();
        rig.faults().hold();
        rig.faults().fail_next(1, ErrorKind::TooLarge);
        let refused = transaction.append(message("b"));
        let behind = transaction.append(message("c"));
        let commit = match commits_at_once {
            true => {
                let commit = transaction.commit();
                rig.faults().release_all();
                assert_eq!(
                    within(refused).await.unwrap_err().kind(),
                    ErrorKind::TooLarge
                );
                within(behind).await.unwrap();
                commit
            }
            false => {
                rig.faults().release_all();
                assert_eq!(
                    within(refused).await.unwrap_err().kind(),
                    ErrorKind::TooLarge
                );
                within(behind).await.unwrap();
                transaction.commit()
            }
        };
        let error = within(commit).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotWritten);
        assert!(error.to_string().contains("was not written"), "{error}");
        within(wal.append(message("d"))).await.unwrap();
        assert_eq!(delivered(&rig).await, [["d"]]);
    }
}
