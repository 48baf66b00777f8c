//! What `walx conformance --output json` prints. The names are stable.

use std::collections::BTreeMap;

use serde::Serialize;
use walx_testkit::{Count, Report, Tried, Verdict};

use crate::describe::word;

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line<'a> {
    Run(RunFields<'a>),
    Summary(Box<SummaryFields<'a>>),
}

#[derive(Serialize)]
pub(super) struct RunFields<'a> {
    store: &'a str,
    case: String,
    faulty: bool,
    outcome: &'static str,
    promise: &'static str,
    /// Why it failed, or what the store would have to be able to do.
    reason: Option<String>,
    seed: Option<u64>,
    milliseconds: u64,
}

#[derive(Serialize)]
pub(super) struct SummaryFields<'a> {
    store: &'a str,
    version: &'a str,
    suite: &'static str,
    kept: bool,
    whole: bool,
    plain: Counts,
    faulty: Option<Counts>,
    groups: BTreeMap<&'static str, Counts>,
    needs: BTreeMap<&'static str, usize>,
    durability: String,
    fence: String,
    truncation: String,
    atomic_batch: bool,
    start_by_time: bool,
    max_record_bytes: usize,
    needs_server: bool,
    milliseconds: u64,
}

#[derive(Serialize)]
struct Counts {
    passed: usize,
    failed: usize,
    left_out: usize,
}

impl From<Count> for Counts {
    fn from(it: Count) -> Self {
        Self {
            passed: it.passed,
            failed: it.failed,
            left_out: it.left_out,
        }
    }
}

pub(super) fn run<'a>(store: &'a str, tried: &Tried) -> Line<'a> {
    let (outcome, reason) = match &tried.verdict {
        Verdict::Passed => ("passed", None),
        Verdict::LeftOut(needs) => ("left_out", Some(format!("needs {needs}"))),
        Verdict::Failed(failure) => ("failed", Some(failure.to_string())),
    };
    Line::Run(RunFields {
        store,
        case: tried.trial.case.name(),
        faulty: tried.trial.faulty,
        outcome,
        promise: tried.trial.case.promise(),
        reason,
        seed: tried.seed,
        milliseconds: milliseconds(tried.time),
    })
}

pub(super) fn summary(report: &Report) -> Line<'_> {
    let can = &report.capability;
    let groups = report.groups().into_iter();
    Line::Summary(Box::new(SummaryFields {
        store: &report.name,
        version: &report.version,
        suite: env!("CARGO_PKG_VERSION"),
        kept: report.is_kept(),
        whole: report.whole,
        plain: report.count(false).into(),
        faulty: report.faults.then(|| report.count(true).into()),
        groups: groups.map(|(name, count)| (name, count.into())).collect(),
        needs: report.left_out(),
        durability: can.durability.to_string(),
        fence: word(can.fence),
        truncation: word(can.truncation),
        atomic_batch: can.atomic_batch,
        start_by_time: can.start_by_time,
        max_record_bytes: can.max_record_bytes,
        needs_server: can.needs_server,
        milliseconds: milliseconds(report.time),
    }))
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
