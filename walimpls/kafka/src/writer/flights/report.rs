//! What the client reports, gathered: a lock and a look at the clock for many records.

use std::sync::atomic::Ordering;
use std::task::Waker;

use rdkafka::types::RDKafkaErrorCode;
use walx_utility::clock;
use walx_utility::sync::lock;

use super::{Flights, Gate, LEASE, State, Trouble};

/// At most so many reports wait for the next ones, and at most this part of what is on its way: few appends on their way
/// are answered at once, and of many a small part a little later.
const MOST: u64 = 64;
const PART: u64 = 64;

/// Reports that are not told yet.
#[derive(Default)]
pub(super) struct Reports {
    /// The first one of them, and how many there are.
    first: u64,
    count: u64,
    /// What is added to a number to have its offset.
    delta: i64,
    /// The newest offset and one.
    behind: i64,
    /// How many may wait.
    limit: u64,
    /// Whether one of them told of trouble: none after it counts.
    over: bool,
}

impl Flights {
    /// What the client reports of a record.
    pub(crate) fn report(&self, number: u64, outcome: Result<i64, RDKafkaErrorCode>) {
        let mut reports = lock(&self.reports);
        if reports.over {
            return;
        }
        match outcome {
            // Reports come in the order of the calls, and offsets ascend: whatever else comes is not built upon.
            Ok(offset) if number == reports.first + reports.count && offset >= reports.behind => {
                let delta = offset.wrapping_sub_unsigned(number);
                if delta != reports.delta {
                    self.tell(&mut reports);
                    reports.delta = delta;
                }
                (reports.count, reports.behind) = (reports.count + 1, offset + 1);
                if reports.count >= reports.limit {
                    self.tell(&mut reports);
                }
            }
            Ok(offset) => self.stop(&mut reports, Trouble::Offset(offset)),
            Err(code) if number == reports.first + reports.count => {
                self.stop(&mut reports, Trouble::Code(code));
            }
            Err(code) => self.stop(&mut reports, Trouble::Elsewhere(code)),
        }
    }

    /// How many records are reported, told or not.
    pub(crate) fn reports(&self) -> u64 {
        let reports = lock(&self.reports);
        reports.first + reports.count
    }

    /// Tells what was gathered.
    pub(crate) fn flush(&self) {
        self.tell(&mut lock(&self.reports));
    }

    fn stop(&self, reports: &mut Reports, trouble: Trouble) {
        self.tell(reports);
        reports.over = true;
        lock(&self.state).trouble.get_or_insert(trouble);
    }

    fn tell(&self, reports: &mut Reports) {
        if reports.count == 0 {
            return;
        }
        // In this order: a call behind the clock's look must not be taken for one before it.
        let now = clock::now();
        let called = self.calls.called.load(Ordering::SeqCst);
        let mut state = lock(&self.state);
        state.times.note(called, now);
        let (first, behind) = (reports.first, reports.first + reports.count);
        if state.runs.add(first, reports.delta) {
            // In this order: whoever sees the new delta sees where it begins.
            self.answers.first.store(first, Ordering::Release);
            self.answers.delta.store(reports.delta, Ordering::Release);
            state.forget_runs();
        }
        state.reported = behind;
        let wakers = self.let_through(&mut state);
        drop(state);
        (reports.first, reports.count) = (behind, 0);
        reports.limit = ((called - behind) / PART).clamp(1, MOST);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Answers what is reported, where it needs no more.
    fn let_through(&self, state: &mut State) -> Vec<Waker> {
        if state.gate != Gate::Open || state.trouble.is_some() {
            return Vec::new();
        }
        let called_at = state.times.of(self.durable());
        if clock::now().saturating_duration_since(called_at.max(state.proved)) > LEASE {
            state.gate = Gate::Proof;
            return Vec::new();
        }
        self.answer(state, state.reported)
    }
}
