//! One channel of a manager: what is wished for, what was carried out, and the one task that goes from here to there.

use std::fmt;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;
use walx_core::{Error, ErrorKind, OpenOption, Opener, Result, Term, Wal};
use walx_utility::spawn;
use walx_utility::sync::lock;

/// A request. Ordered: by term, and within a term a removal comes behind an open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wish {
    term: Term,
    removed: bool,
}

impl Wish {
    pub(super) const fn open(term: Term) -> Self {
        Self {
            term,
            removed: false,
        }
    }

    pub(super) const fn remove(term: Term) -> Self {
        Self {
            term,
            removed: true,
        }
    }

    pub(super) const fn term(self) -> Term {
        self.term
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.removed { "remove" } else { "open" };
        write!(f, "{what} in term {}", self.term)
    }
}

/// What carrying a wish out has led to.
#[derive(Clone)]
pub(super) enum Outcome {
    Open(Arc<dyn Wal>),
    Removed,
    Failed(Error),
}

/// The last wish that was carried out.
type Current = Option<(Wish, Outcome)>;

pub(super) struct Slot {
    state: Mutex<State>,
    current: watch::Sender<Current>,
}

#[derive(Default)]
struct State {
    /// The largest wish, and how to open.
    wished: Option<(Wish, Option<OpenOption>)>,
    /// Whether a task carries wishes out.
    running: bool,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            current: watch::Sender::new(None),
        }
    }
}

impl Slot {
    /// Takes a wish that is larger than all before it.
    pub(super) fn request(
        self: &Arc<Self>,
        wish: Wish,
        option: Option<OpenOption>,
        opener: &Arc<dyn Opener>,
    ) -> Result<()> {
        let mut state = lock(&self.state);
        if let Some((larger, _)) = state.wished.as_ref().filter(|(it, _)| *it >= wish) {
            return Err(stale(wish, *larger));
        }
        state.wished = Some((wish, option));
        if !std::mem::replace(&mut state.running, true) {
            drop(state);
            let running = Running {
                slot: Arc::clone(self),
                doing: Some(wish),
            };
            let work = carry_out(running, Arc::clone(opener));
            spawn::task(work).detach();
        }
        Ok(())
    }

    /// Waits until a wish was carried out.
    pub(super) async fn carried_out(&self, wish: Wish) -> Result<Outcome> {
        let mut watch = self.current.subscribe();
        let there = |current: &Current| current.as_ref().is_some_and(|(at, _)| *at >= wish);
        let current = watch.wait_for(there).await.map_or(None, |it| it.clone());
        match current {
            Some((at, outcome)) if at == wish => Ok(outcome),
            Some((at, _)) => Err(stale(wish, at)),
            None => Err(Error::new(ErrorKind::Closed, "the manager was closed")),
        }
    }

    pub(super) fn current(&self) -> Current {
        self.current.borrow().clone()
    }

    pub(super) fn is_changing(&self) -> bool {
        let at = self.current.borrow().as_ref().map(|(at, _)| *at);
        let state = lock(&self.state);
        state.wished.as_ref().map(|(wish, _)| *wish) > at
    }

    /// The wish that is not carried out yet; with none the task ends.
    fn next(&self) -> Option<(Wish, Option<OpenOption>)> {
        let at = self.current.borrow().as_ref().map(|(at, _)| *at);
        let mut state = lock(&self.state);
        let wished = state.wished.clone().filter(|(wish, _)| Some(*wish) > at);
        state.running = wished.is_some();
        wished
    }
}

/// The task of a slot, and what it is doing.
struct Running {
    slot: Arc<Slot>,
    doing: Option<Wish>,
}

impl Drop for Running {
    /// It was ended in the midst of its work, with its runtime or by a panic: nobody waits for ever, and the next
    /// request goes on.
    fn drop(&mut self) {
        if let Some(wish) = self.doing {
            let text =
                "the request was not carried out to its end: a panic, or its runtime was shut down";
            let failed = Outcome::Failed(Error::new(ErrorKind::Internal, text));
            // In one piece, so that no request counts on a task that is gone; it may have come after `wish`.
            let mut state = lock(&self.slot.state);
            let last = state.wished.as_ref().map_or(wish, |(last, _)| *last);
            let former = self.slot.current.send_replace(Some((last, failed)));
            state.running = false;
            drop(state);
            drop(former);
        }
    }
}

async fn carry_out(mut running: Running, opener: Arc<dyn Opener>) {
    let slot = Arc::clone(&running.slot);
    loop {
        let next = slot.next();
        running.doing = next.as_ref().map(|(wish, _)| *wish);
        let Some((wish, option)) = next else { return };
        if let Some((_, Outcome::Open(old))) = slot.current() {
            // Before the new one opens. What it could not end cleanly, the next open finds out.
            if let Err(error) = old.close().await {
                tracing::warn!(channel = %old.channel().name, %error, "a wal that was overtaken did not close cleanly");
            }
        }
        let outcome = match option {
            None => Outcome::Removed,
            Some(option) => match opener.open(option).await {
                Ok(wal) => Outcome::Open(wal),
                Err(error) => Outcome::Failed(error),
            },
        };
        slot.current.send_replace(Some((wish, outcome)));
    }
}

/// What a request gets that is not the largest any more.
pub(super) fn stale(wish: Wish, larger: Wish) -> Error {
    let text = "a request came that counts more; step back";
    Error::new(ErrorKind::Fenced, text)
        .with_context("asked", wish)
        .with_context("counts", larger)
}
