use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::watch;
use walx_core::{BoxFuture, Error, ErrorKind, Flow, Passage};

use super::append_rate::Measure;
use super::{Bucket, FlowState};
use crate::clock;
use crate::sync::lock;

/// Bytes that may pass at once after a pause, unless they are set.
const BURST_BYTES: u64 = 20 << 20;

/// How fast appends may go through all wals that are opened with it. Programs [report](FlowSource::report) from as many
/// sources as they like; the strictest wins. A rate is that of all these wals together.
///
/// Clones are the same control. Where appends are slowed down, they wait in the queue of their wal; where they are
/// rejected, they get `Overloaded` at once.
#[derive(Clone, Default)]
pub struct FlowControl(pub(super) Arc<Inner>);

pub(super) struct Inner {
    /// Whether the state is not the normal one: the only thing that most appends look at.
    limited: AtomicBool,
    state: watch::Sender<FlowState>,
    sources: Mutex<Sources>,
    bucket: Mutex<Option<Bucket>>,
    burst_bytes: AtomicU64,
    pub(super) measure: Measure,
}

#[derive(Default)]
struct Sources {
    next: u64,
    all: BTreeMap<u64, (String, FlowState)>,
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            limited: AtomicBool::new(false),
            state: watch::Sender::new(FlowState::Normal),
            sources: Mutex::default(),
            bucket: Mutex::default(),
            burst_bytes: AtomicU64::new(BURST_BYTES),
            measure: Measure::default(),
        }
    }
}

impl FlowControl {
    /// Without sources: everything passes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the bytes that may pass at once after a pause, 20 MiB unless set; from the next slowing down on.
    #[must_use]
    pub fn with_burst_bytes(self, bytes: u64) -> Self {
        self.0.burst_bytes.store(bytes, Ordering::Relaxed);
        self
    }

    /// A source of this name, which can bear everything until it says otherwise. Names tell sources apart for people; the
    /// same one may stand twice.
    pub fn source(&self, name: impl Into<String>) -> FlowSource {
        let mut sources = lock(&self.0.sources);
        let number = sources.next;
        sources.next += 1;
        let first = (name.into(), FlowState::Normal);
        sources.all.insert(number, first);
        FlowSource {
            control: Arc::downgrade(&self.0),
            number,
        }
    }

    /// What holds now.
    pub fn state(&self) -> FlowState {
        *self.0.state.borrow()
    }

    /// What each source says, in the order in which they came.
    pub fn sources(&self) -> Vec<(String, FlowState)> {
        lock(&self.0.sources).all.values().cloned().collect()
    }

    /// What holds, now and after each change; changes that come faster than they are looked at count as one.
    pub fn watch(&self) -> FlowWatch {
        let mut state = self.0.state.subscribe();
        state.mark_changed();
        FlowWatch {
            state,
            _control: self.clone(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Sources)) {
        let mut sources = lock(&self.0.sources);
        change(&mut sources);
        let states = sources.all.values().map(|(_, state)| *state);
        let strictest = states.fold(FlowState::Normal, FlowState::strictest);
        // Under the lock, so that the last change is the one that stays.
        self.publish(strictest);
    }

    fn publish(&self, state: FlowState) {
        if *self.0.state.borrow() == state {
            return;
        }
        let mut bucket = lock(&self.0.bucket);
        match (state, bucket.as_mut()) {
            (FlowState::SlowDown(rate), Some(bucket)) => bucket.set_rate(rate, clock::now()),
            (FlowState::SlowDown(rate), None) => {
                let burst = self.0.burst_bytes.load(Ordering::Relaxed);
                *bucket = Some(Bucket::new(rate, burst, clock::now()));
            }
            // What is owed is forgiven once all is well, not by a refusal.
            (FlowState::Normal, _) => *bucket = None,
            (FlowState::Reject { .. }, _) => {}
        }
        drop(bucket);
        let limited = state != FlowState::Normal;
        self.0.limited.store(limited, Ordering::Release);
        self.0.state.send_replace(state);
    }

    /// What those are told that are refused.
    fn refusal(&self, retry_after: Duration) -> Error {
        let sources = lock(&self.0.sources);
        let rejects = |state: &FlowState| matches!(state, FlowState::Reject { .. });
        let names: Vec<_> = sources
            .all
            .values()
            .filter(|(_, state)| rejects(state))
            .map(|(name, _)| name.as_str())
            .collect();
        let text = "flow control takes no appends at present; nothing was written; call again after the time given";
        Error::new(ErrorKind::Overloaded { retry_after }, text)
            .with_context("because of", names.join(", "))
            .with_context("retry after", format!("{retry_after:?}"))
    }
}

impl Flow for FlowControl {
    fn try_pass(&self, bytes: usize) -> Passage {
        let bytes = bytes as u64;
        if self.0.limited.load(Ordering::Acquire) {
            if let FlowState::Reject { retry_after } = self.state() {
                return Passage::Refused(self.refusal(retry_after));
            }
            if let Some(bucket) = lock(&self.0.bucket).as_mut()
                && let Err(wait) = bucket.pass(bytes, clock::now())
            {
                return Passage::Wait(wait);
            }
        }
        self.0.measure.count(bytes);
        Passage::Free
    }

    fn changed(&self) -> BoxFuture<()> {
        let mut state = self.0.state.subscribe();
        let keep = self.clone();
        Box::pin(async move {
            // The sender lives in what is kept.
            let _ = state.changed().await;
            drop(keep);
        })
    }
}

impl fmt::Debug for FlowControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowControl {{ {} }}", self.state())
    }
}

/// One of the sources of a [`FlowControl`]. Dropped, it has no say any more. It doesn't keep the control alive.
#[must_use = "a source that is dropped has no say any more"]
pub struct FlowSource {
    control: Weak<Inner>,
    number: u64,
}

impl FlowSource {
    /// From now on it can bear this much.
    pub fn report(&self, state: FlowState) {
        self.change(|sources| {
            if let Some((_, old)) = sources.all.get_mut(&self.number) {
                *old = state;
            }
        });
    }

    /// It has no say any more, whoever still holds it.
    pub(super) fn withdraw(&self) {
        self.change(|sources| {
            sources.all.remove(&self.number);
        });
    }

    fn change(&self, change: impl FnOnce(&mut Sources)) {
        if let Some(control) = self.control.upgrade() {
            FlowControl(control).change(change);
        }
    }
}

impl Drop for FlowSource {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl fmt::Debug for FlowSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowSource").finish_non_exhaustive()
    }
}

/// What holds of a [`FlowControl`], now and after each change.
#[must_use = "it tells nothing unless it is asked"]
pub struct FlowWatch {
    state: watch::Receiver<FlowState>,
    /// The sender lives in it.
    _control: FlowControl,
}

impl FlowWatch {
    /// Waits until another state holds than was told last. The first one is told at once.
    ///
    /// # Cancel
    /// Dropping the future loses nothing.
    pub async fn changed(&mut self) -> FlowState {
        // The sender lives as long as this.
        let _ = self.state.changed().await;
        *self.state.borrow_and_update()
    }
}

impl fmt::Debug for FlowWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowWatch").finish_non_exhaustive()
    }
}
