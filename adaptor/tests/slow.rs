//! Appends that take long are told, and everything that is told stands in spans.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::listen::Told;
use common::{Rig, message, within};
use tracing::Level;
use walx_core::{AppendContext, Interceptor, Message, ScanOption, Wal};
use walx_utility::clock;

const SLOW: &str = "an append was slow";
const STUCK: &str = "an append is not acknowledged yet";

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[tokio::test(start_paused = true)]
async fn an_append_that_was_slow_is_one_line_with_the_time_of_each_stage() {
    let (told, _guard) = Told::listen();
    let rig = Rig::new();
    let wal = rig.open().await;
    wal.append(message("quick")).await.unwrap();
    assert_eq!(told.lines(SLOW).len(), 0);
    rig.faults().delay(Duration::from_millis(1500));
    wal.append(message("slow")).await.unwrap();
    // While it was on its way, that was told, so that this comes a second later.
    assert_eq!(told.lines(STUCK).len(), 1);
    clock::sleep(seconds(2)).await;
    let [line] = &told.lines(SLOW)[..] else {
        panic!("{:?}", told.lines(SLOW))
    };
    assert_eq!(line.level, Level::WARN);
    assert_eq!(line.fields["channel"], "orders");
    assert_eq!(line.fields["owner"], wal.owner().to_string());
    assert_eq!((&*line.fields["lsn"], &*line.fields["bytes"]), ("1", "4"));
    assert_eq!(line.fields["others"], "0");
    let backend = line.number("backend_ms");
    assert!((1500.0..1600.0).contains(&backend), "{line:?}");
    let others = ["hooks_ms", "admission_ms", "order_ms", "ack_ms"];
    let sum: f64 = others.iter().map(|stage| line.number(stage)).sum();
    assert!((line.number("total_ms") - backend - sum).abs() < 0.01);
    assert!(sum < 100.0, "{line:?}");
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_room_counts_as_admission() {
    let (told, _guard) = Told::listen();
    let rig = Rig::new();
    let option = rig.option().with_max_in_flight_bytes(300);
    let wal = rig.opener.open(option).await.unwrap();
    rig.faults().delay(Duration::from_millis(700));
    let (first, second) = (wal.append(message("1")), wal.append(message("2")));
    first.await.unwrap();
    second.await.unwrap();
    clock::sleep(seconds(2)).await;
    let [line] = &told.lines(SLOW)[..] else {
        panic!("{:?}", told.lines(SLOW))
    };
    assert_eq!(line.fields["lsn"], "1");
    for stage in ["admission_ms", "backend_ms"] {
        assert!((700.0..750.0).contains(&line.number(stage)), "{line:?}");
    }
}

/// A hook that takes its time.
struct Sluggish;

impl Interceptor for Sluggish {
    fn name(&self) -> &'static str {
        "sluggish"
    }

    fn before(
        &self,
        _context: &AppendContext<'_>,
        _message: &mut Message,
    ) -> walx_core::Result<()> {
        let (_sender, nothing) = std::sync::mpsc::sync_channel::<()>(1);
        let _ = nothing.recv_timeout(Duration::from_millis(30));
        Ok(())
    }
}

#[tokio::test]
async fn the_time_of_hooks_counts_as_theirs() {
    let (told, _guard) = Told::listen();
    let rig = Rig::new();
    let option = rig.option().with_interceptor(Arc::new(Sluggish));
    let option = option.with_slow_append(Duration::from_nanos(1));
    let wal = rig.opener.open(option).await.unwrap();
    wal.append(message("1")).await.unwrap();
    let line = &told.lines(SLOW)[0];
    assert!(line.number("hooks_ms") >= 30.0, "{line:?}");
    assert!(line.number("order_ms") < 30.0, "{line:?}");
}

#[tokio::test(start_paused = true)]
async fn there_is_at_most_one_line_a_second_and_it_says_how_many_are_not_told() {
    let (told, _guard) = Told::listen();
    let rig = Rig::new();
    let option = rig.option().with_slow_append(Duration::from_millis(10));
    let wal = rig.opener.open(option).await.unwrap();
    rig.faults().delay(Duration::from_millis(20));
    for i in 0..10 {
        wal.append(message(i)).await.unwrap();
    }
    assert_eq!(told.lines(SLOW).len(), 1);
    // Nothing else is appended: what is left is told a second later.
    clock::sleep(seconds(3)).await;
    let lines = told.lines(SLOW);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1].fields["others"], "8");
    rig.faults().delay(Duration::ZERO);
    clock::sleep(seconds(3)).await;
    assert_eq!(told.lines(SLOW).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_append_that_never_comes_back_is_told_once_while_it_is_stuck() {
    let (told, _guard) = Told::listen();
    let rig = Rig::new();
    let wal = rig.open().await;
    rig.faults().hold();
    let stuck = wal.append(message("stuck"));
    clock::sleep(seconds(10)).await;
    let [line] = &told.lines(STUCK)[..] else {
        panic!("{:?}", told.lines(STUCK))
    };
    assert_eq!((&*line.fields["lsn"], &*line.fields["bytes"]), ("0", "5"));
    assert!((1000.0..2200.0).contains(&line.number("backend_ms")));
    rig.faults().release_all();
    stuck.await.unwrap();
    assert!(told.lines(SLOW)[0].number("total_ms") >= 10_000.0);
    // The next one that is stuck is another one.
    rig.faults().hold();
    let _stuck = wal.append(message("stuck again"));
    clock::sleep(seconds(10)).await;
    assert_eq!(told.lines(STUCK).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_slow_where_nobody_asks() {
    let (told, _guard) = Told::listen();
    let rig = Rig::new();
    for off in [None, Some(Duration::ZERO)] {
        let option = rig.option().with_take_over(true).with_slow_append(off);
        let wal = rig.opener.open(option).await.unwrap();
        rig.faults().delay(seconds(60));
        wal.append(message("slow")).await.unwrap();
        rig.faults().delay(Duration::ZERO);
    }
    assert_eq!(told.lines(SLOW).len() + told.lines(STUCK).len(), 0);
}

/// Tells that it was called.
struct Loud;

impl Interceptor for Loud {
    fn name(&self) -> &'static str {
        "loud"
    }

    fn before(
        &self,
        _context: &AppendContext<'_>,
        _message: &mut Message,
    ) -> walx_core::Result<()> {
        tracing::info!("before");
        Ok(())
    }

    fn after(&self, _context: &AppendContext<'_>, _result: &walx_core::Result<walx_core::Place>) {
        tracing::info!("after");
    }

    fn scan(
        &self,
        _context: &walx_core::ScanContext<'_>,
        _entry: &mut walx_core::PlacedMessage,
    ) -> walx_core::Result<()> {
        tracing::info!("scan");
        Ok(())
    }
}

#[tokio::test]
async fn what_happens_to_an_append_or_a_scan_stands_in_its_span() {
    let (told, _guard) = Told::listen();
    let rig = Rig::new();
    let option = rig.option().with_interceptor(Arc::new(Loud));
    let wal = rig.opener.open(option).await.unwrap();
    wal.append(message("0")).await.unwrap();
    wal.append(message("1")).await.unwrap();
    let owner = wal.owner().to_string();

    let before = &told.lines("before")[1];
    assert_eq!(before.span("append")["channel"], "orders");
    assert_eq!(before.span("append")["owner"], owner);
    assert!(!before.span("append").contains_key("lsn"), "not placed yet");
    for told in [told.lines("after"), told.lines("appended")] {
        assert_eq!(told[1].span("append")["lsn"], "1");
    }

    let mut scanner = wal.scan(ScanOption::earliest()).await.unwrap();
    within(scanner.next_batch(1)).await.unwrap();
    let scan = &told.lines("scan")[0];
    assert_eq!(scan.span("scan")["channel"], "orders");
    assert_eq!(scan.span("scan")["position"], "Earliest");
}

#[tokio::test(start_paused = true)]
async fn what_the_background_tasks_tell_stands_in_the_wal_s_span() {
    let (told, _guard) = Told::listen();
    let rig = Rig::new();
    let wal = rig.open().await;
    wal.append(message("0")).await.unwrap();
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    let _scanner = reader.scan(ScanOption::latest()).await.unwrap();
    clock::sleep(Duration::from_millis(1)).await;
    rig.faults().fail_scan_next(1);
    clock::sleep(seconds(1)).await;
    let retries = told.lines("reading again after a pause");
    assert_eq!(retries[0].span("wal")["channel"], "orders");
    assert!(!retries[0].span("wal").contains_key("owner"), "a reader");

    rig.faults().hold();
    let _undecided = wal.append(message("1"));
    wal.close().await.unwrap();
    let closed = told.lines("closed with appends undecided: the channel is not released");
    let span = closed[0].span("wal");
    assert_eq!((&*span["channel"], &*span["backend"]), ("orders", "memory"));
    assert_eq!(span["owner"], wal.owner().to_string());
}

/// A failed append is told in the span of the append, whoever called it.
#[tokio::test]
async fn a_refusal_stands_in_the_append_s_span() {
    let (told, _guard) = Told::listen();
    let rig = Rig::new();
    let wal: Arc<dyn Wal> = rig.open().await;
    wal.close().await.unwrap();
    wal.append(message("late")).await.unwrap_err();
    let line = &told.lines("not appended")[0];
    assert_eq!(line.level, Level::WARN);
    assert_eq!(line.span("append")["channel"], "orders");
}
