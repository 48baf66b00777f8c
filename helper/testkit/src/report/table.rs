use std::fmt::Write as _;
use std::time::UNIX_EPOCH;

use walx_utility::clock;

use super::words::{bytes, durability, fence, truncation, yes};
use super::{Count, Report};

const HEAD: [&str; 12] = [
    "Store",
    "Version",
    "Plain",
    "Under faults",
    "Left out",
    "Fence",
    "Durable",
    "Truncates",
    "Whole batches",
    "Start by time",
    "Largest record",
    "Shown by",
];

/// The compatibility table in Markdown, a row a report: what was put to the test, and what each store says that it can
/// do.
pub fn table(reports: &[Report]) -> String {
    let date = date();
    let mut text = row(&HEAD.map(str::to_owned));
    text += &format!("|{}\n", "---|".repeat(HEAD.len()));
    for report in reports {
        text += &row(&cells(report, &date));
    }
    text
}

fn row(cells: &[String]) -> String {
    // A bar would begin the next cell, a line break the next row.
    let cells = cells
        .iter()
        .map(|it| it.replace('|', "\\|").replace('\n', " "));
    let mut row = String::from("|");
    for cell in cells {
        // Writing to a text can't go wrong.
        let _ = write!(row, " {cell} |");
    }
    row + "\n"
}

fn cells(report: &Report, date: &str) -> [String; HEAD.len()] {
    let can = &report.capability;
    let faulty = match report.faults {
        true => passed(report.count(true)),
        false => "-".to_owned(),
    };
    [
        format!("`{}:`", report.name),
        report.version.clone(),
        passed(report.count(false)),
        faulty,
        left_out(report),
        fence(can.fence),
        durability(can.durability),
        truncation(can.truncation),
        yes(can.atomic_batch).to_owned(),
        yes(can.start_by_time).to_owned(),
        bytes(can.max_record_bytes),
        format!("walx {}, {date}", env!("CARGO_PKG_VERSION")),
    ]
}

fn passed(count: Count) -> String {
    format!("{} of {}", count.passed, count.tried())
}

fn left_out(report: &Report) -> String {
    let needs = report.left_out();
    if needs.is_empty() {
        return "none".to_owned();
    }
    let needs = needs
        .iter()
        .map(|(what, cases)| format!("{cases} for want of {what}"));
    needs.collect::<Vec<_>>().join(", ")
}

/// The day, in UTC.
fn date() -> String {
    let now = humantime::format_rfc3339_seconds(UNIX_EPOCH + clock::unix_time()).to_string();
    now.split('T').next().unwrap_or_default().to_owned()
}
