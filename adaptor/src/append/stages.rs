//! When an append reached which stage.

use std::time::Duration;

use tracing::Span;
use walx_utility::clock::{self, Instant};

use crate::interceptor::StageTimes;

/// An append that has no place yet.
pub(super) struct Begun {
    pub(super) called: Instant,
    /// What its hooks took; zero where there are none.
    hooks: Duration,
    /// How long it waited for room.
    admission: Duration,
    pub(super) span: Span,
}

/// An append that has its place. Of many thousands at once, so it is small: times in nanoseconds, since the call.
#[derive(Clone, Copy)]
pub(super) struct Stages {
    pub(super) called: Instant,
    hooks_ns: u64,
    admission_ns: u64,
    placed_ns: u64,
}

impl Begun {
    pub(super) fn now(span: Span) -> Self {
        Self {
            called: clock::now(),
            hooks: Duration::ZERO,
            admission: Duration::ZERO,
            span,
        }
    }

    /// Its hooks have run.
    pub(super) fn hooked(&mut self) {
        self.hooks = self.called.elapsed();
    }

    /// It has waited for room until now.
    pub(super) fn admitted(&mut self, now: Instant) {
        let since_call = now.saturating_duration_since(self.called);
        self.admission = since_call.saturating_sub(self.hooks);
    }

    /// It has its place.
    pub(super) fn placed(&self) -> Stages {
        Stages {
            called: self.called,
            hooks_ns: nanos(self.hooks),
            admission_ns: nanos(self.admission),
            placed_ns: nanos(self.called.elapsed()),
        }
    }
}

impl Stages {
    /// It has another place from now on.
    pub(super) fn again(self) -> Self {
        Self {
            placed_ns: nanos(self.called.elapsed()),
            ..self
        }
    }

    /// How long the backend has it.
    pub(super) fn in_backend(&self, now: Instant) -> Duration {
        let placed = Duration::from_nanos(self.placed_ns);
        self.whole(now).saturating_sub(placed)
    }

    /// How long each stage took, of an append that is durable `now`.
    pub(super) fn times(&self, now: Instant) -> StageTimes {
        let before = self.hooks_ns.saturating_add(self.admission_ns);
        StageTimes {
            hooks: Duration::from_nanos(self.hooks_ns),
            admission: Duration::from_nanos(self.admission_ns),
            order: Duration::from_nanos(self.placed_ns.saturating_sub(before)),
            backend: self.in_backend(now),
        }
    }

    pub(super) fn whole(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.called)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
