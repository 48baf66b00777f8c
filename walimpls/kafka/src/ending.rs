use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Waker};

use walx_utility::sync::lock;

/// The end of a store or of a handle: ends what is below it, and wakes who waits there.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    ended: AtomicBool,
    below: Mutex<Below>,
}

#[derive(Debug, Default)]
struct Below {
    handles: Vec<Weak<Ending>>,
    next: u64,
    waiting: HashMap<u64, Option<Waker>>,
}

impl Ending {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// One that ends with this one at the latest.
    pub(crate) fn below(self: &Arc<Self>) -> Arc<Self> {
        let child = Self::new();
        let mut below = lock(&self.below);
        below.handles.retain(|it| it.strong_count() > 0);
        below.handles.push(Arc::downgrade(&child));
        // Under the lock: an end either finds the child or is seen here.
        if self.is_ended() {
            child.ended.store(true, Ordering::Release);
        }
        drop(below);
        child
    }

    /// Ends everything below; `true` for the first call.
    pub(crate) fn end(&self) -> bool {
        let mut below = lock(&self.below);
        let first = !self.ended.swap(true, Ordering::AcqRel);
        let handles = std::mem::take(&mut below.handles);
        let waiting: Vec<_> = below
            .waiting
            .values_mut()
            .filter_map(Option::take)
            .collect();
        drop(below);
        for handle in handles.iter().filter_map(Weak::upgrade) {
            handle.end();
        }
        // Without the lock: a waker may call back.
        waiting.into_iter().for_each(Waker::wake);
        first
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// A place for somebody who waits.
    pub(crate) fn watch(self: &Arc<Self>) -> Watch {
        let mut below = lock(&self.below);
        let number = below.next;
        below.next += 1;
        below.waiting.insert(number, None);
        drop(below);
        Watch {
            ending: Arc::clone(self),
            number,
        }
    }
}

/// Whoever waits below an [`Ending`].
#[derive(Debug)]
pub(crate) struct Watch {
    ending: Arc<Ending>,
    number: u64,
}

impl Watch {
    /// Whether it has ended; if not, the task is woken when it does.
    pub(crate) fn poll_ended(&self, context: &mut Context<'_>) -> bool {
        if self.is_ended() {
            return true;
        }
        let mut below = lock(&self.ending.below);
        let slot = below.waiting.entry(self.number).or_default();
        let replaced = match slot {
            Some(waker) if waker.will_wake(context.waker()) => None,
            slot => slot.replace(context.waker().clone()),
        };
        // Under the lock: an end either finds the waker or is seen here.
        let ended = self.is_ended();
        drop(below);
        drop(replaced);
        ended
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ending.is_ended()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let waker = lock(&self.ending.below).waiting.remove(&self.number);
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn an_end_ends_what_is_below_and_wakes_who_waits_once() {
        let counter = Arc::new(Counter::default());
        let waker = Waker::from(Arc::clone(&counter));
        let mut context = Context::from_waker(&waker);
        let store = Ending::new();
        let (handle, other) = (store.below(), store.below());
        let (one, gone) = (handle.watch(), handle.watch());
        assert!(!one.poll_ended(&mut context) && !gone.poll_ended(&mut context));
        drop(gone);
        assert!(other.end() && !other.end());
        assert!(!handle.is_ended() && counter.0.load(Ordering::SeqCst) == 0);
        assert!(store.end() && handle.is_ended() && store.below().is_ended());
        assert_eq!(counter.0.load(Ordering::SeqCst), 1);
        assert!(one.poll_ended(&mut context) && !handle.end());
    }
}
