//! Tells wals, appends and scans to `tracing`: spans, each append at trace level, failures and gaps as warnings. Where
//! nobody listens a call costs one atomic load.

use std::time::Duration;

use tracing::{Span, debug, debug_span, field, info, info_span, trace, trace_span, warn};
use walx_core::{BackendName, ChannelName, Error, ErrorKind, Gap, Owner, Place, Position};

/// A wal from its open to its close: its tasks run in it.
pub(crate) fn wal_span(channel: &ChannelName, owner: Option<Owner>, backend: BackendName) -> Span {
    // It outlives whatever its caller is doing.
    let span = info_span!(parent: None, "wal", %channel, owner = field::Empty, %backend);
    if let Some(owner) = owner {
        span.record("owner", field::display(owner));
    }
    span
}

/// An append from its call to its outcome, inside of whatever its caller is doing. Its lsn is filled in once it has
/// its place.
pub(crate) fn append_span(channel: &ChannelName, owner: Owner) -> Span {
    trace_span!("append", %channel, %owner, lsn = field::Empty)
}

/// A scan from its start to its end, inside of whatever its caller is doing.
pub(crate) fn scan_span(channel: &ChannelName, position: &Position) -> Span {
    debug_span!("scan", %channel, ?position)
}

pub(crate) fn appended(channel: &ChannelName, place: &Place, bytes: usize, elapsed: Duration) {
    let (owner, lsn) = (place.owner, place.lsn.get());
    trace!(%channel, %owner, lsn, bytes, elapsed_us = micros(elapsed), "appended");
}

pub(crate) fn not_appended(channel: &ChannelName, owner: Owner, elapsed: Duration, error: &Error) {
    let elapsed_us = micros(elapsed);
    // Whoever gets it tries again, maybe each few milliseconds.
    if matches!(error.kind(), ErrorKind::Overloaded { .. }) {
        debug!(%channel, %owner, elapsed_us, %error, "not appended");
    } else {
        warn!(%channel, %owner, elapsed_us, %error, "not appended");
    }
}

pub(crate) fn gap_met(channel: &ChannelName, gap: &Gap) {
    match gap.reason.is_hole() {
        true => warn!(%channel, %gap, "a hole in the log"),
        false => info!(%channel, %gap, "somebody else writes into the log"),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
