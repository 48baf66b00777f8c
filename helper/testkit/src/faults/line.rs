//! The connection of one handle: what befalls its calls.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::sync::watch;
use walx_core::{ChannelName, Error, ErrorKind, Result};
use walx_utility::clock;
use walx_utility::sync::lock;

use super::control::{AppendFault, Faults};
use super::plan::{Dice, Fault};

/// What is said by a failure of the plan that passes by itself.
const PASSES: &str = "an injected fault that passes; call again";

/// The sorts of calls; each has chances of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Open,
    OpenReadOnly,
    Append,
    Scan,
    Bounds,
    Truncate,
    List,
}

const OPS: usize = Op::List as usize + 1;

/// A handle's connection, or an opener's, which is never cut.
pub(super) struct Line {
    pub(super) faults: Faults,
    channel: Option<ChannelName>,
    number: u64,
    sorts: [Mutex<Sort>; OPS],
    scanners: AtomicU64,
    state: watch::Sender<State>,
    /// Scanners that wait.
    bells: Mutex<Vec<Weak<AtomicWaker>>>,
}

/// The calls of one sort.
struct Sort {
    dice: Dice,
    calls: u64,
    /// How many more of them fail.
    outage: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) cut: bool,
    pub(super) closed: bool,
}

impl Line {
    pub(super) fn new(faults: &Faults, channel: Option<ChannelName>) -> Arc<Self> {
        let number = faults.number();
        let sort = |op| {
            let dice = faults.plan().dice(&[number, op as u64]);
            let (calls, outage) = (0, 0);
            Mutex::new(Sort {
                dice,
                calls,
                outage,
            })
        };
        let line = Arc::new(Self {
            faults: faults.clone(),
            number,
            sorts: std::array::from_fn(sort),
            scanners: AtomicU64::new(0),
            state: watch::Sender::new(State::default()),
            bells: Mutex::default(),
            channel,
        });
        if line.channel.is_some() {
            faults.keep(&line);
        }
        line
    }

    pub(super) fn state(&self) -> State {
        *self.state.borrow()
    }

    /// The connection is gone. Not to be called under a lock of the caller: it wakes whoever waits.
    pub(super) fn cut(&self) {
        if !self.change(|state| state.cut = true) {
            return;
        }
        self.put("cut".to_owned());
    }

    /// The handle was closed or dropped: from here on the backend speaks for itself.
    pub(super) fn close(&self) {
        self.change(|state| state.closed = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> bool {
        let changed = self.state.send_if_modified(|state| {
            let before = *state;
            change(state);
            before != *state
        });
        self.ring();
        changed
    }

    /// Lets the scanners that wait look again.
    pub(super) fn ring(&self) {
        let bells: Vec<_> = lock(&self.bells).iter().filter_map(Weak::upgrade).collect();
        for bell in bells {
            bell.wake();
        }
    }

    /// A scanner's bell, and the scanner's number.
    pub(super) fn hang(&self, bell: &Arc<AtomicWaker>) -> (u64, Dice) {
        let mut bells = lock(&self.bells);
        bells.retain(|bell| bell.strong_count() > 0);
        bells.push(Arc::downgrade(bell));
        drop(bells);
        let scanner = self.scanners.fetch_add(1, Ordering::Relaxed);
        let dice = [self.number, OPS as u64, scanner];
        (scanner, self.faults.plan().dice(&dice))
    }

    /// Lets a call pass on to the backend, later perhaps, or fails it.
    pub(super) async fn call(&self, op: Op) -> Result<()> {
        if self.state().closed {
            return Ok(());
        }
        self.check(op)?;
        let (pause, failed) = self.roll(op);
        if !pause.is_zero() {
            clock::sleep(pause).await;
        }
        if self.state().closed {
            return Ok(());
        }
        self.check(op)?;
        failed.map_or(Ok(()), Err)
    }

    /// What befalls the next call of this sort.
    fn roll(&self, op: Op) -> (Duration, Option<Error>) {
        let mut sort = lock(&self.sorts[op as usize]);
        sort.calls += 1;
        let pause = sort.dice.pause();
        let fault = match op {
            Op::Open | Op::OpenReadOnly => Some(Fault::FailOpen),
            Op::Scan => Some(Fault::FailScan),
            Op::Bounds | Op::List => Some(Fault::FailBounds),
            Op::Append | Op::Truncate => None,
        };
        let hits = fault.is_some_and(|fault| sort.dice.hits(fault));
        let outage = sort.dice.outage();
        // Not before the last one has passed: so many in a row, and no more.
        let fails = match sort.outage {
            0 if hits => {
                sort.outage = outage;
                true
            }
            0 => false,
            ref mut left => {
                *left -= 1;
                *left > 0
            }
        };
        let call = sort.calls;
        drop(sort);
        let switched = match op {
            Op::Open | Op::OpenReadOnly => self.faults.use_up(|script| &mut script.opens),
            Op::Scan => self.faults.use_up(|script| &mut script.scans),
            Op::Bounds => self.faults.use_up(|script| &mut script.bounds),
            Op::Append | Op::Truncate | Op::List => false,
        };
        let switched = switched || self.faults.counts_down();
        if !pause.is_zero() {
            self.put(format!("{op:?} {call} waits {pause:?}"));
        }
        if !(fails || switched) {
            return (pause, None);
        }
        self.put(format!("{op:?} {call} fails"));
        let error = if switched {
            self.unavailable("a fault switch fails the call")
        } else {
            self.passing()
        };
        (pause, Some(error))
    }

    /// Whether the answer of an open is to be lost.
    pub(super) fn loses_open(&self) -> bool {
        let mut sort = lock(&self.sorts[Op::Open as usize]);
        let (hits, call) = (sort.dice.hits(Fault::LoseOpen), sort.calls);
        drop(sort);
        let lost = self.faults.use_up(|script| &mut script.lost_opens) || hits;
        if lost {
            self.put(format!(
                "Open {call} reaches the backend and is not answered"
            ));
        }
        lost
    }

    /// What befalls the next append, and by how much its answer is late. Wakes nobody.
    pub(super) fn roll_append(&self) -> (AppendFault, Duration) {
        let mut sort = lock(&self.sorts[Op::Append as usize]);
        sort.calls += 1;
        let (call, pause) = (sort.calls, sort.dice.pause());
        let hits = [Fault::Cut, Fault::Refuse, Fault::LoseAck].map(|fault| sort.dice.hits(fault));
        drop(sort);
        let spared = call == 1 && self.faults.plan().spares_first_appends();
        let planned = match hits {
            _ if spared => AppendFault::Pass,
            [true, ..] => AppendFault::Cut,
            [_, true, _] => AppendFault::Refuse,
            [.., true] => AppendFault::LoseAck,
            _ => AppendFault::Pass,
        };
        let fault = self.faults.next_append().unwrap_or(planned);
        match fault {
            AppendFault::Pass if pause.is_zero() => {}
            AppendFault::Pass => self.put(format!("Append {call} is answered {pause:?} late")),
            AppendFault::Refuse => self.put(format!("Append {call} does not reach the backend")),
            AppendFault::LoseAck => self.put(format!("Append {call} loses its answer")),
            AppendFault::Cut => self.put(format!("Append {call} finds the connection cut")),
        }
        (fault, pause)
    }

    /// Waits until the connection is cut.
    pub(super) async fn until_cut(&self) {
        let mut state = self.state.subscribe();
        // The sender lives in `self`.
        let _ = state.wait_for(|state| state.cut).await;
    }

    /// Waits so long, and until answers are not held; a close ends the wait.
    pub(super) async fn linger(&self, pause: Duration) {
        let mut state = self.state.subscribe();
        let mut held = self.faults.held();
        let wait = async {
            if !pause.is_zero() {
                clock::sleep(pause).await;
            }
            let _ = held.wait_for(|held| !held).await;
        };
        let closed = state.wait_for(|state| state.closed);
        let (wait, closed) = (std::pin::pin!(wait), std::pin::pin!(closed));
        futures_util::future::select(wait, closed).await;
    }

    fn check(&self, op: Op) -> Result<()> {
        if self.state().cut {
            return Err(self.is_cut().with_context("call", format!("{op:?}")));
        }
        Ok(())
    }

    pub(super) fn is_cut(&self) -> Error {
        self.unavailable("the connection was cut by an injected fault; open the channel again")
    }

    pub(super) fn passing(&self) -> Error {
        self.unavailable(PASSES)
    }

    pub(super) fn unavailable(&self, message: &'static str) -> Error {
        self.named(Error::new(ErrorKind::Unavailable, message))
    }

    pub(super) fn named(&self, error: Error) -> Error {
        match &self.channel {
            Some(channel) => error.with_channel(channel),
            None => error,
        }
    }

    pub(super) fn put(&self, what: String) {
        self.faults.put(self.number, what);
    }
}

/// Whether a call failed by the plan, and works if it is made again.
pub(super) fn passes(error: &Error) -> bool {
    error.kind() == ErrorKind::Unavailable && error.message() == PASSES
}
