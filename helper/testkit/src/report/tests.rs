use std::time::Duration;

use walx_core::{Capability, Durability, Fence, Truncation};

use super::words::{bytes, durability};
use super::*;
use crate::Failure;
use crate::suite::{Trial, Verdict};

fn tried(number: usize, faulty: bool, verdict: Verdict) -> Tried {
    let case = crate::cases()[number];
    Tried {
        trial: Trial { case, faulty },
        verdict,
        seed: faulty.then_some(7),
        time: Duration::from_millis(5),
    }
}

fn report(faults: bool) -> Report {
    let capability = Capability::new(64 << 20)
        .with_fence(Fence::Lock)
        .with_truncation(Truncation::BySegment)
        .with_durability(Durability::Synced)
        .with_atomic_batch(true);
    let facts = Facts {
        capability,
        server: Some("Coop 3.1".to_owned()),
    };
    let mut all = vec![
        tried(0, false, Verdict::Passed),
        tried(1, false, Verdict::LeftOut("a native fence")),
        tried(2, false, Verdict::LeftOut("a native fence")),
        tried(3, false, Verdict::Failed(Failure::new("it forgets"))),
    ];
    if faults {
        all.push(tried(0, true, Verdict::Passed));
        all.push(tried(1, true, Verdict::LeftOut("a native fence")));
    }
    Report::new(
        "pigeon".to_owned(),
        "pigeon 0.3.0".to_owned(),
        facts,
        faults,
        true,
        all,
    )
}

#[test]
fn a_row_says_what_passed_and_what_the_store_can_do() {
    let text = table(&[report(true)]);
    let lines: Vec<_> = text.lines().collect();
    let columns = |line: &str| line.matches('|').count();
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|it| columns(it) == columns(lines[0])));
    let (row, date) = lines[2].rsplit_once(", ").unwrap();
    let expected = concat!(
        "| `pigeon:` | pigeon 0.3.0 on Coop 3.1 | 1 of 2 | 1 of 1 | 2 for want of a native fence | lock | synced",
        " | at once, space by segment | yes | no | 64 MiB | walx ",
        env!("CARGO_PKG_VERSION"),
    );
    assert_eq!(row, expected);
    let digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    let date: Vec<_> = date.trim_end_matches(" |").split('-').collect();
    assert!(
        date.len() == 3 && date.iter().all(|it| digits(it)),
        "{date:?}"
    );
}

#[test]
fn a_backend_that_ran_without_faults_says_so() {
    let row = table(&[report(false)]);
    assert!(row.contains("| 1 of 2 | - |"), "{row}");
}

#[test]
fn a_report_counts_by_kind_of_run_and_by_group() {
    let report = report(true);
    assert!(!report.is_kept());
    assert_eq!(report.failures().count(), 1);
    let count = Count {
        passed: 1,
        failed: 1,
        left_out: 2,
    };
    assert_eq!(report.count(false), count);
    assert_eq!(report.left_out()["a native fence"], 2);
    let of_groups: usize = report.groups().values().map(|it| it.tried()).sum();
    assert_eq!(of_groups, 3);
}

#[test]
fn numbers_stand_in_units_that_people_read() {
    assert_eq!(bytes(1 << 30), "1 GiB");
    assert_eq!(bytes((1 << 20) + 1), "1048577 bytes");
    assert_eq!(bytes(0), "0 bytes");
    let every = Durability::Interval(Duration::from_millis(5));
    assert_eq!(durability(every), "synced each 5ms");
}
