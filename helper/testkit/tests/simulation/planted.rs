//! Wrong behaviours of the adaptor, each of which a run finds.

use walx_adaptor::planted::{Bug, plant};

use crate::run::run;

/// So many seeds at most find each of them.
const SEEDS: u64 = 2_000;

/// A bug is planted as long as this lives.
struct Planted;

impl Planted {
    fn new(bug: Bug) -> Self {
        plant(Some(bug));
        Self
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        plant(None);
    }
}

#[test]
fn every_planted_bug_is_found_and_a_table_says_by_what() {
    let mut missed = Vec::new();
    println!("| bug | found by | seeds |\n|---|---|---|");
    for bug in Bug::ALL {
        let planted = Planted::new(*bug);
        let bad = (0..SEEDS).map(run).find(|run| !run.is_good());
        drop(planted);
        match bad {
            Some(bad) => {
                println!("| {bug:?} | {} | {} |", bad.found_by(), bad.seed + 1);
                let sound = run(bad.seed);
                assert!(sound.is_good(), "without any bug: {sound}");
            }
            None => missed.push(bug),
        }
    }
    assert!(missed.is_empty(), "nobody finds {missed:?}");
}
