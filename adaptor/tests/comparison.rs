//! What differs between the stores of a mirror is found, and told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::time::Duration;

use common::pair::Pair;
use common::{Rig, message, scan_all, within};
use walx_adaptor::layer::{Mirror, MirrorOption, MirrorWal};
use walx_core::{Entry, Message, RoWal, ScanOption, Wal};
use walx_utility::clock;

#[tokio::test]
async fn another_second_store_is_found_by_the_comparison_and_gets_nothing() {
    let pair = Pair::new(MirrorOption::new());
    let wal = pair.open().await;
    for i in 0..10 {
        wal.append(message(i)).await.unwrap();
    }
    pair.check(&wal).await;
    wal.close().await.unwrap();
    let Pair { first, second, .. } = pair;

    // The copy of another log.
    let other = Pair::of(Rig::new(), second, MirrorOption::new());
    let wal = other.open().await;
    for i in 0..10 {
        wal.append(message(i)).await.unwrap();
    }
    stalls(&wal, "another one").await;
    let compared = other.mirror.compare(&first.channel).await.unwrap();
    let difference = compared.difference.unwrap();
    assert!(difference.what.contains("another log"), "{difference:?}");
    assert_eq!(compared.equal, 0);
    drop(wal);

    // A log that no mirror wrote.
    let foreign = Rig::new();
    let owned = foreign.open().await;
    owned.append(message("mine")).await.unwrap();
    owned.close().await.unwrap();
    let pair = Pair::of(first, foreign, MirrorOption::new());
    let wal = pair.open().await;
    stalls(&wal, "no mirror wrote").await;
    let compared = pair.mirror.compare(&pair.first.channel).await.unwrap();
    assert!(
        compared
            .difference
            .unwrap()
            .what
            .contains("no mirror wrote")
    );
    let entries = scan_all(
        pair.second
            .opener
            .open_read_only(pair.second.option())
            .await
            .unwrap()
            .as_ref(),
        ScanOption::earliest(),
    )
    .await;
    assert_eq!(entries.len(), 1, "nothing was added to it");
}

/// Waits until the mirror tells this.
async fn stalls(wal: &MirrorWal, what: &str) {
    within(async {
        loop {
            if let Some(error) = wal.state().stalled {
                assert!(error.to_string().contains(what), "{error}");
                return;
            }
            clock::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_is_changed_is_lacking_or_is_too_many_is_the_first_difference() {
    let pair = Pair::new(MirrorOption::new());
    let wal = pair.open().await;
    for i in 0..10 {
        wal.append(message(i)).await.unwrap();
    }
    pair.check(&wal).await;
    wal.close().await.unwrap();
    let owned = pair.second.open().await;
    let copies = scan_all(owned.as_ref(), ScanOption::earliest()).await;
    let copies: Vec<_> = copies
        .iter()
        .map(|it| it.message().unwrap().message.clone())
        .collect();
    type Change = fn(&mut Vec<Message>);
    let changes: [(Change, u64, &str); 4] = [
        (|all| all[3].payload = "x".into(), 3, "the payloads differ"),
        (|all| drop(all.remove(4)), 4, "the second store lacks it"),
        (
            |all| all.insert(5, all[4].clone()),
            5,
            "the first store has no such entry",
        ),
        (
            |all| all[6].idempotency_key = Some("k".into()),
            6,
            "the messages differ",
        ),
    ];
    for (change, equal, what) in changes {
        let mut changed = copies.clone();
        change(&mut changed);
        let second = Rig::new();
        let owned = second.open().await;
        for message in changed {
            owned.append(message).await.unwrap();
        }
        owned.close().await.unwrap();
        let mirror = Mirror::new(
            pair.first.other_opener(),
            second.other_opener(),
            MirrorOption::new(),
        );
        let compared = mirror.compare(&pair.first.channel).await.unwrap();
        assert_eq!(
            (compared.equal, compared.difference.unwrap().what.as_str()),
            (equal, what)
        );
    }
}

#[tokio::test]
async fn a_gap_of_the_first_store_is_told_in_the_second() {
    let pair = Pair::new(MirrorOption::new());
    let wal = pair.open().await;
    wal.append(message(0)).await.unwrap();
    pair.check(&wal).await;
    wal.close().await.unwrap();
    // Without the mirror.
    let owned = pair.first.open().await;
    let mut places = Vec::new();
    for i in 1..10 {
        places.push(owned.append(message(i)).await.unwrap());
    }
    owned.truncate(places[4].id).await.unwrap();
    owned.close().await.unwrap();
    let wal = pair.open().await;
    within(wal.mirrored()).await.unwrap();
    assert!(wal.state().gaps >= 1);
    let reader = pair
        .second
        .opener
        .open_read_only(pair.second.option())
        .await
        .unwrap();
    let copies = scan_all(reader.as_ref(), ScanOption::earliest()).await;
    let told = |entry: &Entry| {
        entry
            .message()
            .unwrap()
            .message
            .property("mirror.gap")
            .map(<[u8]>::to_vec)
    };
    assert_eq!(copies.len(), 5);
    assert_eq!(told(&copies[0]), None);
    let gap = String::from_utf8(told(&copies[1]).unwrap()).unwrap();
    assert!(gap.starts_with("gap (truncated)"), "{gap}");
    assert!(copies[2..].iter().all(|it| told(it).is_none()));
    assert_eq!(pair.check(&wal).await, 4);
}
