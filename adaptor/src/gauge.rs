//! Gauges that end with what they tell of.

use std::sync::Mutex;

use metrics::{Gauge, Label, gauge};
use tracing::Span;
use walx_core::{Access, BackendName, Category, ChannelInfo, Limits, Owner, Use};
use walx_utility::metric;
use walx_utility::sync::lock;

use crate::interceptor::wal_span;

/// Gauges that are set together, and are zero once what they tell of has ended: the facade can't take a series away.
pub(crate) struct Gauges<const N: usize> {
    gauges: [Gauge; N],
    ended: Mutex<bool>,
}

impl<const N: usize> Gauges<N> {
    /// The gauges of these names and labels.
    pub(crate) fn new(names: [&'static str; N], labels: &[Label]) -> Self {
        Self {
            gauges: names.map(|name| gauge!(name, labels.to_vec())),
            ended: Mutex::new(false),
        }
    }

    pub(crate) fn set(&self, values: [f64; N]) {
        // Under the lock, so that no value comes after the end.
        let ended = lock(&self.ended);
        if !*ended {
            let both = self.gauges.iter().zip(values);
            both.for_each(|(gauge, value)| gauge.set(value));
        }
    }

    pub(crate) fn end(&self) {
        let mut ended = lock(&self.ended);
        if !std::mem::replace(&mut ended, true) {
            self.gauges.iter().for_each(|gauge| gauge.set(0.0));
        }
    }
}

impl<const N: usize> Drop for Gauges<N> {
    fn drop(&mut self) {
        self.end();
    }
}

/// An open wal among the others: its row in the gauge of all open wals, and the span in which its tasks run.
pub(crate) struct Presence {
    pub(crate) span: Span,
    info: Gauge,
    ended: Mutex<bool>,
}

impl Presence {
    pub(crate) fn new(channel: &ChannelInfo, owner: Option<Owner>, backend: BackendName) -> Self {
        let term = channel.term.map_or(String::new(), |term| term.to_string());
        let info = gauge!(
            metric::WAL_INFO,
            "channel" => channel.name.to_string(),
            "term" => term,
            "backend" => backend.to_string(),
            "mode" => mode(channel.access)
        );
        info.increment(1.0);
        Self {
            span: wal_span(&channel.name, owner, backend),
            info,
            ended: Mutex::new(false),
        }
    }

    pub(crate) fn end(&self) {
        if !std::mem::replace(&mut lock(&self.ended), true) {
            self.info.decrement(1.0);
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.end();
    }
}

/// Shows what is held of the process's budget of memory.
pub(crate) fn show_limits() {
    let now = Limits::process().snapshot();
    for category in Category::ALL {
        let Use { used, limit, .. } = now.of(category);
        gauge!(metric::LIMIT_USED_BYTES, "category" => category.name()).set(used as f64);
        gauge!(metric::LIMIT_BYTES, "category" => category.name()).set(limit as f64);
    }
}

/// The labels of gauges that tell of one wal.
pub(crate) fn labels(channel: &ChannelInfo) -> [Label; 2] {
    [
        Label::new("channel", channel.name.to_string()),
        Label::from_static_parts("mode", mode(channel.access)),
    ]
}

/// How a wal is open, as a label.
pub(crate) const fn mode(access: Access) -> &'static str {
    match access {
        Access::ReadWrite => "read_write",
        Access::ReadOnly => "read_only",
    }
}
