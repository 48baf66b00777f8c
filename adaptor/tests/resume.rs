//! Resume tokens, and logs that are no longer what they were.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use common::{Rig, filled, message, numbers, scan_all, take, texts, tiny};
use walx_core::{End, Entry, ErrorKind, GapReason, LostPolicy, Position, RoWal, ScanOption, Term};

#[tokio::test]
async fn a_token_of_a_log_that_went_back_is_lost_and_skips_nothing_silently() {
    let rig = Rig::new();
    let (wal, places) = filled(&rig, 8, tiny()).await;
    let mut scanner = wal.scan(ScanOption::earliest()).await.unwrap();
    take(&mut scanner, 8).await;
    let token = scanner.token().unwrap();
    wal.close().await.unwrap();

    // Another life of the same log: the same ids, other messages; at first fewer, then more.
    let copy = Rig::new();
    let option = copy.option().with_term(Term::new(5));
    let wal = copy.opener.open(option).await.unwrap();
    let reader = copy.opener.open_read_only(copy.option()).await.unwrap();
    for i in 0..12 {
        let option = ScanOption::new(Position::Resume(token));
        for from in [wal.as_ref() as &dyn RoWal, reader.as_ref()] {
            let error = from.scan(option.clone()).await.map(|_| ()).unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::PositionLost { .. }),
                "{i} messages: {error}"
            );
            let option = option.clone().on_lost(LostPolicy::Gap);
            let entries = scan_all(from, option.clone()).await;
            assert!(
                matches!(&entries[0], Entry::Gap(gap) if gap.reason == GapReason::Lost),
                "{i} messages: {entries:?}"
            );
            assert_eq!(texts(&entries)[1..], numbers(8..i.max(8)));
            // One that follows is told at once as well.
            let mut scanner = from.scan(option).await.unwrap();
            assert!(matches!(take(&mut scanner, 1).await[0], Entry::Gap(_)));
        }
        let place = wal.append(message(i)).await.unwrap();
        assert_eq!(
            place.id,
            places.get(i).map_or(place.id, |it| it.id),
            "the same ids"
        );
    }
}

#[tokio::test]
async fn a_token_whose_message_was_truncated_goes_on_behind_it() {
    let rig = Rig::new();
    let (wal, places) = filled(&rig, 5, tiny()).await;
    let mut scanner = wal.scan(ScanOption::earliest()).await.unwrap();
    take(&mut scanner, 2).await;
    let option = ScanOption::new(Position::Resume(scanner.token().unwrap()));
    wal.truncate(places[1].id).await.unwrap();
    assert_eq!(
        texts(&scan_all(wal.as_ref(), option.clone()).await),
        numbers(2..5)
    );
    wal.truncate(places[2].id).await.unwrap();
    let error = wal
        .scan(option.until(End::Tail))
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::PositionLost { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_truncated_token_of_another_log_hides_no_smaller_seqs() {
    let rig = Rig::new();
    let (wal, places) = filled(&rig, 20, tiny()).await;
    let mut scanner = wal.scan(ScanOption::earliest()).await.unwrap();
    take(&mut scanner, 20).await;
    let token = scanner.token().unwrap();

    // Many owners' Barriers make the same ids stand for smaller seqs.
    let copy = Rig::new();
    for _ in 0..15 {
        let option = copy.option().with_take_over(true);
        drop(copy.opener.open(option).await.unwrap());
    }
    let wal = copy.opener.open(copy.option().with_take_over(true));
    let wal = wal.await.unwrap();
    for i in 0..30 {
        wal.append(message(i)).await.unwrap();
    }
    wal.truncate(places[19].id).await.unwrap();
    let reader = copy.opener.open_read_only(copy.option()).await.unwrap();
    for from in [wal.as_ref() as &dyn RoWal, reader.as_ref()] {
        let entries = scan_all(from, ScanOption::new(Position::Resume(token))).await;
        assert!(matches!(&entries[0], Entry::Gap(gap) if gap.reason == GapReason::Lost));
        assert_eq!(texts(&entries)[1..], numbers(5..30));
    }
}
