//! A load proves what a store keeps, and finds what a broken one doesn't.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]
#![allow(
    dead_code,
    unused_imports,
    reason = "the broken backends have more defects than these"
)]

#[path = "../catches/broken/mod.rs"]
mod broken;

use std::sync::Arc;
use std::time::Duration;

use broken::{Broken, Defect};
use walx_core::Config;
use walx_memory::MemoryStore;
use walx_testkit::Outcome;
use walx_testkit::faults::{Faulty, Plan};
use walx_testkit::load::{Load, LoadReport};

/// Answers get lost, and scans fail.
async fn load(defect: Defect, patience: Duration) -> Outcome<LoadReport> {
    let broken = Broken::new(MemoryStore::new().builder(), defect);
    let faulty = Faulty::new(Arc::new(broken), Plan::quiet());
    let faults = faulty.faults().clone();
    let config = Config::new();
    Load::new(Arc::new(faulty), config)
        .with_rate(1000)
        .with_between(Duration::from_millis(100))
        .with_patience(patience)
        .run(3, async |_| {
            faults.lose_ack_next().fail_scans(3);
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_disturbed_again_and_again_loses_nothing() {
    let report = load(Defect::None, Duration::from_secs(60)).await.unwrap();
    println!("{report}");
    assert!(report.acknowledged > 100, "{report}");
    assert_eq!(report.in_the_log, report.acknowledged + report.unknown);
    assert_eq!(report.pauses.len(), 3, "{report}");
    assert!(report.pauses.iter().all(|it| !it.is_zero()), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_broken_store_does_is_found() {
    for defect in [
        Defect::ScanSkips,
        Defect::ReordersTwoAppends,
        Defect::AnswersTheIdBefore,
        Defect::LosesTheNewestAtAClose,
        Defect::ScannerSleepsThroughAppends,
        Defect::LosesProperties,
    ] {
        let found = load(defect, Duration::from_secs(3)).await;
        let failure = found.expect_err(&format!("{defect:?} is not found"));
        println!(
            "{defect:?}: {}",
            failure.to_string().lines().next().unwrap()
        );
    }
}
