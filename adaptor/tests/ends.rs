//! Where scans end, and what one takes of the thread and of memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::time::Duration;

use common::{Rig, filled, message, numbers, rest, scan_all, texts, tiny, within};
use walx_core::{CacheOption, End, Entry, LostPolicy, Lsn, Position, ScanOption, VirtualChannel};

#[tokio::test]
async fn ends_are_inclusive() {
    for cache in [CacheOption::default(), tiny()] {
        let rig = Rig::new();
        let (wal, places) = filled(&rig, 10, cache).await;
        for end in [
            End::Id(places[4].id),
            End::Lsn(Lsn::new(4)),
            End::Tick(places[4].tick),
        ] {
            let all = rest(wal.scan(ScanOption::earliest().until(end)).await.unwrap()).await;
            assert_eq!(texts(&all), numbers(0..5), "{end:?}");
        }
    }
}

#[tokio::test]
async fn a_scan_of_nothing_ends_at_once() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    for position in [
        Position::Earliest,
        Position::Latest,
        Position::Lsn(Lsn::new(5)),
        Position::Last(5),
    ] {
        let option = ScanOption::new(position);
        let all = scan_all(wal.as_ref(), option.clone()).await;
        assert!(all.is_empty(), "{position:?}");
        let all = scan_all(reader.as_ref(), option).await;
        assert!(all.is_empty(), "ro {position:?}");
    }
}

#[tokio::test]
async fn a_hole_before_an_end_bound_is_told() {
    for cache in [CacheOption::default(), tiny()] {
        let rig = Rig::new();
        let (wal, places) = filled(&rig, 20, cache).await;
        wal.truncate(places[10].id).await.unwrap();
        for end in [
            End::Lsn(Lsn::new(4)),
            End::Tick(places[4].tick),
            End::Id(places[4].id),
        ] {
            let from = ScanOption::new(Position::Lsn(Lsn::new(2)));
            let mut scanner = wal
                .scan(from.on_lost(LostPolicy::Gap).until(end))
                .await
                .unwrap();
            let entries = within(scanner.next_batch(9)).await.unwrap();
            let [Entry::Gap(gap)] = &entries[..] else {
                panic!("{end:?}: {entries:?}")
            };
            assert_eq!(gap.lsns, Some((Lsn::new(2), Lsn::new(11))));
            assert!(within(scanner.next_batch(9)).await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn an_end_that_lies_before_the_start_or_at_a_barrier_ends_the_scan() {
    let rig = Rig::new();
    let (wal, places) = filled(&rig, 5, CacheOption::default()).await;
    let token = scan_all(wal.as_ref(), ScanOption::earliest()).await[4]
        .message()
        .unwrap()
        .token();
    let last = places[4];
    wal.close().await.unwrap();
    let wal = rig.open().await;
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    let barrier = wal.bounds().await.unwrap().newest.unwrap();
    assert!(barrier > last.id);
    for (position, end, count) in [
        (Position::Latest, End::Lsn(Lsn::new(2)), 0),
        (Position::After(last.id), End::Id(last.id), 0),
        (Position::Latest, End::Tick(last.tick), 0),
        (Position::Resume(token), End::Id(last.id), 0),
        (Position::Earliest, End::Id(barrier), 5),
        (Position::At(places[3].id), End::Lsn(Lsn::new(1)), 0),
    ] {
        for wal in [
            wal.clone() as std::sync::Arc<dyn walx_core::RoWal>,
            reader.clone(),
        ] {
            let all = rest(
                wal.scan(ScanOption::new(position).until(end))
                    .await
                    .unwrap(),
            )
            .await;
            assert_eq!(all.len(), count, "{position:?} {end:?}");
        }
    }
}

#[tokio::test]
async fn a_truncation_through_the_store_is_seen_by_the_owner_s_scans() {
    let rig = Rig::new();
    let (wal, places) = filled(&rig, 10, CacheOption::default()).await;
    rig.opener
        .truncate(&rig.channel, places[5].id)
        .await
        .unwrap();
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await),
        numbers(6..10)
    );
}

#[tokio::test]
async fn a_batch_is_bounded_in_bytes_and_a_scan_that_delivers_nothing_lets_others_run() {
    let rig = Rig::new();
    let wal = rig.open().await;
    for _ in 0..20 {
        wal.append(walx_core::Message::new(vec![0; 100_000]))
            .await
            .unwrap();
    }
    let mut scanner = wal
        .scan(ScanOption::earliest().with_read_ahead_bytes(250_000))
        .await
        .unwrap();
    assert_eq!(scanner.next_batch(100).await.unwrap().len(), 3);

    let other = VirtualChannel::new("other").unwrap();
    let handles: Vec<_> = (0..20_000)
        .map(|i| wal.append(message(i).with_virtual_channel(other.clone())))
        .collect();
    for handle in handles {
        handle.await.unwrap();
    }
    let mine = VirtualChannel::new("mine").unwrap();
    let option = ScanOption::new(Position::Lsn(Lsn::new(20))).with_virtual_channel(mine);
    let mut scanner = wal.scan(option).await.unwrap();
    let mut turns = 0;
    let next = scanner.next_batch(1);
    tokio::pin!(next);
    // The paused future is polled again at once as long as it has work to do.
    let _ = walx_utility::clock::timeout(
        Duration::from_millis(200),
        std::future::poll_fn(|context| {
            turns += 1;
            next.as_mut().poll(context)
        }),
    )
    .await;
    assert!(turns > 3, "it ran through in {turns} turns");
}
