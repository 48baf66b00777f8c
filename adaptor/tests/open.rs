//! Who becomes the owner, and with which numbers the log goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Rig, message, scan_all, texts, within};
use walx_core::{ErrorKind, OpenOption, ScanOption, Term, Tick, TickSource};
use walx_impls::Claim;

#[tokio::test]
async fn numbers_go_on_across_owners() {
    let rig = Rig::new();
    let mut last_tick = Tick::ZERO;
    for round in 0..4_u64 {
        let wal = rig.open().await;
        assert_eq!(wal.owner().term, Term::new(round + 1));
        for i in 0..3 {
            let place = wal.append(message(round * 3 + i)).await.unwrap();
            assert_eq!(place.lsn.get(), round * 3 + i);
            assert!(place.tick > last_tick);
            last_tick = place.tick;
        }
        wal.close().await.unwrap();
    }
    let wal = rig.open().await;
    let expected: Vec<_> = (0..12).map(|i| i.to_string()).collect();
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await),
        expected
    );
}

#[tokio::test]
async fn an_owner_that_did_not_release_is_a_conflict_that_names_it_and_is_not_disturbed() {
    let rig = Rig::new();
    let first = rig.open().await;
    // Its Barrier, which says who it is, is no longer near the tail.
    for i in 0..100 {
        first.append(message(i)).await.unwrap();
    }
    let error = rig
        .other_opener()
        .open(rig.option())
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let text = error.to_string();
    assert!(
        text.contains("owner: 1.0") && text.contains(&format!("pid {}", std::process::id())),
        "{text}"
    );
    first.append(message("undisturbed")).await.unwrap();
    first.close().await.unwrap();
    rig.other_opener().open(rig.option()).await.unwrap();
}

#[tokio::test]
async fn a_dropped_owner_has_not_released_the_channel() {
    let rig = Rig::new();
    drop(rig.open().await);
    let error = rig.opener.open(rig.option()).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    rig.opener
        .open(rig.option().with_take_over(true))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_given_term_must_be_larger_than_the_last() {
    let rig = Rig::new();
    let first = rig
        .opener
        .open(rig.option().with_term(Term::new(7)))
        .await
        .unwrap();
    assert_eq!(first.channel().term, Some(Term::new(7)));
    for stale in [6, 7] {
        let error = rig
            .other_opener()
            .open(rig.option().with_term(Term::new(stale)))
            .await
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    }
    first
        .append(message("a stale owner disturbs nobody"))
        .await
        .unwrap();
    let next = rig
        .other_opener()
        .open(rig.option().with_term(Term::new(8)))
        .await
        .unwrap();
    assert_eq!(next.owner().term, Term::new(8));
    assert_eq!(
        first.append(message("x")).await.unwrap_err().kind(),
        ErrorKind::Fenced
    );
}

#[tokio::test]
async fn a_failed_open_leaves_nothing_behind() {
    let rig = Rig::new();
    rig.open().await.close().await.unwrap();
    rig.faults().fail_open_next(1);
    assert_eq!(
        rig.opener
            .open(rig.option())
            .await
            .map(|_| ())
            .unwrap_err()
            .kind(),
        ErrorKind::Unavailable
    );
    rig.faults().fail_next(1, ErrorKind::NotWritten);
    assert!(
        rig.opener.open(rig.option()).await.is_err(),
        "the Barrier is refused"
    );
    let wal = rig.open().await;
    assert_eq!(wal.append(message("x")).await.unwrap().lsn.get(), 0);
}

#[tokio::test]
async fn a_log_whose_newest_records_are_gone_does_not_start_anew() {
    let rig = Rig::new();
    let wal = rig.open().await;
    wal.append(message("x")).await.unwrap();
    wal.close().await.unwrap();
    // The storage drops what nobody gave it leave to drop.
    let inner = rig.store.opener();
    let newest = inner.bounds(&rig.channel).await.unwrap().newest.unwrap();
    inner.truncate(&rig.channel, newest).await.unwrap();
    let error = rig.opener.open(rig.option()).await.map(|_| ()).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::PositionLost { .. }),
        "{error}"
    );

    // The same where a Barrier is left that knew of numbers.
    let rig = Rig::new();
    let wal = rig.open().await;
    wal.append(message("x")).await.unwrap();
    wal.close().await.unwrap();
    drop(rig.open().await);
    let inner = rig.store.opener();
    let newest = inner.bounds(&rig.channel).await.unwrap().newest.unwrap();
    let before = walx_core::MessageId::from_u64(newest.backend(), newest.to_u64().unwrap() - 1);
    inner.truncate(&rig.channel, before).await.unwrap();
    let error = rig
        .opener
        .open(rig.option().with_take_over(true))
        .await
        .map(|_| ())
        .unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::PositionLost { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn truncation_keeps_the_newest_numbered_record_so_that_numbers_survive() {
    let rig = Rig::new();
    let wal = rig.open().await;
    for i in 0..5 {
        wal.append(message(i)).await.unwrap();
    }
    let tail = wal.tail().await.unwrap();
    wal.truncate(tail.id.unwrap()).await.unwrap();
    assert_eq!(
        texts(&scan_all(wal.as_ref(), ScanOption::earliest()).await),
        ["4"]
    );
    wal.close().await.unwrap();
    let wal = rig.open().await;
    assert_eq!(wal.append(message(5)).await.unwrap().lsn.get(), 5);
    wal.close().await.unwrap();
    let newest = rig
        .opener
        .bounds(&rig.channel)
        .await
        .unwrap()
        .newest
        .unwrap();
    rig.opener.truncate(&rig.channel, newest).await.unwrap();
    let wal = rig.open().await;
    assert_eq!(wal.append(message(6)).await.unwrap().lsn.get(), 6);
}

struct Fixed(Tick);

impl TickSource for Fixed {
    fn now(&self) -> Tick {
        self.0
    }
}

#[tokio::test]
async fn ticks_ascend_though_the_clock_stands_and_a_clock_far_behind_is_an_error() {
    let rig = Rig::new();
    let at = |ms| {
        rig.option()
            .with_tick_source(Arc::new(Fixed(Tick::from_unix_ms(ms))))
    };
    let wal = rig.opener.open(at(1_000_000)).await.unwrap();
    let first = wal.append(message("a")).await.unwrap();
    let second = wal.append(message("b")).await.unwrap();
    assert_eq!(first.tick.next(), second.tick);
    wal.close().await.unwrap();

    let error = rig.opener.open(at(900_000)).await.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("max_clock_ahead"), "{error}");
    let patient: OpenOption = at(900_000).with_max_clock_ahead(Duration::from_secs(200));
    let wal = rig.opener.open(patient).await.unwrap();
    assert!(wal.append(message("c")).await.unwrap().tick > second.tick);
}

#[tokio::test]
async fn a_reader_of_a_missing_channel_is_told_so_and_creates_nothing() {
    let rig = Rig::new();
    let error = rig
        .opener
        .open_read_only(rig.option())
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(rig.opener.list().await.unwrap().is_empty());
    let error = rig
        .opener
        .open_read_only(rig.option().with_take_over(true))
        .await
        .map(|_| ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_record_of_a_smaller_owner_is_told_as_damage_and_hides_nothing_of_the_larger() {
    use walx_core::{Entry, Header, Kind, Lsn, Message, Owner, Record, Seq};
    use walx_impls::Batch;

    let rig = Rig::new();
    let option = rig.option().with_term(Term::new(5));
    let wal = rig.opener.open(option).await.unwrap();
    wal.append(message("good")).await.unwrap();
    drop(wal);
    // A backend without a fence would let this happen: the zombie takes the seq that the owner uses next.
    let inner = rig.store.opener();
    let rogue = inner.open(&rig.channel, Claim::TakeOver).await.unwrap();
    for (term, text) in [(4, "rogue"), (5, "acknowledged")] {
        let tick = Tick::from_unix_ms(1 << 45);
        let header = Header::new(Kind::Data, Owner::new(Term::new(term)), tick);
        let record = Record::data(
            header.numbered(Seq::new(1), Lsn::new(1)),
            Message::new(text),
        );
        rogue.append(Batch::One(record)).await.unwrap();
    }
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    let entries = scan_all(reader.as_ref(), ScanOption::earliest()).await;
    let [first, Entry::Gap(gap), last] = &entries[..] else {
        panic!("{entries:?}")
    };
    let text = gap.to_string();
    assert!(
        text.contains("owner 4.0 lies behind one of owner 5.0"),
        "{text}"
    );
    assert_eq!(
        texts(&[first.clone(), last.clone()]),
        ["good", "acknowledged"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_open_whose_first_record_is_never_answered_ends_in_the_time_of_an_append() {
    let rig = Rig::new();
    rig.faults().lose_ack_next();
    let option = rig.option().with_append_timeout(Duration::from_secs(5));
    let error = within(rig.opener.open(option.clone())).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("append_timeout"), "{error}");
    let wal = within(rig.opener.open(option.with_take_over(true)))
        .await
        .unwrap();
    wal.close().await.unwrap();
}
