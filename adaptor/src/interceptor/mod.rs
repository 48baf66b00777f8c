//! What is told of every append and entry. The hooks that users add come after; these need no call a message.

mod metrics;
mod tracing;

pub(crate) use self::metrics::{
    AppendMetrics, ScanMetrics, StageTimes, append_failed, backend_failed, outcome,
};
pub(crate) use self::tracing::{append_span, appended, gap_met, not_appended, scan_span, wal_span};
