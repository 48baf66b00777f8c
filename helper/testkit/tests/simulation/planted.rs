//! Wrong behaviours of the adaptor, each of which a run finds.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use walx_adaptor::planted::{Bug, plant};

use crate::run::{Run, run};

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

/// So many seeds at most find each of them. The book says within which of these it was: the very number changes with
/// every change of the workload.
const SEEDS: [u64; 4] = [1, 10, 100, 1_000];

#[test]
fn every_planted_bug_is_found_and_the_book_says_by_what() {
    let mut table = "| Bug | Found by | Within seeds |\n|---|---|---|\n".to_owned();
    let (mut missed, mut alone) = (Vec::new(), BTreeSet::new());
    for bug in Bug::ALL {
        let planted = Planted::new(*bug);
        let bad = (0..SEEDS[3]).map(run).find(|run| !run.is_good());
        drop(planted);
        let Some(bad) = bad else {
            missed.push(bug);
            continue;
        };
        let sound = run(bad.seed);
        assert!(sound.is_good(), "without any bug: {sound}");
        let within = SEEDS.iter().find(|seeds| bad.seed < **seeds).unwrap();
        writeln!(
            table,
            "| {} | {} | {within} |",
            bug.what().trim_end_matches('.'),
            bad.found_by()
        )
        .unwrap();
        alone.extend(found_alone(&bad));
    }
    assert!(missed.is_empty(), "nobody finds {missed:?}");
    // What the workload demands beside the history's promises is not idle either: without it bugs get through.
    for demand in ["workload", "gauges"] {
        assert!(alone.contains(demand), "only {alone:?} are needed");
    }
    assert!(alone.len() > 5, "only {alone:?} are needed");
    show(&table);
}

/// What found it, where nothing else did.
fn found_alone(bad: &Run) -> Option<&'static str> {
    let by: BTreeSet<_> = bad.wrong.iter().map(|wrong| wrong.by).collect();
    by.first().copied().filter(|_| by.len() == 1)
}

/// Holds the book's table to what was found.
#[expect(clippy::unwrap_used, reason = "a test ends with them")]
fn show(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wal/docs/proof.md");
    let page = fs::read_to_string(&path).unwrap();
    let (start, end) = ("<!-- planted-adaptor -->\n", "<!-- /planted-adaptor -->\n");
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
