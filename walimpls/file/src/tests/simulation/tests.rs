use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
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

/// Each of them found a bug once.
const ONCE_BAD: [u64; 4] = [20_934, 1_007_244, 2_007_214, 3_000_256];

#[test]
fn seeds_that_failed_once_stay_good() {
    for seed in ONCE_BAD {
        run(seed, None).unwrap_or_else(|text| panic!("WALX_SEED={seed}: {text}"));
    }
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
            Some((
                "a kill, then a loss of power",
                judged(run).err().map(|it| (seed, it))?,
            ))
        }),
        _ => (0..SEEDS).find_map(|seed| {
            let text = judged(|| run(seed, Some(bug))).err()?;
            Some((within(seed), (seed, text)))
        }),
    };
    let mut table = "| Bug | Found by | Within seeds |\n|---|---|---|\n".to_owned();
    std::thread::scope(|scope| {
        let search = |bug: &'static Bug| (bug, scope.spawn(move || found(*bug)));
        let searches: Vec<_> = Bug::ALL.iter().map(search).collect();
        for (bug, search) in searches {
            let found = search.join().unwrap();
            let (within, (seed, text)) = found.unwrap_or_else(|| panic!("nobody found {bug:?}"));
            println!("{bug:?}: seed {seed}: {text}");
            // Behind the number of the life.
            let by = text.split(": ").nth(1).unwrap();
            writeln!(table, "| {} | {by} | {within} |", bug.what()).unwrap();
        }
    });
    show(&table);
}

/// The number of seeds that the book names: the very one changes with every change of the workload.
fn within(seed: u64) -> &'static str {
    match seed {
        0 => "1",
        1..10 => "10",
        10..100 => "100",
        _ => "1,000",
    }
}

/// Holds the book's table to what was found.
fn show(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wal/docs/proof.md");
    let page = fs::read_to_string(&path).unwrap();
    let (start, end) = ("<!-- planted-disk -->\n", "<!-- /planted-disk -->\n");
    let (before, rest) = page.split_once(start).unwrap();
    let (shown, after) = rest.split_once(end).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{before}{start}\n{table}\n{end}{after}")).unwrap();
    } else {
        assert_eq!(
            shown.trim(),
            table.trim(),
            "run this test with UPDATE_GOLDEN=1"
        );
    }
}
