//! What runs reach. A promise is put to the test only where the workload comes to what may break it.

use std::collections::{BTreeMap, BTreeSet};

use walx_utility::metric;

use crate::run::{Run, run};
use crate::shown::Seen;

/// So many seeds reach everything.
const SEEDS: u64 = 500;

/// What only the workload knows: each of these it tells its trace.
const TOLD: &[&str] = &[
    "a reservation is given up",
    "a scan falls out of the cache",
    "a scan reaches the cache",
    "an append is never polled",
    "an append that must not wait is refused",
    "an open has a term of a coordinator",
    "an open is given up",
    "an owner is asked for its tail",
];

/// What the adaptor counts: the metric, and the value of its label.
const COUNTED: &[(&str, &str)] = &[
    (metric::APPEND_RECOVERY_TOTAL, "ok"),
    (metric::APPEND_RECOVERY_TOTAL, "unavailable"),
    (metric::APPEND_RECOVERY_TOTAL, "fenced"),
    (metric::BACKEND_FAILURE_TOTAL, "not_written"),
    (metric::BACKEND_FAILURE_TOTAL, "outcome_unknown"),
    (metric::BACKEND_FAILURE_TOTAL, "fenced"),
    (metric::CACHE_EVICTED_TOTAL, "age"),
    (metric::CACHE_EVICTED_TOTAL, "size"),
    (metric::CACHE_EVICTED_TOTAL, "truncated"),
    (metric::CACHE_EVICTED_TOTAL, "reset"),
    (metric::SCAN_RETRY_TOTAL, "own"),
    (metric::SCAN_RETRY_TOTAL, "shared"),
    (metric::APPEND_SLOW_TOTAL, ""),
];

/// What the history shows.
const SHOWN: &[&str] = &[
    "a batch is acknowledged",
    "a channel is opened that is not there",
    "a close comes while appends are on their way",
    "a dropped append is delivered",
    "a dropped append is not delivered",
    "a message above the limit is refused",
    "a commit has an unknown outcome",
    "a commit is acknowledged",
    "a commit is not written",
    "a conditional append conflicts",
    "a conditional append is acknowledged",
    "a key is answered with the place of an owner before",
    "a key is answered with the place of the first one",
    "a key that an open transaction has is a conflict",
    "a message is acknowledged",
    "a message of a transaction is not written",
    "a message of several records is acknowledged",
    "a point in time is acknowledged",
    "a point in time is delivered",
    "a rollback is acknowledged",
    "a scan asks for more than it may keep",
    "a scan delivers a message of a transaction as it was appended",
    "a scan delivers a transaction whole",
    "a scan from amid transactions delivers one",
    "a transaction expires",
    "a transaction goes on behind a recovery",
    "a transaction is dropped",
    "an exclusive message is acknowledged",
    "the newest tick of a stream is told",
    "a message with room of its own is acknowledged",
    "a scan follows the log until it is dropped",
    "a scan from a place that is gone fails",
    "a scan from an id delivers",
    "a scan from an lsn delivers",
    "a scan from a tick delivers",
    "a scan from behind an id delivers",
    "a scan from so many before the tail delivers",
    "a scan from the earliest delivers",
    "a scan from the latest delivers",
    "a scan of a virtual channel delivers",
    "a scan tells what was truncated",
    "a scan up to an id ends",
    "a scan up to an lsn ends",
    "a scan up to a tick ends",
    "a scan up to the tail ends",
    "a truncation fails",
    "a truncation meets a scan",
    "an append behind a close is refused",
    "an append has an unknown outcome and is delivered",
    "an append has an unknown outcome and is not delivered",
    "an append is fenced",
    "an append is not written",
    "an interceptor refuses a message",
    "an open conflicts with an owner",
    "an open is fenced",
    "an open is refused for a clock or a fault",
    "an owner appends though a later one was opened",
    "owners of two channels append at once",
];

#[test]
fn the_first_500_seeds_reach_everything_that_matters() {
    let mut reached = BTreeMap::<String, u64>::new();
    for seed in 0..SEEDS {
        for what in of(&run(seed)) {
            *reached.entry(what).or_default() += 1;
        }
    }
    println!("| reached | seeds of {SEEDS} |\n|---|---|");
    for (what, seeds) in &reached {
        println!("| {what} | {seeds} |");
    }
    let counted = COUNTED.iter().map(|(name, label)| counted(name, label));
    let known = TOLD.iter().chain(SHOWN).map(|it| (*it).to_owned());
    let known: BTreeSet<String> = known.chain(counted).collect();
    let reached: BTreeSet<String> = reached.into_keys().collect();
    let missed: Vec<_> = known.difference(&reached).collect();
    assert!(missed.is_empty(), "no seed reaches {missed:#?}");
    let untold: Vec<_> = reached.difference(&known).collect();
    assert!(untold.is_empty(), "nobody asks for {untold:#?}");
}

fn counted(name: &str, label: &str) -> String {
    format!("{name} {label}").trim_end().to_owned()
}

fn of(run: &Run) -> BTreeSet<String> {
    let told = run.reached.iter().map(|it| (*it).to_owned());
    let mut reached: BTreeSet<String> = told.collect();
    for key in &run.counted {
        let label = key.labels().next().map_or("", |it| it.value());
        if COUNTED.contains(&(key.name(), label)) {
            reached.insert(counted(key.name(), label));
        }
    }
    let mut seen = Seen::default();
    for event in run.history.events() {
        seen.event(event.id, &event.what);
    }
    reached.extend(seen.end().into_iter().map(str::to_owned));
    reached
}
