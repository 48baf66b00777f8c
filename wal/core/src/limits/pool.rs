use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::{Use, lock};

/// The bytes of one category. Without a queue, taking and giving are one step of an atomic each.
///
/// Whoever joins the queue says so in `contended` before they look for room; whoever gives room looks at `contended`
/// after that. In the one order of these steps at least one of the two sees the other, so nobody waits beside free room.
pub(super) struct Pool {
    limit: AtomicUsize,
    used: AtomicUsize,
    contended: AtomicBool,
    queue: Mutex<Queue>,
    /// Whether something larger than the limit fits, also without waiting, where nothing else is.
    alone: bool,
}

#[derive(Default)]
struct Queue {
    next_ticket: u64,
    /// By ticket; tickets ascend.
    waiting: BTreeMap<u64, (usize, Arc<Wait>)>,
}

/// Where somebody in the queue learns that they have room.
#[derive(Default)]
pub(super) struct Wait(Mutex<State>);

#[derive(Default)]
struct State {
    granted: bool,
    waker: Option<Waker>,
}

impl Wait {
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.0);
        if state.granted {
            return Poll::Ready(());
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    fn grant(&self) -> Option<Waker> {
        let mut state = lock(&self.0);
        state.granted = true;
        state.waker.take()
    }
}

impl Pool {
    pub(super) fn new(limit: usize, alone: bool) -> Self {
        Self {
            limit: AtomicUsize::new(limit),
            used: AtomicUsize::new(0),
            contended: AtomicBool::new(false),
            queue: Mutex::default(),
            alone,
        }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.load(SeqCst)
    }

    pub(super) fn used(&self) -> usize {
        self.used.load(SeqCst)
    }

    pub(super) fn usage(&self) -> Use {
        let waiting = match self.contended.load(SeqCst) {
            true => lock(&self.queue).waiting.len(),
            false => 0,
        };
        Use {
            used: self.used(),
            limit: self.limit(),
            waiting,
        }
    }

    pub(super) fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, SeqCst);
        self.admit();
    }

    /// Takes room if there is some and nobody waits for it.
    pub(super) fn try_take(&self, bytes: usize) -> bool {
        !self.contended.load(SeqCst) && self.fit(bytes, self.alone)
    }

    pub(super) fn take(&self, bytes: usize) {
        self.used.fetch_add(bytes, SeqCst);
    }

    pub(super) fn give(&self, bytes: usize) {
        let before = self.used.fetch_sub(bytes, SeqCst);
        debug_assert!(bytes <= before, "more was given back than was taken");
        if self.contended.load(SeqCst) {
            self.admit();
        }
    }

    /// Joins the queue; with the ticket by which to leave it.
    pub(super) fn wait(&self, bytes: usize) -> (u64, Arc<Wait>) {
        let wait = Arc::<Wait>::default();
        let mut queue = lock(&self.queue);
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiting.insert(ticket, (bytes, Arc::clone(&wait)));
        self.contended.store(true, SeqCst);
        drop(queue);
        self.admit();
        (ticket, wait)
    }

    /// Leaves the queue; `false` where the room was taken already.
    pub(super) fn leave(&self, ticket: u64) -> bool {
        let left = lock(&self.queue).waiting.remove(&ticket).is_some();
        if left {
            // It may have held up those behind.
            self.admit();
        }
        left
    }

    /// Gives room to those that wait, in order. The room is theirs from then on, whether they run or not.
    fn admit(&self) {
        let mut wakers = Vec::new();
        let mut queue = lock(&self.queue);
        while let Some(first) = queue.waiting.first_entry() {
            if !self.fit(first.get().0, true) {
                break;
            }
            let (_, wait) = first.remove();
            wakers.extend(wait.grant());
        }
        self.contended.store(!queue.waiting.is_empty(), SeqCst);
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn fit(&self, bytes: usize, alone: bool) -> bool {
        let limit = self.limit();
        self.used
            .fetch_update(SeqCst, SeqCst, |used| {
                let then = used.saturating_add(bytes);
                (then <= limit || (alone && used == 0)).then_some(then)
            })
            .is_ok()
    }
}
