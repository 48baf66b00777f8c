//! Records of one writer from their call to their answer, by number: what was called, what was sent, what the client
//! reported, what is durable. Each of these only grows, and what lies between two of them is known without a list.
//!
//! The calls, the client's reports and the answers happen on different threads, a million a second each: a call and an
//! answer take no lock where nobody sleeps, and reports take it once for many.

mod report;
mod runs;
mod times;
mod waiting;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::task::Waker;
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode;
use walx_core::Error;
use walx_utility::clock::{self, Instant};
use walx_utility::sync::lock;

use report::Reports;
use runs::Runs;
use times::Times;
pub(crate) use waiting::{Era, Waiting};

/// How old the proof of ownership behind an acknowledgement may be: the call of the append, which lands only before the
/// mark of the next owner, or a look that met no such mark. The next owner's open waits so long behind its first mark. So
/// nothing is acknowledged behind that open's answer, also where this process stood still and finds an old answer of the
/// broker when it wakes.
pub(crate) const LEASE: Duration = Duration::from_millis(400);

/// Shared by the calls, librdkafka's reports, the answers and the writer's thread.
pub(crate) struct Flights {
    calls: Calls,
    answers: Answers,
    reports: Mutex<Reports>,
    state: Mutex<State>,
    changed: Condvar,
}

/// What calls write: one at a time, under the lock of the order. On a cache line of its own.
#[repr(align(64))]
struct Calls {
    called: AtomicU64,
    sent: AtomicU64,
}

/// What answers read.
#[repr(align(64))]
struct Answers {
    /// All records before this number are durable.
    durable: AtomicU64,
    /// From this number on an offset is the number and `delta`.
    first: AtomicU64,
    delta: AtomicI64,
    failed: AtomicBool,
    /// Whether the thread sleeps until something is called.
    parked: AtomicBool,
}

struct State {
    /// All records before this number are reported.
    reported: u64,
    runs: Runs,
    times: Times,
    /// Who waits, by the number behind their last record.
    waiting: BTreeMap<u64, Waker>,
    /// When calls may still ask for the offsets of old records.
    eras: Vec<Weak<Era>>,
    /// How many were sent when the transaction began, and when the first one in it was.
    begun: u64,
    began: Option<Instant>,
    /// Up to here ownership was proved otherwise than by an append itself.
    proved: Instant,
    gate: Gate,
    trouble: Option<Trouble>,
    failed: Option<Failed>,
    kick: Kick,
}

/// Whether somebody wants the thread to look around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kick {
    No,
    /// Ends a pause, and keeps the thread from parking.
    New,
    /// It has ended a pause. What paused may end without a look at who kicked: the thread still doesn't park.
    Paused,
}

/// What a report must wait for before it is an acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Nothing.
    Open,
    /// A proof that nobody else owns the channel: see [`LEASE`].
    Proof,
    /// The writer's thread, which lets them through.
    Thread,
}

/// Why nothing more can be acknowledged, as the client tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The report of the oldest record without one, or the client's refusal to take it.
    Code(RDKafkaErrorCode),
    /// The same of another record: those before it may be in the log.
    Elsewhere(RDKafkaErrorCode),
    /// A report without an offset that can be right.
    Offset(i64),
}

/// What the writer's thread goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    pub(crate) now: Instant,
    /// The call of the oldest record without a report, or somewhat before.
    pub(crate) oldest: Option<Instant>,
    /// The same of the oldest one without an answer.
    pub(crate) unanswered: Option<Instant>,
    /// Whether all that was sent is reported.
    pub(crate) reported: bool,
    /// Whether all that was called is answered.
    pub(crate) idle: bool,
    /// Whether all that is reported is answered.
    pub(crate) answered: bool,
    /// When the first append since the last [`Flights::begin`] was sent.
    pub(crate) began: Option<Instant>,
    pub(crate) gate: Gate,
    pub(crate) trouble: Option<Trouble>,
}

/// What appends get once one has failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The oldest one without a report.
    pub(crate) oldest: Error,
    /// All others that were sent.
    pub(crate) sent: Error,
    /// Those that were not sent, and those that are still to be called.
    pub(crate) unsent: Error,
}

struct Failed {
    failure: Failure,
    reported: u64,
    sent: u64,
}

impl Flights {
    pub(crate) fn new(gate: Gate) -> Arc<Self> {
        let now = clock::now();
        Arc::new(Self {
            calls: Calls {
                called: AtomicU64::new(0),
                sent: AtomicU64::new(0),
            },
            answers: Answers {
                durable: AtomicU64::new(0),
                first: AtomicU64::new(0),
                delta: AtomicI64::new(0),
                failed: AtomicBool::new(false),
                // The first call tells its time.
                parked: AtomicBool::new(true),
            },
            reports: Mutex::default(),
            state: Mutex::new(State {
                reported: 0,
                runs: Runs::default(),
                times: Times::new(now),
                waiting: BTreeMap::new(),
                eras: Vec::new(),
                begun: 0,
                began: None,
                proved: now,
                gate,
                trouble: None,
                failed: None,
                kick: Kick::No,
            }),
            changed: Condvar::new(),
        })
    }

    /// The number of the first of so many records, behind all others: they are sent at once, or later. Under the lock
    /// of the order, as all calls and sendings.
    pub(crate) fn call(&self, records: usize, at_once: bool) -> u64 {
        let first = self.calls.called.load(Ordering::Relaxed);
        let called = first + records as u64;
        if at_once {
            self.calls.sent.store(called, Ordering::Relaxed);
        }
        // Either the thread sees the call before it sleeps, or the call sees that it sleeps.
        self.calls.called.store(called, Ordering::SeqCst);
        if self.answers.parked.load(Ordering::SeqCst) {
            self.wake(first);
        }
        first
    }

    #[cold]
    fn wake(&self, first: u64) {
        let mut state = lock(&self.state);
        self.answers.parked.store(false, Ordering::SeqCst);
        // While the thread slept nobody read the clock.
        state.times.note(first, clock::now());
        self.changed.notify_all();
    }

    /// All records before this number are sent.
    pub(crate) fn set_sent(&self, number: u64) {
        self.calls.sent.store(number, Ordering::Relaxed);
    }

    /// The client does not take a record, nor any behind it.
    pub(crate) fn refused(&self, number: u64, code: RDKafkaErrorCode) {
        let mut state = lock(&self.state);
        let trouble = match state.reported == number {
            true => Trouble::Code(code),
            false => Trouble::Elsewhere(code),
        };
        state.trouble.get_or_insert(trouble);
        drop(state);
        self.kick();
    }

    /// Answers the records before an offset, as far as they are reported. Ownership is proved for that moment. From
    /// now on reports wait for what the gate says.
    pub(crate) fn acknowledge(&self, before: i64, proved: Instant, gate: Gate) {
        let mut state = lock(&self.state);
        state.proved = state.proved.max(proved);
        state.gate = gate;
        let number = state.runs.number_at(before).min(state.reported);
        let wakers = self.answer(&mut state, number);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether a record before an offset is reported and has no answer.
    pub(crate) fn can_acknowledge(&self, before: i64) -> bool {
        let state = lock(&self.state);
        state.runs.number_at(before).min(state.reported) > self.durable()
    }

    /// Whether a proof of that moment still counts.
    pub(crate) fn is_fresh(&self, proved: Instant) -> bool {
        clock::now().saturating_duration_since(proved) <= LEASE
    }

    /// A new transaction: nothing was sent in it.
    pub(crate) fn begin(&self) {
        let mut state = lock(&self.state);
        state.begun = self.calls.sent.load(Ordering::Relaxed);
        state.began = None;
    }

    /// Answers all without an answer; nothing is acknowledged from here on.
    pub(crate) fn fail(&self, failure: Failure) {
        let mut state = lock(&self.state);
        let (reported, sent) = (state.reported, self.calls.sent.load(Ordering::Relaxed));
        state.failed.get_or_insert(Failed {
            failure,
            reported,
            sent,
        });
        self.answers.failed.store(true, Ordering::Release);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_values().for_each(Waker::wake);
    }

    pub(crate) fn view(&self) -> View {
        let now = clock::now();
        let called = self.calls.called.load(Ordering::SeqCst);
        let sent = self.calls.sent.load(Ordering::Relaxed);
        let mut state = lock(&self.state);
        let (reported, durable) = (state.reported, self.durable());
        let oldest = (reported < called).then(|| state.times.of(reported));
        let unanswered = (durable < called).then(|| state.times.of(durable));
        if sent > state.begun && state.began.is_none() {
            state.began = Some(state.times.of(state.begun));
        }
        state.times.note(called, now);
        state.times.forget(durable);
        View {
            now,
            oldest,
            unanswered,
            reported: reported >= sent,
            idle: durable == called || state.failed.is_some(),
            answered: durable >= reported,
            began: state.began,
            gate: state.gate,
            trouble: state.trouble,
        }
    }

    /// Waits until something is called or somebody kicks, at most so long; not at all while something has no answer.
    pub(crate) fn park(&self, limit: Duration) {
        let mut state = lock(&self.state);
        self.answers.parked.store(true, Ordering::SeqCst);
        let parked = |state: &mut State| {
            state.kick == Kick::No && self.answers.parked.load(Ordering::SeqCst) && {
                let called = self.calls.called.load(Ordering::SeqCst);
                called == self.durable() || state.failed.is_some()
            }
        };
        if parked(&mut state) {
            let waited = self.changed.wait_timeout_while(state, limit, parked);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.kick = Kick::No;
        if self.answers.parked.swap(false, Ordering::SeqCst) {
            let now = clock::now();
            let called = self.calls.called.load(Ordering::SeqCst);
            state.times.note(called, now);
        }
    }

    /// Waits until somebody kicks, at most so long. Each kick ends one pause.
    pub(crate) fn pause(&self, limit: Duration) {
        let state = lock(&self.state);
        let asleep = |state: &mut State| state.kick != Kick::New;
        let waited = self.changed.wait_timeout_while(state, limit, asleep);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.kick == Kick::New {
            state.kick = Kick::Paused;
        }
    }

    /// Has the thread look around.
    pub(crate) fn kick(&self) {
        lock(&self.state).kick = Kick::New;
        self.changed.notify_all();
    }

    fn durable(&self) -> u64 {
        self.answers.durable.load(Ordering::Acquire)
    }

    /// All records before this number are durable; who waited for one of them.
    fn answer(&self, state: &mut State, number: u64) -> Vec<Waker> {
        if state.failed.is_some() || number <= self.durable() {
            return Vec::new();
        }
        self.answers.durable.store(number, Ordering::Release);
        let mut wakers = Vec::new();
        while let Some(first) = state.waiting.first_entry()
            && *first.key() <= number
        {
            wakers.push(first.remove());
        }
        wakers
    }
}
