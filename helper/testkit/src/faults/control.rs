use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::watch;
use walx_utility::sync::lock;

use super::journal::{Injected, Injections};
use super::line::Line;
use super::plan::Plan;

/// The switches of a [`Faulty`](super::Faulty) store, and what they and its plan have brought about. Cheap to clone.
///
/// Switches stand for all handles of the store, and can be chained: `faults.pass_next(3).lose_ack_next()`.
/// `pass_next`, `refuse_next` and `lose_ack_next` stand in one queue, of which each append uses up one; while it holds
/// any, the plan leaves appends alone.
#[derive(Clone)]
pub struct Faults(Arc<Inner>);

struct Inner {
    plan: Plan,
    injections: Mutex<Injections>,
    script: Mutex<Script>,
    /// The handles that are open.
    lines: Mutex<Vec<Weak<Line>>>,
    next_handle: AtomicU64,
    held: watch::Sender<bool>,
}

/// What was switched on and did not take place yet.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Script {
    pub(super) appends: VecDeque<AppendFault>,
    pub(super) reads: u32,
    pub(super) scans: u32,
    pub(super) bounds: u32,
    pub(super) opens: u32,
    pub(super) lost_opens: u32,
    pub(super) doubles: u32,
    /// How many calls pass before one fails.
    pub(super) countdown: Option<u32>,
}

/// What befalls an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AppendFault {
    Pass,
    Refuse,
    LoseAck,
    Cut,
}

impl Faults {
    pub(super) fn new(plan: Plan) -> Self {
        Self(Arc::new(Inner {
            plan,
            injections: Mutex::new(Injections::new()),
            script: Mutex::default(),
            lines: Mutex::default(),
            next_handle: AtomicU64::new(0),
            held: watch::Sender::new(false),
        }))
    }

    /// The plan it goes by.
    pub fn plan(&self) -> &Plan {
        &self.0.plan
    }

    /// The newest faults that took place, the oldest first.
    pub fn injected(&self) -> Vec<Injected> {
        lock(&self.0.injections).newest()
    }

    /// Lets `count` appends through, before what is switched on next.
    pub fn pass_next(&self, count: usize) -> &Self {
        self.appends(AppendFault::Pass, count)
    }

    /// One append fails as `NotWritten`, and nothing of it reaches the backend.
    pub fn refuse_next(&self) -> &Self {
        self.appends(AppendFault::Refuse, 1)
    }

    /// One append reaches the backend, and is answered with `OutcomeUnknown`.
    pub fn lose_ack_next(&self) -> &Self {
        self.appends(AppendFault::LoseAck, 1)
    }

    /// From now on appends reach the backend, and are not answered before a [`release`](Self::release).
    pub fn hold(&self) -> &Self {
        self.0.held.send_replace(true);
        self
    }

    /// Answers the appends that are held, and holds no more.
    pub fn release(&self) -> &Self {
        self.0.held.send_replace(false);
        self
    }

    /// Every handle that is open loses its connection: appends that are not answered are `OutcomeUnknown`, later ones
    /// `NotWritten`, and everything else but a close is `Unavailable`. Channels that are opened after it work.
    pub fn cut(&self) -> &Self {
        for line in self.lines() {
            line.cut();
        }
        self
    }

    /// The next `count` looks of scanners end them as `Unavailable`; one that waits at the tail looks at once.
    pub fn fail_reads(&self, count: u32) -> &Self {
        self.script(|script| script.reads += count);
        for line in self.lines() {
            line.ring();
        }
        self
    }

    /// The next `count` calls of `scan` are `Unavailable`.
    pub fn fail_scans(&self, count: u32) -> &Self {
        self.script(|script| script.scans += count)
    }

    /// The next `count` calls of `bounds` are `Unavailable`.
    pub fn fail_bounds(&self, count: u32) -> &Self {
        self.script(|script| script.bounds += count)
    }

    /// Of all opens and calls of `scan`, `bounds`, `truncate` and `list` from now on, the one behind `count` others is
    /// `Unavailable`.
    pub fn fail_call_behind(&self, count: u32) -> &Self {
        self.script(|script| script.countdown = Some(count))
    }

    /// The next `count` opens of writers and readers are `Unavailable`, and do not reach the backend.
    pub fn fail_opens(&self, count: u32) -> &Self {
        self.script(|script| script.opens += count)
    }

    /// The next `count` opens of writers reach the backend, and are `Unavailable` all the same.
    pub fn lose_opens(&self, count: u32) -> &Self {
        self.script(|script| script.lost_opens += count)
    }

    /// The next `count` batches of scanners begin with a record that comes twice.
    pub fn double_reads(&self, count: u32) -> &Self {
        self.script(|script| script.doubles += count)
    }

    /// Nothing of what was switched on is left to come, and nothing is held.
    pub fn calm(&self) -> &Self {
        self.script(|script| *script = Script::default()).release()
    }

    /// Whether everything that was switched on has taken place.
    pub fn is_calm(&self) -> bool {
        *lock(&self.0.script) == Script::default() && !*self.0.held.borrow()
    }

    fn appends(&self, fault: AppendFault, count: usize) -> &Self {
        self.script(|script| script.appends.extend(std::iter::repeat_n(fault, count)))
    }

    fn script(&self, change: impl FnOnce(&mut Script)) -> &Self {
        change(&mut lock(&self.0.script));
        self
    }

    /// Takes one from a number that was switched on.
    pub(super) fn use_up(&self, which: impl FnOnce(&mut Script) -> &mut u32) -> bool {
        let mut script = lock(&self.0.script);
        let left = which(&mut script);
        let some = *left > 0;
        *left = left.saturating_sub(1);
        some
    }

    /// Whether this is the call that a countdown leads to.
    pub(super) fn counts_down(&self) -> bool {
        let mut script = lock(&self.0.script);
        match script.countdown {
            Some(0) => {
                script.countdown = None;
                true
            }
            Some(left) => {
                script.countdown = Some(left - 1);
                false
            }
            None => false,
        }
    }

    /// What was switched on for the next append.
    pub(super) fn next_append(&self) -> Option<AppendFault> {
        lock(&self.0.script).appends.pop_front()
    }

    pub(super) fn held(&self) -> watch::Receiver<bool> {
        self.0.held.subscribe()
    }

    pub(super) fn put(&self, handle: u64, what: String) {
        lock(&self.0.injections).put(handle, what);
    }

    pub(super) fn number(&self) -> u64 {
        self.0.next_handle.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn keep(&self, line: &Arc<Line>) {
        let mut lines = lock(&self.0.lines);
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Arc::downgrade(line));
    }

    fn lines(&self) -> Vec<Arc<Line>> {
        lock(&self.0.lines)
            .iter()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

/// What a failing test prints: the plan, and the newest faults.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 100;
        let injections = lock(&self.0.injections);
        let (newest, total) = (injections.newest(), injections.total());
        drop(injections);
        write!(f, "plan: {}\nfaults: {total}", self.0.plan)?;
        let skipped = newest.len().saturating_sub(SHOWN);
        if (newest.len() - skipped) as u64 != total {
            write!(f, ", the newest {SHOWN} of them")?;
        }
        for injected in &newest[skipped..] {
            write!(f, "\n{injected}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faults {{ {} }}", self.0.plan)
    }
}
