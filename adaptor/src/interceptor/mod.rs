//! What is told of every append and entry, and the hooks that a chain is made of.
//!
//! Metrics and spans are always there and need no call a message. The hooks below are chosen in code by
//! [`OpenOption::with_interceptor`](walx_core::OpenOption::with_interceptor), or by a store's `chain=`, outermost first:
//!
//! | Hook | What it does |
//! |---|---|
//! | [`Trace`] | carries the W3C trace context of a message through the log |
//! | [`Checksum`] | proves end to end that what is read is what was handed in |
//! | [`Compression`] | makes payloads smaller: lz4, zstd by feature |
//! | [`Encryption`] | makes payloads secret, and everything of a message authentic |
//! | [`Chaos`] | refuses appends and ends scans by chance, for tests of programs |
//!
//! What a hook did to a message stands in a property whose name begins with `walx.`; users' own properties with such
//! names are refused. A scan undoes by these marks what it meets, whatever its own chain is, or ends with an error that
//! names the hook. Nothing encoded is delivered as if it were plain.

mod chain;
mod chaos;
mod checksum;
mod compression;
mod encryption;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
mod golden;
mod mark;
mod metrics;
mod trace;
mod tracing;

pub use self::chaos::Chaos;
pub use self::checksum::Checksum;
pub use self::compression::Compression;
pub use self::encryption::{Encryption, Key, KeyRing};
pub use self::trace::{Trace, TraceParent};

pub(crate) use self::chain::Undo;
pub use self::chain::check_order;
pub(crate) use self::mark::check_reserved;
pub(crate) use self::metrics::{
    AppendMetrics, ScanMetrics, StageTimes, append_failed, backend_failed, outcome,
};
pub(crate) use self::tracing::{append_span, appended, gap_met, not_appended, scan_span, wal_span};
