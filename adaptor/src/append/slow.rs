//! Tells of appends that take long, with the time of each stage: once they are acknowledged, and while they are not.

use std::time::Duration;

use tracing::warn;
use walx_core::Lsn;
use walx_utility::clock::Instant;

use super::Writer;
use super::flight::Flight;
use super::stages::Stages;

/// The least time between two lines of one wal.
const PAUSE: Duration = Duration::from_secs(1);

/// Which appends are slow, and what was told of them. The commit driver has one.
pub(super) struct SlowLog {
    threshold: Option<Duration>,
    told: Option<Instant>,
    /// The slowest of those that are not told yet, and how many they are.
    slowest: Option<Slow>,
    untold: u64,
    /// Whether the oldest append on its way was told already.
    stuck_told: bool,
}

/// A slow append that is acknowledged.
struct Slow {
    lsn: Lsn,
    bytes: usize,
    stages: Stages,
    durable: Instant,
    ack: Duration,
}

impl SlowLog {
    pub(super) fn new(threshold: Option<Duration>) -> Self {
        Self {
            threshold: threshold.filter(|it| !it.is_zero()),
            told: None,
            slowest: None,
            untold: 0,
            stuck_told: false,
        }
    }

    pub(super) fn is_slow(&self, whole: Duration) -> bool {
        self.threshold.is_some_and(|threshold| whole >= threshold)
    }

    /// Takes note of an append that was slow.
    pub(super) fn note(&mut self, lsn: Lsn, bytes: usize, stages: Stages, durable: Instant) {
        self.untold += 1;
        let slower = |it: &Slow| it.stages.whole(it.durable) >= stages.whole(durable);
        if !self.slowest.as_ref().is_some_and(slower) {
            self.slowest = Some(Slow {
                lsn,
                bytes,
                stages,
                durable,
                ack: Duration::ZERO,
            });
        }
    }

    /// Those that became durable at `durable` have their acknowledgements, as of `now`.
    pub(super) fn acknowledged(&mut self, durable: Instant, now: Instant) {
        // The oldest on its way is another one.
        self.stuck_told = false;
        if let Some(slow) = self.slowest.as_mut().filter(|it| it.durable == durable) {
            slow.ack = now.saturating_duration_since(durable);
        }
    }

    /// Whether something is left to be told later.
    pub(super) fn owes(&self) -> bool {
        self.slowest.is_some()
    }

    /// Tells of the slowest one that is acknowledged, unless a line came a moment ago.
    pub(super) fn tell(&mut self, writer: &Writer, now: Instant) {
        if self.slowest.is_some() && self.may_tell(now) {
            self.tell_now(writer, now);
        }
    }

    /// Tells what is left, at the wal's end.
    pub(super) fn tell_now(&mut self, writer: &Writer, now: Instant) {
        let Some(slow) = self.slowest.take() else {
            return;
        };
        let times = slow.stages.times(slow.durable);
        warn!(
            channel = %writer.channel.name,
            owner = %writer.owner(),
            lsn = slow.lsn.get(),
            bytes = slow.bytes,
            total_ms = ms(slow.stages.whole(slow.durable) + slow.ack),
            hooks_ms = ms(times.hooks),
            admission_ms = ms(times.admission),
            order_ms = ms(times.order),
            backend_ms = ms(times.backend),
            ack_ms = ms(slow.ack),
            others = self.untold - 1,
            "an append was slow"
        );
        (self.told, self.untold) = (Some(now), 0);
    }

    /// Tells, once, that the oldest append on its way is not acknowledged.
    pub(super) fn tell_stuck(&mut self, writer: &Writer, oldest: &Flight, now: Instant) {
        let stages = &oldest.stages;
        if self.stuck_told || !self.is_slow(stages.whole(now)) || !self.may_tell(now) {
            return;
        }
        let records = oldest.records.as_slice();
        let times = stages.times(now);
        warn!(
            channel = %writer.channel.name,
            owner = %writer.owner(),
            lsn = records.first().and_then(|it| it.header.lsn).map(Lsn::get),
            bytes = records.iter().map(|it| it.bytes()).sum::<usize>(),
            total_ms = ms(stages.whole(now)),
            hooks_ms = ms(times.hooks),
            admission_ms = ms(times.admission),
            order_ms = ms(times.order),
            backend_ms = ms(times.backend),
            "an append is not acknowledged yet"
        );
        (self.told, self.stuck_told) = (Some(now), true);
    }

    fn may_tell(&self, now: Instant) -> bool {
        self.told
            .is_none_or(|told| now.saturating_duration_since(told) >= PAUSE)
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
