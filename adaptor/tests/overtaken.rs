//! What owners that come and go leave to others: Barriers between the messages, and wals that know less than the log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;

use common::{Rig, message, rest, scan_all, texts};
use walx_core::{
    End, Entry, ErrorKind, LostPolicy, Lsn, Position, ScanOption, Tick, TickSource, Wal,
};
use walx_utility::clock;

/// Another owner of the same channel, while the first one lives on.
async fn take_over(rig: &Rig) -> Arc<dyn Wal> {
    let option = rig.option().with_take_over(true);
    rig.other_opener().open(option).await.unwrap()
}

#[tokio::test]
async fn an_owner_that_was_overtaken_does_not_say_that_it_has_truncated() {
    let rig = Rig::new();
    let old = rig.open().await;
    let new = take_over(&rig).await;
    let first = new.append(message("0")).await.unwrap();
    new.append(message("1")).await.unwrap();
    let error = old.truncate(first.id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    new.truncate(first.id).await.unwrap();
    let all = scan_all(new.as_ref(), ScanOption::earliest()).await;
    assert_eq!(texts(&all), ["1"]);
}

#[tokio::test]
async fn an_owner_that_was_overtaken_resumes_behind_a_message_that_it_does_not_know() {
    let rig = Rig::new();
    let old = rig.open().await;
    let new = take_over(&rig).await;
    new.append(message("0")).await.unwrap();
    new.append(message("1")).await.unwrap();
    let mut scanner = new.scan(ScanOption::earliest()).await.unwrap();
    scanner.next_batch(1).await.unwrap();
    let from = Position::Resume(scanner.token().unwrap());
    let mut scanner = old.scan(ScanOption::new(from)).await.unwrap();
    assert_eq!(texts(&scanner.next_batch(1).await.unwrap()), ["1"]);
}

#[tokio::test]
async fn a_lost_start_is_told_where_a_barrier_is_the_first_record_that_is_kept() {
    let rig = Rig::new();
    let old = rig.open().await;
    let first = old.append(message("0")).await.unwrap();
    let new = take_over(&rig).await;
    new.append(message("1")).await.unwrap();
    new.append(message("2")).await.unwrap();
    new.truncate(first.id).await.unwrap();
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    let option = ScanOption::new(Position::Lsn(Lsn::ZERO));
    let error = reader.scan(option.clone()).await.err().unwrap();
    assert!(
        matches!(error.kind(), ErrorKind::PositionLost { .. }),
        "{error}"
    );
    let option = option.on_lost(LostPolicy::Gap);
    let mut scanner = reader.scan(option).await.unwrap();
    let batch = scanner.next_batch(9).await.unwrap();
    assert!(matches!(batch[0], Entry::Gap(_)), "{batch:?}");
}

#[tokio::test]
async fn a_scan_to_the_tail_ends_there_though_all_of_it_was_truncated_meanwhile() {
    let rig = Rig::new();
    let wal = rig.open().await;
    let last = wal.append(message("0")).await.unwrap();
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    let option = ScanOption::earliest()
        .until(End::Tail)
        .on_lost(LostPolicy::Gap);
    let scanner = reader.scan(option).await.unwrap();
    wal.append(message("1")).await.unwrap();
    wal.truncate(last.id).await.unwrap();
    let all = rest(scanner).await;
    assert!(all.iter().all(|it| matches!(it, Entry::Gap(_))), "{all:?}");
}

/// A clock that goes wrong.
struct Ahead(u64);

impl TickSource for Ahead {
    fn now(&self) -> Tick {
        let ms = u64::try_from(clock::unix_time().as_millis()).unwrap();
        Tick::from_unix_ms(ms + self.0)
    }
}

#[tokio::test]
async fn ticks_rise_behind_the_barrier_of_an_owner_whose_clock_was_ahead() {
    let rig = Rig::new();
    let ahead = rig.option().with_tick_source(Arc::new(Ahead(30_000)));
    drop(rig.opener.open(ahead).await.unwrap());
    let wal = take_over(&rig).await;
    let place = wal.append(message("0")).await.unwrap();
    let option = ScanOption::earliest().until(End::Tick(place.tick));
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    let all = rest(reader.scan(option).await.unwrap()).await;
    assert_eq!(texts(&all), ["0"]);
}
