use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::model::Verdict;
use super::world::{Report, run, run_large, run_pair};
use crate::planted::Bug;

/// So many losses of power are simulated where nobody says otherwise.
const CRASHES: u64 = 20_000;
/// More than there are processors: a reader that finds a torn manifest waits a little.
const THREADS: usize = 6;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    let number = value.parse();
    Some(number.unwrap_or_else(|_| panic!("{name}={value} is no number")))
}

/// A run whose panics are its verdict.
fn judged(run: impl FnOnce() -> Verdict<Report>) -> Verdict<Report> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.unwrap_or_else(|| "a panic".to_owned()))
    })
}

/// Runs seeds from one on until there are so many losses of power.
fn until(crashes: u64, from: u64) -> Report {
    let (next, total) = (AtomicU64::new(from), Mutex::new(Report::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let report = run(seed, None).unwrap_or_else(|text| {
                next.store(u64::MAX / 2, Ordering::Relaxed);
                panic!("WALX_SEED={seed}: {text}")
            });
            let mut total = total.lock().unwrap();
            total.power += report.power;
            total.kills += report.kills;
            total.operations += report.operations;
            if total.power >= crashes || seed >= u64::MAX / 2 {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    total.into_inner().unwrap()
}

#[test]
fn what_was_acknowledged_survives_the_loss_of_power() {
    if let Some(seed) = number("WALX_SEED") {
        let report = run(seed, None).unwrap_or_else(|text| panic!("WALX_SEED={seed}: {text}"));
        println!("{report:?}");
        return;
    }
    let crashes = number("WALX_RUNS").unwrap_or(CRASHES);
    let report = until(crashes, number("WALX_FROM").unwrap_or(0));
    println!("{report:?}");
    assert!(report.power >= crashes && report.kills > 0);
}

/// A process that is killed anywhere, and one that loses power anywhere in its recovery: seeds and operations of both.
fn pairs() -> impl Iterator<Item = (u64, u64, u64)> {
    let kills = |seed| (16..56).map(move |killed| (seed, killed));
    let seeds = (3..5).flat_map(kills);
    seeds.flat_map(|(seed, killed)| (0..9).map(move |lost| (seed, killed, lost)))
}

#[test]
fn recovery_relies_on_nothing_that_only_memory_holds() {
    for (seed, killed, lost) in pairs() {
        run_pair(seed, None, killed, lost)
            .unwrap_or_else(|text| panic!("seed {seed}, {killed} and {lost}: {text}"));
    }
}

#[test]
fn a_write_of_many_frames_that_is_torn_anywhere_is_no_damage() {
    for seed in 0..10 {
        run_large(seed).unwrap_or_else(|text| panic!("seed {seed}, large: {text}"));
    }
}

/// So many seeds are run again.
const REPLAYED: u64 = 40;

#[test]
fn a_seed_replays_to_the_letter() {
    let once = || (0..REPLAYED).map(|seed| run(seed, None).unwrap().hash);
    let (here, again): (Vec<_>, Vec<_>) = (once().collect(), once().collect());
    assert_eq!(here, again);
    let mut different = here.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), here.len(), "two seeds did the same");
}

/// So many seeds may go by until a planted bug is found.
const SEEDS: u64 = 1_000;

#[test]
fn every_planted_bug_is_found() {
    let found = |bug| match bug {
        // Only a crash right behind another one shows it.
        Bug::TrustsTheHeader => pairs().find_map(|(seed, killed, lost)| {
            let run = || run_pair(seed, Some(bug), killed, lost);
            Some((seed, judged(run).err()?))
        }),
        _ => (0..SEEDS).find_map(|seed| Some((seed, judged(|| run(seed, Some(bug))).err()?))),
    };
    std::thread::scope(|scope| {
        let searches: Vec<_> = Bug::ALL
            .iter()
            .map(|bug| (bug, scope.spawn(move || found(*bug))))
            .collect();
        for (bug, search) in searches {
            let (seed, text) = search
                .join()
                .unwrap()
                .unwrap_or_else(|| panic!("nobody found {bug:?}"));
            println!("{bug:?}: seed {seed}: {text}");
        }
    });
}
