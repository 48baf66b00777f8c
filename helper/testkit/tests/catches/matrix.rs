//! Every defect with every case.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use walx_adaptor::planted::{Bug, plant};
use walx_testkit::cases;
use walx_utility::sync::lock;

use crate::broken::{Defect, all};
use crate::{capability, outcome};

/// Cases that no defect makes fail, and why that can't be.
const IDLE: &[(&str, &str)] = &[];

/// A case of a second, which runs only with the defects that it is there to find.
const LONG: &str = "backend::ids::ids_ascend_behind_65536_records";

/// What is planted: in the backend, or in the adaptor above a sound one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Planted {
    Backend(Defect),
    Adaptor(Bug),
}

/// The cases that find each of them, in the order of the suite.
fn found() -> Vec<(Planted, Vec<String>)> {
    let backends = all().map(|it| Planted::Backend(it.0));
    let planted: Vec<_> = backends
        .chain(Bug::ALL.iter().map(|bug| Planted::Adaptor(*bug)))
        .collect();
    let (capability, cases) = (capability(), cases());
    let jobs: Vec<_> = (0..planted.len())
        .flat_map(|it| (0..cases.len()).map(move |case| (it, case)))
        .filter(|(it, case)| {
            let aimed_at = |defect| all().any(|it| it.0 == defect && it.2.contains(&LONG));
            let aimed = matches!(planted[*it], Planted::Backend(defect) if aimed_at(defect));
            let name = cases[*case].name();
            // What many owners do finds nearly everything, in seconds each: these are enough to show it.
            let upper = matches!(
                planted[*it],
                Planted::Adaptor(
                    Bug::ForgetsWhatLiesBefore | Bug::WritesAgainBlindly | Bug::ForgetsKeys
                )
            );
            (name != LONG || aimed) && (upper || !name.starts_with("wal::upper::"))
        })
        .collect();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, Into::into) {
            scope.spawn(|| {
                while let Some((it, at)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (case, defect) = (
                        &cases[*at],
                        match planted[*it] {
                            Planted::Backend(defect) => defect,
                            Planted::Adaptor(bug) => {
                                plant(Some(bug));
                                Defect::None
                            }
                        },
                    );
                    let outcome = outcome(case, defect, capability);
                    plant(None);
                    if matches!(outcome, Some(Err(_))) {
                        lock(&failed).push((*it, *at));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_unstable();
    let of = |number: usize| {
        failed
            .iter()
            .filter(move |it| it.0 == number)
            .map(|it| cases[it.1].name())
    };
    planted
        .iter()
        .enumerate()
        .map(|(number, it)| (*it, of(number).collect()))
        .collect()
}

#[test]
fn every_defect_is_found_and_no_case_is_idle() {
    let found = found();
    let mut by: BTreeMap<&str, usize> = BTreeMap::new();
    println!("| planted | cases that find it | the first |\n|---|---|---|");
    for (planted, names) in &found {
        let first = names.first().map_or("", String::as_str);
        println!("| {planted:?} | {} | {first} |", names.len());
        for name in names {
            *by.entry(name).or_default() += 1;
        }
    }
    let (capability, cases) = (capability(), cases());
    let held: Vec<_> = cases
        .iter()
        .filter(|case| case.excused(&capability).is_none())
        .collect();
    let idle: Vec<_> = held
        .iter()
        .map(|case| case.name())
        .filter(|name| !by.contains_key(name.as_str()))
        .collect();
    println!("idle: {idle:#?}");
    let unfound: Vec<_> = found
        .iter()
        .filter(|it| it.1.is_empty())
        .map(|it| it.0)
        .collect();
    let unfound: Vec<_> = unfound
        .into_iter()
        .filter(|it| matches!(it, Planted::Backend(_)))
        .collect();
    let mut missed = Vec::new();
    for (defect, _, names) in all() {
        let by = found
            .iter()
            .find(|it| it.0 == Planted::Backend(*defect))
            .map(|it| &it.1);
        for name in names
            .iter()
            .filter(|name| by.is_none_or(|by| !by.iter().any(|it| it == *name)))
        {
            missed.push(format!("{name} does not find {defect:?}"));
        }
    }
    assert!(unfound.is_empty(), "no case finds {unfound:?}");
    assert!(missed.is_empty(), "{missed:#?}");
    let known: Vec<_> = IDLE.iter().map(|it| it.0.to_owned()).collect();
    assert_eq!(idle, known, "cases that no defect makes fail");
    the_page_shows(&found);
}

/// The book's table is the table.
fn the_page_shows(found: &[(Planted, Vec<String>)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wal/docs/proof.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (start, end) = (
        "<!-- planted-backends -->\n",
        "<!-- /planted-backends -->\n",
    );
    let (before, rest) = page.split_once(start).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let mut table =
        "| Defect | What the backend does | The first case that finds it |\n|---|---|---|\n"
            .to_owned();
    for (defect, what, _) in all() {
        let first = found
            .iter()
            .find(|it| it.0 == Planted::Backend(*defect))
            .and_then(|it| it.1.first());
        writeln!(
            table,
            "| `{defect:?}` | {what} | `{}` |",
            first.map_or("", String::as_str)
        )
        .unwrap();
    }
    let expected = format!("{before}{start}\n{table}\n{end}{after}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let shown = std::fs::read_to_string(&path).unwrap();
    assert_eq!(shown, expected, "run this test with UPDATE_GOLDEN=1");
}
