//! Counts appends and entries through the `metrics` facade. It costs next to nothing until a program installs a
//! recorder, which must be there before the wal is opened.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use walx_core::{ErrorKind, Gap, Result, ScanMode};
use walx_utility::metric;

use crate::planted::{self, Bug};

/// What appends of one wal count.
pub(crate) struct AppendMetrics {
    acknowledged: Counter,
    bytes: Counter,
    pub(crate) slow: Counter,
    seconds: Histogram,
    hooks: Histogram,
    admission: Histogram,
    order: Histogram,
    backend: Histogram,
    ack: Histogram,
}

/// How long each stage of an append took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct StageTimes {
    pub(crate) hooks: Duration,
    pub(crate) admission: Duration,
    pub(crate) order: Duration,
    pub(crate) backend: Duration,
}

impl AppendMetrics {
    pub(crate) fn new() -> Self {
        let stage = |name: &'static str| histogram!(metric::APPEND_STAGE_SECONDS, "stage" => name);
        Self {
            acknowledged: counter!(metric::APPEND_TOTAL, "outcome" => "ok"),
            bytes: counter!(metric::APPEND_BYTES_TOTAL),
            slow: counter!(metric::APPEND_SLOW_TOTAL),
            seconds: histogram!(metric::APPEND_SECONDS),
            hooks: stage("hooks"),
            admission: stage("admission"),
            order: stage("order"),
            backend: stage("backend"),
            ack: stage("ack"),
        }
    }

    /// One append is durable. Stages that it did not have are not counted.
    pub(crate) fn durable(&self, stages: StageTimes, whole: Duration) {
        self.seconds.record(whole);
        self.order.record(stages.order);
        self.backend.record(stages.backend);
        if !stages.hooks.is_zero() {
            self.hooks.record(stages.hooks);
        }
        if !stages.admission.is_zero() {
            self.admission.record(stages.admission);
        }
    }

    /// So many messages were acknowledged together, in this time.
    pub(crate) fn acknowledged(&self, messages: u64, bytes: u64, ack: Duration) {
        if messages > 0 {
            self.acknowledged.increment(messages);
            self.bytes.increment(bytes);
            self.ack.record(ack);
        }
    }
}

/// So many messages were refused, or failed.
pub(crate) fn append_failed(kind: ErrorKind, messages: usize) {
    counter!(metric::APPEND_TOTAL, "outcome" => name(kind)).increment(messages as u64);
}

/// A wal takes no more appends, since one has failed.
pub(crate) fn backend_failed(kind: ErrorKind) {
    counter!(metric::BACKEND_FAILURE_TOTAL, "kind" => name(kind)).increment(1);
}

/// What scanners of one wal count.
pub(crate) struct ScanMetrics {
    messages: Counter,
    bytes: Counter,
    catch_up: Gauge,
    tailing: Gauge,
    from_backend: Counter,
    from_cache: Counter,
}

impl ScanMetrics {
    pub(crate) fn new() -> Self {
        Self {
            messages: counter!(metric::SCAN_MESSAGES_TOTAL),
            bytes: counter!(metric::SCAN_BYTES_TOTAL),
            catch_up: gauge!(metric::SCAN_OPEN, "mode" => "catch_up"),
            tailing: gauge!(metric::SCAN_OPEN, "mode" => "tailing"),
            from_backend: counter!(metric::SCAN_SOURCE_TOTAL, "source" => "backend"),
            from_cache: counter!(metric::SCAN_SOURCE_TOTAL, "source" => "cache"),
        }
    }

    /// One batch was delivered.
    pub(crate) fn delivered(&self, messages: u64, bytes: u64) {
        self.messages.increment(messages);
        self.bytes.increment(bytes);
    }

    pub(crate) fn gap(&self, gap: &Gap) {
        counter!(metric::SCAN_GAPS_TOTAL, "reason" => gap.reason.to_string()).increment(1);
    }

    /// A scanner reads from somewhere else, or for the first time; `None` where it has ended.
    pub(crate) fn moved(&self, from: Option<ScanMode>, to: Option<ScanMode>) {
        if let Some(mode) = from.filter(|_| to.is_some() || !planted::is(Bug::CountsEndedScans)) {
            self.open(mode).decrement(1.0);
        }
        if let Some(mode) = to {
            self.open(mode).increment(1.0);
            match mode {
                ScanMode::CatchUp => self.from_backend.increment(1),
                ScanMode::Tailing => self.from_cache.increment(1),
            }
        }
    }

    fn open(&self, mode: ScanMode) -> &Gauge {
        match mode {
            ScanMode::CatchUp => &self.catch_up,
            ScanMode::Tailing => &self.tailing,
        }
    }
}

/// How a call ended, as a label.
pub(crate) fn outcome<T>(result: &Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => name(error.kind()),
    }
}

fn name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Fenced => "fenced",
        ErrorKind::Closed => "closed",
        ErrorKind::NotFound => "not_found",
        ErrorKind::Conflict => "conflict",
        ErrorKind::InvalidInput => "invalid_input",
        ErrorKind::TooLarge => "too_large",
        ErrorKind::Overloaded { .. } => "overloaded",
        ErrorKind::PositionLost { .. } => "position_lost",
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::OutcomeUnknown => "outcome_unknown",
        ErrorKind::NotWritten => "not_written",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Denied => "denied",
        ErrorKind::Internal => "internal",
        _ => "other",
    }
}
