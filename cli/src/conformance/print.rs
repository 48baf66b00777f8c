//! What `walx conformance` prints for people.

use std::time::Duration;

use walx_testkit::{Count, Failure as Failed, Report, Tried, Verdict};

use crate::exit::Failure;
use crate::out::Out;
use crate::text::count;

pub(super) fn has_failed(tried: &Tried) -> bool {
    matches!(tried.verdict, Verdict::Failed(_))
}

/// A run of a case.
pub(super) async fn run(name: &str, tried: &Tried, out: &mut Out) -> Result<(), Failure> {
    let case = tried.trial.case.name();
    let what = if tried.trial.faulty {
        "faulty"
    } else {
        "plain"
    };
    let line = |word: &str| format!("{word:<4}  {name}  {what:<6}  {case}");
    match &tried.verdict {
        Verdict::Passed => out.line(line("ok")).await,
        Verdict::LeftOut(needs) => {
            out.line(format_args!("{}: needs {needs}", line("out")))
                .await
        }
        Verdict::Failed(failure) => {
            out.line(line("FAIL")).await?;
            for text in broken(tried, failure).lines() {
                out.line(format_args!("      {text}")).await?;
            }
            Ok(())
        }
    }
}

/// The promise that a run broke, what happened instead, and how to run it again.
pub(super) fn broken(tried: &Tried, failure: &Failed) -> String {
    let case = &tried.trial.case;
    let seed = tried.seed.map(|seed| format!(" --seed {seed}"));
    format!(
        "promise: {}\nbut: {failure}\n\
         again: walx conformance STORE --only {}{}", // The store's URI may hold secrets.
        case.promise(),
        case.name(),
        seed.unwrap_or_default()
    )
}

/// What a report says in the end.
pub(super) async fn summary(report: &Report, out: &mut Out) -> Result<(), Failure> {
    let groups = report.groups();
    let width = groups.keys().map(|it| it.len()).max().unwrap_or(0);
    out.line("").await?;
    for (group, of) in groups {
        let mut text = format!("{group:<width$}  {} passed", of.passed);
        text += &more(of.failed, "failed");
        text += &more(of.left_out, "left out");
        out.line(text).await?;
    }
    let Report { name, version, .. } = report;
    let mut text = format!("{name} ({version}): {}", of(report.count(false), "plain"));
    if report.faults {
        text += &format!(", {}", of(report.count(true), "under faults"));
    }
    for (needs, cases) in report.left_out() {
        text += &format!(
            ", {} left out for want of {needs}",
            count(cases as u64, "case")
        );
    }
    out.line(format_args!("{text}; {}", seconds(report.time)))
        .await?;
    if !report.is_kept() {
        let failures = report.failures().count() as u64;
        out.line(format_args!("{name}: {} FAILED:", count(failures, "run")))
            .await?;
    }
    for failed in report.failures() {
        let what = if failed.trial.faulty {
            " under faults"
        } else {
            ""
        };
        out.line(format_args!("      {}{what}", failed.trial.case.name()))
            .await?;
    }
    Ok(())
}

fn more(number: usize, what: &str) -> String {
    match number {
        0 => String::new(),
        number => format!(", {number} {what}"),
    }
}

fn of(count: Count, what: &str) -> String {
    format!("{} of {} pass {what}", count.passed, count.tried())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
