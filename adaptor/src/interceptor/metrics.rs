//! Counts appends and entries through the `metrics` facade. It costs nothing until a program installs a recorder,
//! which must be there before the wal is opened.

use metrics::{Counter, Histogram, counter, histogram};
use walx_core::{AppendContext, Entry, Interceptor, Place, Result, ScanContext};

pub(crate) struct Metrics {
    appended: Counter,
    appended_bytes: Counter,
    append_failed: Counter,
    append_seconds: Histogram,
    scanned: Counter,
    scanned_bytes: Counter,
    gaps: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            appended: counter!("walx_append_total", "outcome" => "ok"),
            appended_bytes: counter!("walx_append_bytes_total"),
            append_failed: counter!("walx_append_total", "outcome" => "error"),
            append_seconds: histogram!("walx_append_seconds"),
            scanned: counter!("walx_scan_entries_total", "kind" => "message"),
            scanned_bytes: counter!("walx_scan_bytes_total"),
            gaps: counter!("walx_scan_entries_total", "kind" => "gap"),
        }
    }
}

impl Interceptor for Metrics {
    fn name(&self) -> &'static str {
        "metrics"
    }

    fn after(&self, context: &AppendContext<'_>, result: &Result<Place>) {
        if result.is_err() {
            self.append_failed.increment(1);
            return;
        }
        self.appended.increment(1);
        self.appended_bytes.increment(context.bytes as u64);
        self.append_seconds.record(context.elapsed_us as f64 / 1e6);
    }

    fn scan(&self, _context: &ScanContext<'_>, entry: &mut Entry) -> Result<()> {
        match entry.message() {
            Some(placed) => {
                self.scanned.increment(1);
                self.scanned_bytes.increment(placed.message.bytes() as u64);
            }
            None => self.gaps.increment(1),
        }
        Ok(())
    }
}
