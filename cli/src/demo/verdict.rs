use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::CHANNELS;
use super::ledger::{Ledger, Reader};
use super::proof::{Found, Tails};
use super::watch::Books;

/// What a demo found out.
pub(super) struct Verdict {
    settings: String,
    scanners: Vec<Row>,
    faults: Vec<String>,
    latencies: Vec<(&'static str, Histogram<u64>)>,
}

/// One scanner, and the channel it reads.
struct Row {
    scanner: String,
    numbers: [u64; COLUMNS.len()],
}

const COLUMNS: [&str; 8] = [
    "appended",
    "acknowledged",
    "in the log",
    "delivered",
    "lost",
    "doubled",
    "out of order",
    "gaps",
];

impl Verdict {
    pub(super) fn new(
        books: &Books,
        tails: &Tails,
        found: &[Found; CHANNELS.len()],
        kills: u32,
        time: Duration,
    ) -> Self {
        let settings = format!(
            "durability {}, {:.1} s, {kills} writers killed",
            tails.durability,
            time.as_secs_f64()
        );
        let mut it = Self {
            settings,
            scanners: Vec::new(),
            faults: Vec::new(),
            latencies: Vec::new(),
        };
        for (channel, (name, _)) in CHANNELS.into_iter().enumerate() {
            it.add(
                name,
                &books.ledger(channel),
                tails.lsns[channel],
                found[channel],
            );
        }
        it
    }

    /// Whether every acknowledged line reached every scanner: with its bytes, once, in order.
    pub(super) fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    fn add(&mut self, name: &str, ledger: &Ledger, tail: u64, found: Found) {
        if ledger.acknowledged == 0 {
            self.faults.push(format!(
                "{name}: nothing was acknowledged, so nothing is proved"
            ));
        }
        if ledger.acknowledged_again > 0 {
            self.faults.push(format!(
                "{name}: {} lines got a place of an older line",
                ledger.acknowledged_again
            ));
        }
        if tail > ledger.given {
            self.faults.push(format!(
                "{name}: {} lines in the log, {} were appended",
                tail, ledger.given
            ));
        }
        if found.gaps > 0 || found.delivered != tail {
            let Found {
                delivered, gaps, ..
            } = found;
            self.faults.push(format!(
                "{name}: a fresh scan finds {delivered} of {tail} lines, {gaps} gaps"
            ));
        }
        for (number, reader) in ledger.readers.iter().enumerate() {
            let scanner = format!("{name} {}", number + 1);
            self.judge(&scanner, reader, found);
            let Reader {
                delivered,
                lost,
                doubled,
                disordered,
                gaps,
                ..
            } = *reader;
            let numbers = [
                ledger.given,
                ledger.acknowledged,
                tail,
                delivered,
                lost,
                doubled,
                disordered,
                gaps,
            ];
            self.scanners.push(Row { scanner, numbers });
        }
        self.latency("append to ack", &ledger.append_us);
        self.latency("ack to delivered", &ledger.deliver_us);
    }

    fn judge(&mut self, scanner: &str, reader: &Reader, found: Found) {
        let counts = [
            ("lost", reader.lost),
            ("doubled", reader.doubled),
            ("out of order", reader.disordered),
            ("gaps", reader.gaps),
        ];
        for (what, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            self.faults.push(format!("{scanner}: {count} {what}"));
        }
        if let Some(why) = &reader.failure {
            self.faults
                .push(format!("{scanner}: it ended early: {why}"));
        }
        if (reader.delivered, reader.chain) != (found.delivered, found.chain) {
            self.faults.push(format!(
                "{scanner}: it delivered other lines than a fresh scan"
            ));
        }
    }

    /// Over all channels.
    fn latency(&mut self, what: &'static str, histogram: &Histogram<u64>) {
        match self.latencies.iter_mut().find(|(name, _)| *name == what) {
            Some((_, sum)) => {
                let added = sum.add(histogram);
                debug_assert!(added.is_ok(), "histograms of one shape add up");
            }
            None => self.latencies.push((what, histogram.clone())),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.settings)?;
        write!(f, "{:<12}", "scanner")?;
        COLUMNS
            .iter()
            .try_for_each(|column| write!(f, "  {column:>width$}", width = width(column)))?;
        for Row { scanner, numbers } in &self.scanners {
            write!(f, "\n{scanner:<12}")?;
            let cells = COLUMNS.iter().zip(numbers);
            cells.into_iter().try_for_each(|(column, number)| {
                write!(f, "  {number:>width$}", width = width(column))
            })?;
        }
        writeln!(
            f,
            "\n\n{:<20}{:>12}{:>12}{:>12}",
            "latency in ms", "p50", "p99", "max"
        )?;
        for (what, histogram) in &self.latencies {
            let [p50, p99, max] = [
                histogram.value_at_quantile(0.5),
                histogram.value_at_quantile(0.99),
                histogram.max(),
            ]
            .map(|us| us as f64 / 1_000.0);
            writeln!(f, "{what:<20}{p50:>12.3}{p99:>12.3}{max:>12.3}")?;
        }
        if self.is_clean() {
            return writeln!(
                f,
                "\nclean: every acknowledged line reached every scanner, with its bytes, once, in order"
            );
        }
        writeln!(f, "\nNOT CLEAN")?;
        self.faults
            .iter()
            .try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}

fn width(column: &str) -> usize {
    column.len().max(9)
}

#[cfg(test)]
mod tests;
