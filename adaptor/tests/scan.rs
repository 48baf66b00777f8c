//! Where scans start and end, and how they go on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::time::{Duration, UNIX_EPOCH};

use common::{Rig, filled, message, numbers, scan_all, take, texts, tiny, within};
use tokio_stream::StreamExt as _;
use walx_core::{
    CacheOption, End, Entry, ErrorKind, GapReason, LostPolicy, Lsn, MessageId, Position, ScanMode,
    ScanOption, VirtualChannel,
};

#[tokio::test]
async fn each_position_starts_where_it_says_from_cache_and_backend_and_as_a_reader() {
    for cache in [CacheOption::default(), tiny()] {
        let rig = Rig::new();
        let (wal, places) = filled(&rig, 20, cache).await;
        let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
        let time = UNIX_EPOCH + Duration::from_millis(places[0].tick.unix_ms());
        let scan = scan_all(wal.as_ref(), ScanOption::earliest()).await;
        let token = scan[6].message().unwrap().token();
        let cases = [
            (Position::Earliest, 0),
            (Position::Latest, 20),
            (Position::At(places[7].id), 7),
            (Position::After(places[7].id), 8),
            (Position::Lsn(Lsn::new(7)), 7),
            (Position::Lsn(Lsn::new(0)), 0),
            (Position::Lsn(Lsn::new(25)), 20),
            (Position::Tick(places[7].tick), 7),
            (Position::Tick(places[6].tick.next()), 7),
            (Position::Tick(places[19].tick.next()), 20),
            (Position::Time(time), 0),
            (Position::Last(3), 17),
            (Position::Last(99), 0),
            (Position::Last(0), 20),
            (Position::Resume(token), 7),
        ];
        for (position, first) in cases {
            let expected = numbers(first..20);
            assert_eq!(
                texts(&scan_all(wal.as_ref(), ScanOption::new(position)).await),
                expected,
                "{position:?}"
            );
            assert_eq!(
                texts(&scan_all(reader.as_ref(), ScanOption::new(position)).await),
                expected,
                "ro {position:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_lsn_beyond_the_tail_waits_for_its_message() {
    let rig = Rig::new();
    let (wal, _) = filled(&rig, 3, CacheOption::default()).await;
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    let mut ahead = wal
        .scan(ScanOption::new(Position::Lsn(Lsn::new(5))))
        .await
        .unwrap();
    let mut ro_ahead = reader
        .scan(ScanOption::new(Position::Lsn(Lsn::new(5))))
        .await
        .unwrap();
    for i in 3..8 {
        wal.append(message(i)).await.unwrap();
    }
    assert_eq!(texts(&take(&mut ahead, 3).await), numbers(5..8));
    assert_eq!(texts(&take(&mut ro_ahead, 3).await), numbers(5..8));
}

#[tokio::test]
async fn a_truncated_start_is_an_error_or_a_gap_by_choice() {
    for cache in [CacheOption::default(), tiny()] {
        let rig = Rig::new();
        let (wal, places) = filled(&rig, 10, cache).await;
        wal.close().await.unwrap();
        let wal = rig
            .opener
            .open(rig.option().with_cache(cache))
            .await
            .unwrap();
        let token = scan_all(wal.as_ref(), ScanOption::earliest()).await[1]
            .message()
            .unwrap()
            .token();
        wal.truncate(places[5].id).await.unwrap();
        for position in [
            Position::Lsn(Lsn::new(2)),
            Position::At(places[2].id),
            Position::After(places[2].id),
            Position::Tick(places[2].tick),
            Position::Resume(token),
        ] {
            let error = wal
                .scan(ScanOption::new(position))
                .await
                .map(|_| ())
                .unwrap_err();
            let ErrorKind::PositionLost {
                earliest: Some(earliest),
            } = error.kind()
            else {
                panic!("{error}")
            };
            assert_eq!(earliest, places[6].id, "{position:?}");
            let entries = scan_all(
                wal.as_ref(),
                ScanOption::new(position).on_lost(LostPolicy::Gap),
            )
            .await;
            let Entry::Gap(gap) = &entries[0] else {
                panic!("{position:?}: {:?}", entries[0])
            };
            assert_eq!(gap.reason, GapReason::Truncated);
            assert_eq!(texts(&entries[1..]), numbers(6..10), "{position:?}");
        }
        // Exactly behind what was truncated nothing is lost.
        assert_eq!(
            texts(&scan_all(wal.as_ref(), ScanOption::new(Position::After(places[5].id))).await),
            numbers(6..10)
        );
        assert_eq!(
            texts(&scan_all(wal.as_ref(), ScanOption::new(Position::Lsn(Lsn::new(6)))).await),
            numbers(6..10)
        );
    }
}

#[tokio::test]
async fn a_scanner_that_the_truncation_overtakes_tells_the_hole() {
    let rig = Rig::new();
    let (wal, places) = filled(&rig, 2000, tiny()).await;
    let option = ScanOption::earliest()
        .on_lost(LostPolicy::Gap)
        .with_read_ahead_bytes(1);
    let mut scanner = wal.scan(option).await.unwrap();
    assert_eq!(texts(&take(&mut scanner, 5).await), numbers(0..5));
    wal.truncate(places[1500].id).await.unwrap();
    let mut seen = 5;
    loop {
        match take(&mut scanner, 1).await.remove(0) {
            Entry::Message(placed) => {
                assert_eq!(placed.place.lsn.get(), seen);
                seen += 1;
            }
            Entry::Gap(gap) => {
                assert_eq!(gap.reason, GapReason::Truncated);
                assert_eq!(gap.lsns, Some((Lsn::new(seen), Lsn::new(1501))));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(texts(&take(&mut scanner, 499).await), numbers(1501..2000));
}

#[tokio::test]
async fn ids_of_another_backend_are_refused() {
    let rig = Rig::new();
    let (wal, _) = filled(&rig, 1, CacheOption::default()).await;
    let foreign: MessageId = "kafka:0000000000000000".parse().unwrap();
    for option in [
        ScanOption::new(Position::At(foreign)),
        ScanOption::new(Position::After(foreign)),
        ScanOption::earliest().until(End::Id(foreign)),
    ] {
        assert_eq!(
            wal.scan(option).await.map(|_| ()).unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    }
    assert_eq!(
        wal.truncate(foreign).await.unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn a_virtual_channel_gets_its_own_messages_and_those_for_all() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let a = VirtualChannel::new("a").unwrap();
    wal.append(message("0").with_virtual_channel(a.clone()))
        .await
        .unwrap();
    wal.append(message("1").with_virtual_channel(VirtualChannel::new("b").unwrap()))
        .await
        .unwrap();
    wal.append(message("2")).await.unwrap();
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::earliest().with_virtual_channel(a)).await),
        ["0", "2"]
    );
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await),
        ["0", "1", "2"]
    );
}

#[tokio::test]
async fn a_backend_that_fails_for_a_while_is_read_again_from_the_last_place() {
    let rig = Rig::new();
    let (wal, _) = filled(&rig, 1500, tiny()).await;
    let mut scanner = wal
        .scan(ScanOption::earliest().with_read_ahead_bytes(4000))
        .await
        .unwrap();
    assert_eq!(texts(&take(&mut scanner, 10).await), numbers(0..10));
    rig.faults().fail_scan_next(2);
    assert_eq!(texts(&take(&mut scanner, 1490).await), numbers(10..1500));
}

#[tokio::test]
async fn a_reader_follows_and_its_scanners_share_one_backend_reader() {
    let rig = Rig::new();
    let (wal, _) = filled(&rig, 5, CacheOption::default()).await;
    let reader = rig
        .other_opener()
        .open_read_only(rig.option())
        .await
        .unwrap();
    let mut scanners = Vec::new();
    for _ in 0..8 {
        scanners.push(reader.scan(ScanOption::earliest()).await.unwrap());
    }
    for scanner in &mut scanners {
        assert_eq!(texts(&take(scanner, 5).await), numbers(0..5));
    }
    for i in 5..50 {
        wal.append(message(i)).await.unwrap();
        if i % 9 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for scanner in &mut scanners {
        assert_eq!(texts(&take(scanner, 45).await), numbers(5..50));
        assert_eq!(scanner.mode(), ScanMode::Tailing);
    }
}

#[tokio::test]
async fn a_scanner_is_a_stream_and_its_token_follows_what_was_handed_out() {
    let rig = Rig::new();
    let (wal, _) = filled(&rig, 5, CacheOption::default()).await;
    let mut scanner = wal
        .scan(ScanOption::earliest().until(End::Tail))
        .await
        .unwrap();
    assert_eq!(scanner.token(), None);
    let first = scanner.next().await.unwrap().unwrap();
    assert_eq!(texts(&[first]), ["0"]);
    let token = scanner.token().unwrap();
    assert_eq!(texts(&scanner.next_batch(2).await.unwrap()), ["1", "2"]);
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::new(Position::Resume(token))).await),
        numbers(1..5)
    );
    assert_eq!(
        (&mut scanner)
            .map(Result::unwrap)
            .collect::<Vec<_>>()
            .await
            .len(),
        2
    );
    assert!(scanner.next().await.is_none());
}

#[tokio::test]
async fn a_batch_that_is_not_awaited_loses_nothing() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let mut scanner = wal.scan(ScanOption::latest()).await.unwrap();
    for i in 0..100 {
        let early = walx_utility::clock::timeout(Duration::ZERO, scanner.next_batch(1)).await;
        assert!(early.is_err());
        wal.append(message(i)).await.unwrap();
        assert_eq!(texts(&take(&mut scanner, 1).await), [i.to_string()]);
    }
}

#[tokio::test]
async fn an_owner_that_truncates_what_another_process_truncated_delivers_it_no_more() {
    let rig = Rig::new();
    let (wal, places) = filled(&rig, 2, CacheOption::default()).await;
    let other = rig.other_opener();
    other.truncate(&rig.channel, places[0].id).await.unwrap();
    wal.truncate(places[1].id).await.unwrap();
    let option = ScanOption::earliest().on_lost(LostPolicy::Gap);
    let all = scan_all(wal.as_ref(), option).await;
    assert_eq!(texts(&all), ["1"]);
}

/// The scan begins in the cache, before anything is there.
#[tokio::test]
async fn a_start_that_is_truncated_before_it_is_read_is_told() {
    for policy in [LostPolicy::Gap, LostPolicy::Error] {
        let rig = Rig::new();
        let wal = rig.open().await;
        let option = ScanOption::earliest().on_lost(policy);
        let mut scanner = wal.scan(option).await.unwrap();
        let first = wal.append(message("0")).await.unwrap();
        wal.append(message("1")).await.unwrap();
        wal.truncate(first.id).await.unwrap();
        let batch = within(scanner.next_batch(10)).await;
        match policy {
            LostPolicy::Gap => {
                let batch = batch.unwrap();
                let Entry::Gap(gap) = &batch[0] else {
                    panic!("{batch:?}")
                };
                assert_eq!(gap.reason, GapReason::Truncated, "{gap:?}");
                assert_eq!(texts(&batch[1..]), ["1"]);
            }
            _ => {
                let kind = batch.unwrap_err().kind();
                assert!(matches!(kind, ErrorKind::PositionLost { .. }), "{kind:?}");
            }
        }
    }
}
