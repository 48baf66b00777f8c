//! The adaptor over the memory backend, in simulated time: random workloads under faults, judged by the history
//! checker. A seed replays to the letter.
//!
//! ```text
//! cargo test -p walx-testkit --test simulation                      500 seeds, the replay, the planted bugs
//! WALX_SEED=12345 cargo test -p walx-testkit --test simulation      one seed, the one that a failure names
//! WALX_RUNS=20000 cargo test ... --test simulation every_seed       so many seeds, from WALX_FROM or 0 on
//! WALX_RUNS=1000000 cargo test --release ... --test simulation every_seed
//! WALX_HISTORY=PATH ...                                             writes the history of the first failure there
//! ```
//!
//! | File | What |
//! |---|---|
//! | `run`, `seeds` | one run, from its seed to its verdict; many, on all processors |
//! | `world`, `chance`, `trace` | what its tasks share, what they draw, what they say |
//! | `process`, `owner`, `appends`, `transactions`, `reader` | the workload |
//! | `faults`, `network` | what breaks: the store's own switches, and what lies between it and the adaptor |
//! | `gauges` | bounds of memory, and what is left behind |
//! | `coverage`, `shown` | what the first seeds must come to |
//! | `planted` | wrong behaviours of the adaptor, and what finds them |
//!
//! Besides the history checker, a run demands that every call ends in bounded simulated time, closes within their
//! `close_timeout`s, that readers which follow the log get its last message whatever happened, that a verification
//! finds the store sound at any time, and that no task, handle, scanner or gauge is left at the end.
//!
//! Nothing but the seed decides what happens: one thread, tokio's paused clock, `utility::random`, ticks of simulated
//! time. What else differs between processes is kept out: `tokio::select!` and two waiters on one `watch` draw their
//! order by themselves, hash tables have an order of their own, and a Barrier holds the number of its process, whose
//! length counts as bytes.

mod appends;
mod chance;
mod coverage;
mod faults;
mod gauges;
mod network;
mod owner;
mod planted;
mod process;
mod reader;
mod run;
mod seeds;
mod shown;
mod trace;
mod transactions;
mod world;

use crate::run::{Run, run};

/// So many seeds are run where nobody says otherwise.
const RUNS: u64 = 500;

/// So many bad seeds are told besides the first.
const MOST_OTHERS: usize = 20;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

#[test]
fn every_seed_keeps_the_promises() {
    let seeds = match number("WALX_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let from = number("WALX_FROM").unwrap_or(0);
            from..from + number("WALX_RUNS").unwrap_or(RUNS)
        }
    };
    let bad = seeds::bad(seeds);
    let Some(first) = bad.first() else { return };
    if let Ok(path) = std::env::var("WALX_HISTORY") {
        std::fs::write(&path, first.history.to_string()).unwrap();
    }
    let others = bad.iter().skip(1).take(MOST_OTHERS);
    let others: Vec<_> = others.map(Run::in_short).collect();
    panic!("{first}\nothers: {others:#?}");
}

/// Another process has other addresses, other process numbers, other seeds of hash tables, another time.
#[test]
fn a_seed_replays_to_the_letter_here_and_in_another_process() {
    let here: Vec<_> = (0..REPLAYED).map(|seed| run(seed).hash).collect();
    let again: Vec<_> = (0..REPLAYED).map(|seed| run(seed).hash).collect();
    assert_eq!(here, again);
    let program = std::env::current_exe().unwrap();
    let told = std::process::Command::new(program)
        .args(["tells_the_hashes", "--exact", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let there = told.lines().find_map(|line| line.strip_prefix(HASHES));
    assert_eq!(there, Some(format!("{here:?}").as_str()), "{told}");
    let mut different = here.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), here.len(), "two seeds did the same");
}

/// So many seeds are run again.
const REPLAYED: u64 = 40;

const HASHES: &str = "hashes: ";

#[test]
#[ignore = "another test runs it in a process of its own"]
fn tells_the_hashes() {
    let hashes: Vec<_> = (0..REPLAYED).map(|seed| run(seed).hash).collect();
    println!("\n{HASHES}{hashes:?}");
}

/// Seeds that failed once, and what was wrong.
const FAILED: &[(u64, &str)] = &[
    (
        994,
        "a start that was truncated before it was read was told as lost",
    ),
    (
        1_617,
        "a start by tick skipped what landed late, because of a Barrier with a smaller tick",
    ),
    (
        19_967,
        "an open failed because what it read from was truncated meanwhile",
    ),
    (
        29_913,
        "the cache handed out what was truncated before it came in",
    ),
    (
        60_044,
        "a reader's scan with an end bound ended at a tail that was older than what it numbered",
    ),
    (338_726, "the same"),
    (
        125_701,
        "a reader's bounded scan ended at once, as what its look at the end numbered was truncated meanwhile",
    ),
    (
        168_070,
        "an owner's cache handed out what another process had truncated, though the owner truncated as well",
    ),
];

#[test]
fn seeds_that_failed_once_stay_good() {
    for (seed, what) in FAILED {
        let run = run(*seed);
        assert!(run.is_good(), "again? {what}: {run}");
    }
}
