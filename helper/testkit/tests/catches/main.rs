//! The suite finds what it is there to find: each defect of a backend makes cases fail, and each case is needed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod broken;
mod matrix;

use std::sync::Arc;

use walx_core::{Capability, Config};
use walx_memory::MemoryStore;
use walx_testkit::{Case, Outcome, TestStore, cases, run_here};

use broken::{Broken, Defect};

/// Small, so that records at the limit cost little.
const LIMIT: &str = "1100KiB";

fn store(defect: Defect) -> TestStore {
    let store = MemoryStore::new();
    let builder = Broken::new(store.builder(), defect);
    TestStore::new(Arc::new(builder), Config::new().with("max_record", LIMIT))
        .with_foreign(store.foreign_writer())
        .with_keep(store)
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // No wait takes any time, and what hangs is found out at once.
    builder.enable_all().start_paused(true).build().unwrap()
}

fn capability() -> Capability {
    let store = store(Defect::None);
    let opener = runtime().block_on(store.builder.build(store.config.clone()));
    opener.unwrap().capability()
}

/// What the case says of a backend with this defect; `None` where it is excused.
fn outcome(case: &Case, defect: Defect, capability: Capability) -> Option<Outcome> {
    if case.excused(&capability).is_some() {
        return None;
    }
    Some(runtime().block_on(run_here(case, store(defect), capability)))
}

#[test]
fn every_case_has_a_name_of_its_own_and_a_promise() {
    let mut names: Vec<_> = cases().iter().map(|case| case.name()).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all);
    for case in cases() {
        let (name, promise) = (case.name(), case.promise());
        assert!(
            name.starts_with("backend::") || name.starts_with("wal::"),
            "{name}"
        );
        assert!(
            promise.ends_with('.') && promise.len() > 20,
            "{name}: {promise}"
        );
    }
}

#[test]
fn there_is_a_group_for_each_thing_that_a_log_promises() {
    const GROUPS: &str = "open owner append order batch ids scan positions tail gaps truncate fence reopen limits \
                          cancel concurrency close read_only fault transactions virtual_channels exactly_once \
                          chunks conditional upper foreign";
    let names: Vec<_> = cases().iter().map(|case| case.name()).collect();
    for group in GROUPS.split_whitespace() {
        let mut groups = names.iter().map(|name| name.split("::").nth(1));
        assert!(
            groups.any(|it| it == Some(group)),
            "there is no group {group}"
        );
    }
}

#[test]
fn every_case_passes_on_a_sound_backend_without_time() {
    let capability = capability();
    for case in cases() {
        if let Some(outcome) = outcome(&case, Defect::None, capability) {
            assert_eq!(outcome, Ok(()), "{}", case.name());
        }
    }
}
