//! What a recorder sees of a wal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Rig, filled, message, scan_all, take, tiny};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use walx_core::{CacheOption, ErrorKind, LostPolicy, Lsn, Opener, Position, ScanOption};
use walx_utility::{clock, metric};

/// Runs a test under a recorder of its own, with the clock paused.
fn recorded<F: Future<Output = ()>>(test: impl FnOnce(PrometheusHandle) -> F) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(test(handle)));
}

/// The value of the series with this name and these labels; none = there is no such series.
fn value(handle: &PrometheusHandle, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let text = handle.render();
    let series = text.lines().find_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (its_name, its_labels) = series.split_once('{').unwrap_or((series, ""));
        let has = |(key, value): &(&str, &str)| its_labels.contains(&format!("{key}=\"{value}\""));
        (its_name == name && labels.iter().all(has)).then_some(value)
    });
    series.map(|value| value.parse().unwrap())
}

/// Time passes until gauges have been set.
async fn a_look() {
    clock::sleep(Duration::from_millis(1100)).await;
}

const CHANNEL: (&str, &str) = ("channel", "orders");
const OWNED: [(&str, &str); 2] = [CHANNEL, ("mode", "read_write")];

#[test]
fn appends_are_counted_by_outcome_with_their_bytes_and_the_time_of_each_stage() {
    recorded(|told| async move {
        let rig = Rig::new();
        let wal = rig.open_without_recovery().await;
        for i in 0..5 {
            wal.append(message(i)).await.unwrap();
        }
        let batch = wal.append_batch(vec![message("12"), message("34")]);
        batch.await.unwrap();
        let count = |outcome| value(&told, metric::APPEND_TOTAL, &[("outcome", outcome)]);
        assert_eq!(count("ok"), Some(7.0));
        assert_eq!(value(&told, metric::APPEND_BYTES_TOTAL, &[]), Some(9.0));
        let times =
            |name: &str, labels: &[(&str, &str)]| value(&told, &format!("{name}_count"), labels);
        assert_eq!(times(metric::APPEND_SECONDS, &[]), Some(6.0));
        for stage in ["order", "backend", "ack"] {
            let stage = times(metric::APPEND_STAGE_SECONDS, &[("stage", stage)]);
            assert_eq!(stage, Some(6.0));
        }
        // Neither hooks nor a wait for room.
        for stage in ["hooks", "admission"] {
            let stage = times(metric::APPEND_STAGE_SECONDS, &[("stage", stage)]);
            assert_eq!(stage.unwrap_or(0.0), 0.0);
        }

        let mut many = message("x");
        many.properties = (0..100_000).map(|_| ("", "")).collect();
        wal.append(many).await.unwrap_err();
        assert_eq!(count("invalid_input"), Some(1.0));
        rig.faults().fail_next(1, ErrorKind::NotWritten);
        wal.append(message("fails")).await.unwrap_err();
        wal.append(message("comes later")).await.unwrap_err();
        assert_eq!(count("not_written"), Some(1.0));
        assert_eq!(count("unavailable"), Some(1.0));
        let failed = value(
            &told,
            metric::BACKEND_FAILURE_TOTAL,
            &[("kind", "not_written")],
        );
        assert_eq!(failed, Some(1.0));
        assert_eq!(count("ok"), Some(7.0));
    });
}

#[test]
fn what_is_on_its_way_is_shown_until_it_is_decided() {
    recorded(|told| async move {
        let rig = Rig::new();
        let option = rig.option().with_max_in_flight_bytes(600);
        let wal = rig.opener.open(option).await.unwrap();
        rig.faults().hold();
        let appends: Vec<_> = (0..5).map(|i| wal.append(message(i))).collect();
        a_look().await;
        let gauge = |name| value(&told, name, &[CHANNEL]);
        assert_eq!(gauge(metric::APPEND_IN_FLIGHT), Some(2.0));
        assert_eq!(gauge(metric::APPEND_WAITING), Some(3.0));
        assert!(gauge(metric::APPEND_IN_FLIGHT_BYTES).unwrap() > 500.0);
        rig.faults().release_all();
        for append in appends {
            append.await.unwrap();
        }
        a_look().await;
        for name in [
            metric::APPEND_IN_FLIGHT,
            metric::APPEND_IN_FLIGHT_BYTES,
            metric::APPEND_WAITING,
        ] {
            assert_eq!(gauge(name), Some(0.0), "{name}");
        }
        let admission = format!("{}_count", metric::APPEND_STAGE_SECONDS);
        let waited = value(&told, &admission, &[("stage", "admission")]);
        assert_eq!(waited, Some(3.0));
        assert_eq!(value(&told, metric::APPEND_SLOW_TOTAL, &[]), Some(5.0));
    });
}

#[test]
fn an_open_wal_has_its_gauges_and_they_are_zero_once_it_is_closed_or_dropped() {
    recorded(|told| async move {
        let rig = Rig::new();
        for close in [true, false] {
            let wal = rig.opener.open(rig.option().with_take_over(true)).await;
            let wal = wal.unwrap();
            for i in 0..3 {
                wal.append(message(i)).await.unwrap();
            }
            let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
            let mut scanner = reader.scan(ScanOption::earliest()).await.unwrap();
            take(&mut scanner, 1).await;
            a_look().await;
            let term = wal.owner().term.to_string();
            let info = |labels: &[(&str, &str)]| {
                let of_wal = [CHANNEL, ("backend", "memory")];
                value(&told, metric::WAL_INFO, &[&of_wal[..], labels].concat())
            };
            let owned = [("mode", "read_write"), ("term", &*term)];
            assert_eq!(info(&owned), Some(1.0));
            assert_eq!(info(&[("mode", "read_only"), ("term", "")]), Some(1.0));
            let lsn = value(&told, metric::WAL_CONFIRMED_LSN, &[CHANNEL]);
            assert_eq!(lsn, Some(if close { 3.0 } else { 6.0 }));
            let tick = value(&told, metric::WAL_CONFIRMED_TICK_SECONDS, &[CHANNEL]);
            let now = clock::unix_time().as_secs_f64();
            assert!((tick.unwrap() - now).abs() < 30.0, "{tick:?}");
            assert!(value(&told, metric::CACHE_ENTRIES, &OWNED) >= Some(3.0));
            assert!(value(&told, metric::CACHE_BYTES, &OWNED) >= Some(3.0));
            let capacity = value(&told, metric::CACHE_CAPACITY_BYTES, &OWNED);
            assert_eq!(capacity, Some(f64::from(64 << 20)));
            let latest = value(&told, metric::CACHE_LATEST_LSN, &OWNED).unwrap();
            assert_eq!(latest, lsn.unwrap() - 1.0);
            // The second owner starts with the Release of the first one, which stands before lsn 3.
            let earliest = value(&told, metric::CACHE_EARLIEST_LSN, &OWNED).unwrap();
            assert_eq!(earliest, lsn.unwrap() - 3.0);
            let readers = [CHANNEL, ("mode", "read_only")];
            assert!(value(&told, metric::CACHE_ENTRIES, &readers) >= Some(1.0));

            if close {
                wal.close().await.unwrap();
                reader.close().await.unwrap();
            }
            // A scanner, and handles, that are kept change nothing.
            let kept = close.then_some((wal, reader, scanner));
            a_look().await;
            for metric in metric::ALL
                .iter()
                .filter(|it| it.labels.contains(&"channel"))
            {
                for mode in [&OWNED, &readers] {
                    let labels: Vec<_> = mode
                        .iter()
                        .filter(|it| metric.labels.contains(&it.0))
                        .copied()
                        .collect();
                    let left = value(&told, metric.name, &labels);
                    assert_eq!(left.unwrap_or(0.0), 0.0, "{} {mode:?}", metric.name);
                }
            }
            drop(kept);
        }
    });
}

#[test]
fn opens_closes_and_truncations_are_counted_by_outcome() {
    recorded(|told| async move {
        let rig = Rig::new();
        let (wal, places) = filled(&rig, 5, tiny()).await;
        assert!(rig.other_opener().open(rig.option()).await.is_err());
        wal.truncate(places[1].id).await.unwrap();
        let other = walx_core::MessageId::from_u64(walx_core::BackendName::constant("file"), 1);
        wal.truncate(other).await.unwrap_err();
        rig.opener
            .truncate(&rig.channel, places[2].id)
            .await
            .unwrap();
        wal.close().await.unwrap();
        let outcome = |name, outcome| value(&told, name, &[("outcome", outcome)]);
        assert_eq!(outcome(metric::OPEN_TOTAL, "ok"), Some(1.0));
        assert_eq!(outcome(metric::OPEN_TOTAL, "conflict"), Some(1.0));
        assert_eq!(outcome(metric::TRUNCATE_TOTAL, "ok"), Some(2.0));
        assert_eq!(outcome(metric::TRUNCATE_TOTAL, "invalid_input"), Some(1.0));
        assert_eq!(outcome(metric::CLOSE_TOTAL, "ok"), Some(1.0));
        for name in [metric::OPEN_SECONDS, metric::CLOSE_SECONDS] {
            let count = value(&told, &format!("{name}_count"), &[("mode", "read_write")]);
            assert_eq!(count, Some(1.0));
        }
        assert!(value(&told, metric::CACHE_EVICTED_TOTAL, &[]) > Some(0.0));
    });
}

#[test]
fn scans_are_counted_with_where_they_read_what_they_deliver_and_how_far_they_are_behind() {
    recorded(|told| async move {
        let rig = Rig::new();
        let (wal, places) = filled(&rig, 20, tiny()).await;
        let open = |mode| value(&told, metric::SCAN_OPEN, &[("mode", mode)]);
        let mut scanner = wal.scan(ScanOption::earliest()).await.unwrap();
        assert_eq!((open("catch_up"), open("tailing")), (Some(1.0), Some(0.0)));
        take(&mut scanner, 5).await;
        a_look().await;
        assert_eq!(value(&told, metric::SCAN_LAG, &OWNED), Some(15.0));
        take(&mut scanner, 15).await;
        let next = wal.append(message("20"));
        take(&mut scanner, 1).await;
        next.await.unwrap();
        assert_eq!((open("catch_up"), open("tailing")), (Some(0.0), Some(1.0)));
        a_look().await;
        assert_eq!(value(&told, metric::SCAN_LAG, &OWNED), Some(0.0));
        drop(scanner);
        assert_eq!(open("tailing"), Some(0.0));
        let source = |source| value(&told, metric::SCAN_SOURCE_TOTAL, &[("source", source)]);
        assert_eq!((source("backend"), source("cache")), (Some(1.0), Some(1.0)));
        assert_eq!(value(&told, metric::SCAN_MESSAGES_TOTAL, &[]), Some(21.0));
        // 0 to 9, and 10 to 20.
        assert_eq!(value(&told, metric::SCAN_BYTES_TOTAL, &[]), Some(32.0));

        wal.truncate(places[9].id).await.unwrap();
        let lost = ScanOption::new(Position::Lsn(Lsn::new(3)));
        assert!(wal.scan(lost.clone()).await.is_err());
        scan_all(wal.as_ref(), lost.on_lost(LostPolicy::Gap)).await;
        let gaps = value(&told, metric::SCAN_GAPS_TOTAL, &[("reason", "truncated")]);
        assert_eq!(gaps, Some(1.0));
        let starts = |outcome| value(&told, metric::SCAN_START_TOTAL, &[("outcome", outcome)]);
        assert_eq!(
            (starts("ok"), starts("position_lost")),
            (Some(2.0), Some(1.0))
        );
        assert_eq!(
            value(&told, &format!("{}_count", metric::SCAN_START_SECONDS), &[]),
            Some(2.0)
        );

        let mut scanner = wal
            .scan(ScanOption::earliest().on_lost(LostPolicy::Gap))
            .await
            .unwrap();
        rig.faults().fail_scan_next(1);
        take(&mut scanner, 3).await;
        let retries = value(&told, metric::SCAN_RETRY_TOTAL, &[("reader", "own")]);
        assert_eq!(retries, Some(1.0));
    });
}

#[test]
fn a_program_that_describes_them_shows_the_help_of_each_one_it_has() {
    recorded(|told| async move {
        metric::describe();
        let rig = Rig::new();
        let (_wal, _) = filled(&rig, 1, tiny()).await;
        let text = told.render();
        for name in [
            metric::APPEND_TOTAL,
            metric::APPEND_SECONDS,
            metric::WAL_INFO,
        ] {
            let help = metric::ALL.iter().find(|it| it.name == name).unwrap().help;
            assert!(text.contains(&format!("# HELP {name} {help}")), "{text}");
        }
    });
}

#[test]
fn readers_share_a_cache_as_large_as_the_largest_that_any_of_them_asks_for() {
    recorded(|told| async move {
        let rig = Rig::new();
        let (_wal, _) = filled(&rig, 3, tiny()).await;
        let readers = [CHANNEL, ("mode", "read_only")];
        let capacity = || value(&told, metric::CACHE_CAPACITY_BYTES, &readers);
        let open = async |opener: Arc<dyn Opener>, bytes| {
            let cache = CacheOption::new(bytes, Duration::from_secs(9));
            let reader = opener.open_read_only(rig.option().with_cache(cache)).await;
            a_look().await;
            reader.unwrap()
        };
        let small = open(Arc::clone(&rig.opener), 1_000).await;
        assert_eq!(capacity(), Some(1_000.0));
        let large = open(rig.other_opener(), 5_000).await;
        assert_eq!(capacity(), Some(5_000.0));
        large.close().await.unwrap();
        a_look().await;
        assert_eq!(capacity(), Some(1_000.0));
        small.close().await.unwrap();
        assert_eq!(capacity(), Some(0.0));
    });
}

#[test]
fn a_recovery_is_shown_while_it_runs_and_counted_by_outcome() {
    recorded(|told| async move {
        let rig = Rig::new();
        let wal = rig.open().await;
        rig.faults().fail_open_next(2).unknown_next(false);
        wal.append(message("x")).await.unwrap();
        let tries = |outcome| {
            value(
                &told,
                metric::APPEND_RECOVERY_TOTAL,
                &[("outcome", outcome)],
            )
        };
        assert_eq!(tries("unavailable"), Some(2.0));
        assert_eq!(tries("ok"), Some(1.0));
        rig.faults().fail_open_next(1_000).unknown_next(false);
        let waiting = wal.append(message("y"));
        let shown = || value(&told, metric::APPEND_RECOVERING, &[("channel", "orders")]);
        let until = clock::now() + Duration::from_secs(20);
        while shown() != Some(1.0) {
            assert!(clock::now() < until, "it is never shown");
            clock::sleep(Duration::from_millis(20)).await;
        }
        rig.faults().clear();
        waiting.await.unwrap();
        while shown() != Some(0.0) {
            assert!(clock::now() < until, "it never ends");
            clock::sleep(Duration::from_millis(20)).await;
        }
    });
}
