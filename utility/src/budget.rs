//! Bytes that are on their way, with a FIFO of those that wait for room.

use std::collections::BTreeMap;

/// A limit of bytes. It has no lock and wakes nobody: its owner does both, in the same critical section in which an
/// append takes its place, so that whoever waits is placed in order even if its future is never polled.
#[derive(Debug)]
pub struct Budget<W> {
    limit: usize,
    used: usize,
    /// By ticket; tickets ascend.
    waiting: BTreeMap<u64, (usize, W)>,
    next_ticket: u64,
}

impl<W> Budget<W> {
    /// Room for `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            used: 0,
            waiting: BTreeMap::new(),
            next_ticket: 0,
        }
    }

    /// Takes room if there is some and nobody waits. Something larger than the limit fits where nothing else is.
    pub fn try_take(&mut self, bytes: usize) -> bool {
        let fits = self.waiting.is_empty() && self.fits(bytes);
        if fits {
            self.used += bytes;
        }
        fits
    }

    /// Takes room whether there is some or not, for something whose room was reserved smaller than it came out.
    pub fn take(&mut self, bytes: usize) {
        self.used += bytes;
    }

    /// The ticket of the next one in the queue, by which they can leave it.
    pub fn ticket(&self) -> u64 {
        self.next_ticket
    }

    /// Puts somebody at the end of the queue, under the present [`ticket`](Self::ticket).
    pub fn wait(&mut self, bytes: usize, waiter: W) {
        self.waiting.insert(self.next_ticket, (bytes, waiter));
        self.next_ticket += 1;
    }

    /// Leaves the queue.
    pub fn leave(&mut self, ticket: u64) -> Option<W> {
        self.waiting.remove(&ticket).map(|(_, waiter)| waiter)
    }

    /// Gives room back.
    pub fn give(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.used, "more was given back than was taken");
        self.used = self.used.saturating_sub(bytes);
    }

    /// The first in the queue, once there is room; the room is taken.
    pub fn admit(&mut self) -> Option<(usize, W)> {
        let first = self.waiting.first_entry()?;
        let bytes = first.get().0;
        if self.used != 0 && self.used.saturating_add(bytes) > self.limit {
            return None;
        }
        self.used += bytes;
        Some(first.remove())
    }

    /// The first in the queue, with their ticket and the bytes that they wait for.
    pub fn first(&self) -> Option<(u64, usize, &W)> {
        let (ticket, (bytes, waiter)) = self.waiting.first_key_value()?;
        Some((*ticket, *bytes, waiter))
    }

    /// Whether there is room, whoever waits for it.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.fits(bytes)
    }

    /// Everybody in the queue, who leave it without room.
    pub fn dismiss(&mut self) -> impl Iterator<Item = W> {
        std::mem::take(&mut self.waiting)
            .into_values()
            .map(|(_, waiter)| waiter)
    }

    /// Whether somebody waits.
    pub fn is_contended(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Bytes taken.
    pub const fn used(&self) -> usize {
        self.used
    }

    /// The limit.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    fn fits(&self, bytes: usize) -> bool {
        self.used == 0 || self.used.saturating_add(bytes) <= self.limit
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn a_small_one_does_not_overtake_a_large_one_that_waits() {
        let mut budget = Budget::new(10);
        assert!(budget.try_take(6));
        assert!(!budget.try_take(5));
        budget.wait(5, 'a');
        assert!(!budget.try_take(1));
        budget.wait(1, 'b');
        assert_eq!(budget.admit(), None);
        budget.give(6);
        assert_eq!(
            (budget.admit(), budget.admit(), budget.admit()),
            (Some((5, 'a')), Some((1, 'b')), None)
        );
    }

    #[test]
    fn who_leaves_the_queue_holds_nobody_up() {
        let mut budget = Budget::new(10);
        assert!(budget.try_take(6));
        let large = budget.ticket();
        budget.wait(9, ());
        budget.wait(1, ());
        assert_eq!(budget.admit(), None);
        assert_eq!(budget.leave(large), Some(()));
        assert_eq!(budget.leave(large), None);
        assert_eq!(budget.admit(), Some((1, ())));
    }

    #[test]
    fn something_larger_than_the_limit_goes_alone() {
        let mut budget = Budget::<()>::new(10);
        assert!(budget.try_take(99));
        assert!(!budget.try_take(1));
        budget.give(99);
        assert!(budget.try_take(1));
    }

    proptest! {
        #[test]
        fn everybody_gets_room_in_order_and_the_limit_holds(sizes in prop::collection::vec(0_usize..=10, 1..50)) {
            let mut budget = Budget::new(10);
            let (mut taken, mut order) = (VecDeque::new(), Vec::new());
            for (i, &bytes) in sizes.iter().enumerate() {
                if budget.try_take(bytes) {
                    taken.push_back(bytes);
                    order.push(i);
                } else {
                    budget.wait(bytes, i);
                }
                prop_assert!(budget.used() <= 10);
            }
            while let Some(bytes) = taken.pop_front() {
                budget.give(bytes);
                while let Some((bytes, i)) = budget.admit() {
                    taken.push_back(bytes);
                    order.push(i);
                    prop_assert!(budget.used() <= 10);
                }
            }
            prop_assert_eq!(order, (0..sizes.len()).collect::<Vec<_>>());
            prop_assert_eq!(budget.used(), 0);
        }
    }
}
