//! Room for appends on their way: of this wal, of all that share its budget of memory, and of the flow's rate. All
//! three must have some; one queue waits for all.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use walx_core::{Charge, Error, Flow, OpenOption, Passage};
use walx_utility::budget::Budget;
use walx_utility::metric;

use super::order::Waiter;

/// What appends of one wal take their room from. It wakes nobody: its owner does, once its lock is free.
pub(super) struct Room {
    own: Budget<Waiter>,
    flow: Option<Arc<dyn Flow>>,
    /// What the first one in the queue waits for beside the wal's own room.
    want: Option<Want>,
    /// Shared room that the one with this ticket has, while it waits for its time.
    prepaid: Option<(u64, usize)>,
    /// Shared room that is to be given back once the lock is free.
    owed: usize,
}

/// What the one with this ticket waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// So many bytes of the shared budget.
    Bytes { ticket: u64, bytes: usize },
    /// Until this time is over.
    Time { ticket: u64, time: Duration },
}

impl Want {
    /// Whether it is of the same one, for the same thing: the time that is left gets shorter by itself.
    pub(super) fn is_for(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Time { ticket: a, .. }, Self::Time { ticket: b, .. }) => a == b,
            _ => self == other,
        }
    }
}

/// Whether room was taken.
pub(super) enum Taken {
    Yes,
    /// Not at present.
    No(Short),
    /// The flow takes nothing.
    Refused(Error),
}

/// What is short.
#[derive(Clone, Copy, Debug)]
pub(super) enum Short {
    /// The wal's own room.
    Own,
    /// That of the shared budget.
    Shared,
    /// Time.
    Time(Duration),
}

/// What becomes of the first one in the queue.
pub(super) enum Next {
    Admitted(usize, Waiter),
    Refused(usize, Waiter, Error),
}

impl Room {
    pub(super) fn new(option: &OpenOption) -> Self {
        Self {
            own: Budget::new(option.max_in_flight_bytes),
            flow: option.flow.clone(),
            want: None,
            prepaid: None,
            owed: 0,
        }
    }

    /// Takes room where there is some and nobody waits. What is `paced` passes the flow.
    pub(super) fn try_take(&mut self, shared: &Charge, bytes: usize, paced: bool) -> Taken {
        if !self.own.try_take(bytes) {
            // Those that wait for room don't keep a refusal from anybody.
            return match self.pass(0, paced) {
                Passage::Refused(error) => Taken::Refused(error),
                _ => Taken::No(self.short()),
            };
        }
        if !shared.try_grow_untold(bytes) {
            self.own.give(bytes);
            return Taken::No(Short::Shared);
        }
        match self.pass(bytes, paced) {
            Passage::Free => Taken::Yes,
            Passage::Wait(time) => {
                self.give(bytes);
                Taken::No(Short::Time(time))
            }
            Passage::Refused(error) => {
                self.give(bytes);
                Taken::Refused(error)
            }
        }
    }

    /// What those that wait already wait for.
    const fn short(&self) -> Short {
        match self.want {
            None => Short::Own,
            Some(Want::Bytes { .. }) => Short::Shared,
            Some(Want::Time { time, .. }) => Short::Time(time),
        }
    }

    /// Takes room whether there is some or not.
    pub(super) fn take(&mut self, shared: &Charge, bytes: usize) {
        self.own.take(bytes);
        shared.grow_untold(bytes);
    }

    /// Gives room back, of the shared budget once the lock is free.
    pub(super) fn give(&mut self, bytes: usize) {
        self.own.give(bytes);
        self.owed += bytes;
    }

    /// Gives back what the shared budget has already.
    pub(super) fn give_own(&mut self, bytes: usize) {
        self.own.give(bytes);
    }

    pub(super) const fn owes(&self) -> bool {
        self.owed > 0
    }

    /// What is owed to the shared budget.
    pub(super) fn take_owed(&mut self) -> usize {
        std::mem::take(&mut self.owed)
    }

    pub(super) fn ticket(&self) -> u64 {
        self.own.ticket()
    }

    pub(super) fn wait(&mut self, bytes: usize, waiter: Waiter) {
        self.own.wait(bytes, waiter);
    }

    pub(super) fn leave(&mut self, ticket: u64) -> Option<Waiter> {
        let left = self.own.leave(ticket);
        if self.own.first().is_none() {
            self.forget();
        }
        left
    }

    pub(super) fn dismiss(&mut self) -> impl Iterator<Item = Waiter> {
        self.forget();
        self.own.dismiss()
    }

    /// What the first one waits for, beside the wal's own room.
    pub(super) const fn want(&self) -> Option<Want> {
        self.want
    }

    /// The one with this ticket got so many bytes of the shared budget.
    pub(super) fn grant(&mut self, ticket: u64, bytes: usize) {
        self.forget();
        self.prepaid = Some((ticket, bytes));
    }

    /// The first one in the queue, once nothing is short; else it is noted what it waits for.
    pub(super) fn next(&mut self, shared: &Charge) -> Option<Next> {
        let before = self.want.take();
        let (ticket, bytes, waiter) = self.own.first()?;
        let paced = waiter.is_paced();
        if !self.own.has_room(bytes) {
            return None;
        }
        let paid = self.prepaid.is_some_and(|(of, _)| of == ticket);
        if !paid {
            self.forget();
            if !shared.try_grow_untold(bytes) {
                self.hold_up(Want::Bytes { ticket, bytes }, before);
                return None;
            }
        }
        let passage = self.pass(bytes, paced);
        if let Passage::Wait(time) = passage {
            self.prepaid = Some((ticket, bytes));
            self.hold_up(Want::Time { ticket, time }, before);
            return None;
        }
        self.prepaid = None;
        let (bytes, waiter) = self.own.admit()?;
        Some(match passage {
            Passage::Refused(error) => Next::Refused(bytes, waiter, error),
            _ => Next::Admitted(bytes, waiter),
        })
    }

    pub(super) fn is_contended(&self) -> bool {
        self.own.is_contended()
    }

    pub(super) fn waiting(&self) -> usize {
        self.own.waiting()
    }

    pub(super) const fn used(&self) -> usize {
        self.own.used()
    }

    pub(super) const fn limit(&self) -> usize {
        self.own.limit()
    }

    fn pass(&self, bytes: usize, paced: bool) -> Passage {
        match &self.flow {
            Some(flow) if paced => flow.try_pass(bytes),
            _ => Passage::Free,
        }
    }

    fn hold_up(&mut self, want: Want, before: Option<Want>) {
        if !before.is_some_and(|before| before.is_for(&want)) {
            let by = match want {
                Want::Bytes { .. } => "process",
                Want::Time { .. } => "flow",
            };
            counter!(metric::APPEND_HELD_UP_TOTAL, "by" => by).increment(1);
        }
        self.want = Some(want);
    }

    /// The first one in the queue is another one now, or none.
    pub(super) fn forget(&mut self) {
        self.want = None;
        if let Some((_, bytes)) = self.prepaid.take() {
            self.owed += bytes;
        }
    }
}
