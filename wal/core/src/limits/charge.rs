use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use super::pool::Wait;
use super::{Category, Limits};

/// Bytes that are held of a budget. Dropped, it gives them back.
#[must_use = "a charge that is dropped gives its bytes back"]
pub struct Charge {
    limits: Limits,
    category: Category,
    bytes: AtomicUsize,
}

impl Charge {
    pub(super) fn empty(limits: Limits, category: Category) -> Self {
        Self {
            limits,
            category,
            bytes: AtomicUsize::new(0),
        }
    }

    /// The bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    /// Takes more if there is room and nobody waits for it; `false` otherwise.
    pub fn try_grow(&self, bytes: usize) -> bool {
        let took = self.try_grow_untold(bytes);
        self.tell();
        took
    }

    /// Takes more whether there is room or not, for what is there already.
    pub fn grow(&self, bytes: usize) {
        self.grow_untold(bytes);
        self.tell();
    }

    /// As [`try_grow`](Self::try_grow), and leaves those that watch to a later [`tell`](Self::tell): for callers under a
    /// lock, which must not wake anybody there.
    pub fn try_grow_untold(&self, bytes: usize) -> bool {
        let took = self.limits.pool(self.category).try_take(bytes);
        if took {
            self.bytes.fetch_add(bytes, Relaxed);
        }
        took
    }

    /// As [`grow`](Self::grow), without telling.
    pub fn grow_untold(&self, bytes: usize) {
        self.limits.pool(self.category).take(bytes);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// Tells those that watch.
    pub fn tell(&self) {
        self.limits.0.watchers.tell();
    }

    /// Gives some back, at most what it holds, and wakes who waits for it: not to be called under a lock that they take.
    pub fn shrink(&self, bytes: usize) {
        let held = self
            .bytes
            .fetch_update(Relaxed, Relaxed, |held| Some(held.saturating_sub(bytes)));
        let (Ok(held) | Err(held)) = held;
        self.limits.pool(self.category).give(held.min(bytes));
        self.tell();
    }

    /// Takes over what another one of the same budget and category holds.
    pub fn absorb(&self, other: Self) {
        debug_assert!(self.limits == other.limits && self.category == other.category);
        self.bytes.fetch_add(other.bytes.swap(0, Relaxed), Relaxed);
    }

    /// The budget that it is of.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        match self.bytes() {
            0 => {}
            held => self.shrink(held),
        }
    }
}

impl fmt::Debug for Charge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Charge {{ {}: {} }}", self.category, self.bytes())
    }
}

/// Somebody who waits for room of a budget; resolves to what they have then.
#[must_use = "who drops it leaves the queue"]
pub struct Reserve {
    wait: Arc<Wait>,
    ticket: u64,
    bytes: usize,
    /// Empty until there is room; `None` once it was handed out.
    charge: Option<Charge>,
}

impl Reserve {
    pub(super) fn new(limits: Limits, category: Category, bytes: usize) -> Self {
        let (ticket, wait) = limits.pool(category).wait(bytes);
        limits.0.watchers.tell();
        Self {
            wait,
            ticket,
            bytes,
            charge: Some(Charge::empty(limits, category)),
        }
    }

    /// The bytes that it waits for.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Future for Reserve {
    type Output = Charge;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Charge> {
        if self.charge.is_none() || self.wait.poll(context).is_pending() {
            return Poll::Pending;
        }
        let bytes = self.bytes;
        match self.charge.take() {
            Some(charge) => {
                charge.bytes.store(bytes, Relaxed);
                Poll::Ready(charge)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        if let Some(charge) = &self.charge {
            if !charge.limits.pool(charge.category).leave(self.ticket) {
                // The room is there and nobody took it; the charge gives it back.
                charge.bytes.store(self.bytes, Relaxed);
            } else {
                charge.limits.0.watchers.tell();
            }
        }
    }
}

impl fmt::Debug for Reserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
