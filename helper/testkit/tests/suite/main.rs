//! A suite that runs as a library: what it tells, what it reports, what it leaves behind.
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use walx_core::{Config, Error, ErrorKind, Result};
use walx_memory::{MemoryBuilder, MemoryStore};
use walx_testkit::{Report, Stop, Suite, TestStore, Verdict, table};

const FOUR: NonZeroUsize = NonZeroUsize::new(4).unwrap();

fn sound() -> TestStore {
    TestStore::new(Arc::new(MemoryStore::new().builder()), Config::new())
}

/// Each open of it is an empty store.
fn forgetful() -> TestStore {
    TestStore::new(Arc::new(MemoryBuilder::new()), Config::new())
}

fn suite(store: fn() -> TestStore, words: &[&str]) -> Suite {
    let words = words.iter().map(ToString::to_string).collect();
    Suite::new("memory", move || Ok(store())).only(words)
}

fn report(suite: Suite) -> Report {
    suite.run(FOUR, &Stop::default(), |_| {}).unwrap()
}

#[test]
fn a_broken_backend_is_reported_with_its_promises_and_how_to_replay() {
    let words = ["backend::open", "backend::record"];
    let report = report(suite(forgetful, &words).with_seed(Some(11)));
    assert!(!report.is_kept());
    let count = report.count(false);
    assert!(count.failed > 0 && count.passed > 0, "{count:?}");
    assert!(report.count(true).failed > 0);
    for it in report.failures() {
        let Verdict::Failed(failure) = &it.verdict else {
            panic!("{it:?}")
        };
        assert!(!failure.to_string().is_empty());
        assert_eq!(it.seed, it.trial.faulty.then_some(11));
    }
    let failed = report.groups()["backend::open"].failed;
    assert!(failed > 0, "{:?}", report.groups());
    let row = format!("| {} of {} |", count.passed, count.tried());
    assert!(table(&[report]).contains(&row), "{row}");
}

#[test]
fn a_sound_backend_keeps_every_promise_that_was_asked_for() {
    let report = report(suite(sound, &["backend::append", "backend::fence"]));
    let failures: Vec<_> = report.failures().collect();
    assert!(report.is_kept(), "{failures:?}");
    assert!(!report.whole, "only two groups ran");
    let (plain, faulty) = (report.count(false), report.count(true));
    assert_eq!((plain.left_out, faulty.left_out), (1, 1));
    assert_eq!(report.left_out()["a fence by a lock"], 1);
    assert_eq!(plain, faulty);
    assert_eq!(report.groups().len(), 2);
}

#[test]
fn runs_are_told_in_the_order_of_the_cases_however_many_run_at_a_time() {
    let suite = suite(sound, &["backend::append"]);
    let expected = suite.trials().into_iter();
    let expected: Vec<_> = expected.map(|it| (it.case.name(), it.faulty)).collect();
    let mut told = Vec::new();
    let ran = suite.run(FOUR, &Stop::default(), |it| {
        told.push((it.trial.case.name(), it.trial.faulty));
    });
    assert_eq!(told, expected);
    assert_eq!(ran.unwrap().tried.len(), expected.len());
}

/// Counts the stores that are kept.
struct Kept(Arc<AtomicUsize>);

impl Kept {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_suite_that_is_stopped_ends_early_and_removes_what_it_made() {
    let count = Arc::<AtomicUsize>::default();
    let kept = Arc::clone(&count);
    let suite = Suite::new("memory", move || Ok(sound().with_keep(Kept::new(&kept))));
    let (all, stop) = (suite.trials().len(), Stop::default());
    let mut most = 0;
    let report = suite.run(FOUR, &stop, |_| {
        most = most.max(count.load(Ordering::SeqCst));
        stop.stop();
    });
    let report = report.unwrap();
    assert!(
        most > 0,
        "the first store is kept for as long as the suite runs"
    );
    assert_eq!(count.load(Ordering::SeqCst), 0);
    assert!(!report.whole && report.tried.len() < all, "{all} ran");
}

#[test]
fn a_store_that_can_not_be_made_is_an_error_of_the_suite() {
    let refused = || -> Result<TestStore> { Err(Error::new(ErrorKind::Conflict, "it is taken")) };
    let suite = Suite::new("memory", refused);
    let error = suite.run(FOUR, &Stop::default(), |_| panic!("nothing ran"));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn a_case_that_panics_fails_alone() {
    let made = AtomicUsize::new(0);
    let suite = Suite::new("memory", move || {
        assert!(made.fetch_add(1, Ordering::SeqCst) != 1, "no more room");
        Ok(sound())
    });
    let suite = suite.only(vec!["backend::append".to_owned()]);
    let report = report(suite.with_faults(false));
    let failures: Vec<_> = report.failures().map(|it| &it.verdict).collect();
    assert_eq!(failures.len(), 1);
    assert!(format!("{failures:?}").contains("it panics: no more room"));
}
