//! Who waits for an earlier append with the same key, and what the window of keys is told of appends.

use std::sync::Arc;

use tracing::Span;
use walx_core::{Error, Place, Record, Result, Seq};
use walx_impls::{Batch, StoredRecord};
use walx_utility::clock::Instant;
use walx_utility::sync::lock;

use super::Writer;
use super::answer::answer_of;
use super::order::Order;
use super::slot::Slot;
use super::window::{Found, Keyed};

/// A message that gets the outcome of an earlier one with the same key.
pub(super) struct Joined {
    pub(super) slot: Option<Arc<Slot>>,
    /// Which one of its batch it is; `None` where it is alone.
    pub(super) part: Option<usize>,
    pub(super) bytes: usize,
    /// What it holds of the room for appends on their way.
    pub(super) charge: usize,
    pub(super) called: Instant,
    pub(super) span: Span,
}

impl Writer {
    /// Tells the window what became of these records, and who waits for them.
    pub(super) fn keys_decided(&self, decided: Vec<(Keyed, Result<Place>)>) {
        if decided.is_empty() {
            return;
        }
        let mut order = lock(&self.order);
        if let Some(window) = &mut order.window {
            let mut told = Vec::new();
            for (what, outcome) in decided {
                window.decided(what, outcome, &mut told);
            }
            order.tell(told);
        }
        self.admit_waiting(&mut order);
        self.unlock(order);
    }

    /// What the window is told of durable records.
    pub(super) fn keys_stored(&self, records: &[StoredRecord]) -> Vec<(Keyed, Result<Place>)> {
        if !self.remembers_keys {
            return Vec::new();
        }
        let what = |it: &StoredRecord| {
            let place = answer_of(it.id, &it.record).0;
            Keyed::of(&it.record.header).map(|what| (what, Ok(place)))
        };
        records.iter().filter_map(what).collect()
    }

    /// What the window is told of records that were not written, or may not have been.
    pub(super) fn keys_failed(
        &self,
        records: &[Record],
        error: &Error,
    ) -> Vec<(Keyed, Result<Place>)> {
        if !self.remembers_keys {
            return Vec::new();
        }
        let error = || Err(error.clone());
        let headers = records.iter().map(|it| &it.header);
        let keyed = headers.filter_map(Keyed::of);
        keyed.map(|what| (what, error())).collect()
    }
}

impl Order {
    /// Those who waited are told once the lock is free; their room is free now.
    pub(super) fn tell(&mut self, told: Vec<(Joined, Result<Place>)>) {
        let room = told.iter().map(|(joined, _)| joined.charge).sum();
        self.budget.give(room);
        self.told.extend(told);
    }

    /// From where an open must read the log to know the same keys.
    pub(super) fn window_start(&self) -> Option<Seq> {
        let window = self.window.as_ref()?;
        Some(window.start_seq(self.numbering.seq))
    }

    /// Counts records that take their places.
    pub(super) fn remember(&mut self, records: &Batch<Record>) {
        let Some(window) = &mut self.window else {
            return;
        };
        records.as_slice().iter().for_each(|it| window.placed(it));
        for ((virtual_channel, key), joined) in self.twice.drain(..) {
            let now = self.numbering.tick;
            if let Found::Join(seq) = window.look_up(&virtual_channel, &key, None, now) {
                window.join(seq, joined);
            }
        }
    }

    /// A record takes a new place; `refused`: as a Rollback in place of a Commit.
    pub(super) fn remember_again(
        &mut self,
        former: Option<Seq>,
        record: &Record,
        refused: Option<&Error>,
    ) {
        let (Some(window), Some(former)) = (&mut self.window, former) else {
            return;
        };
        let mut told = Vec::new();
        if let (Some(error), Some(transaction)) = (refused, record.header.transaction) {
            window.not_committed(transaction.id, error, &mut told);
        }
        window.placed_again(former, record);
        self.tell(told);
    }

    /// The wal ends without an outcome for those who wait.
    pub(super) fn abandon_keys(&mut self, error: &Error) {
        let mut told = Vec::new();
        if let Some(window) = &mut self.window {
            window.end(error, &mut told);
        }
        self.tell(told);
    }

    /// These records take no place any more.
    pub(super) fn forget_keys(&mut self, records: &Batch<Record>, error: &Error) {
        let Some(window) = &mut self.window else {
            return;
        };
        let mut told = Vec::new();
        for seq in records.as_slice().iter().filter_map(|it| it.header.seq) {
            window.given_up(seq, error, &mut told);
        }
        self.tell(told);
    }
}

impl Joined {
    pub(super) fn tell_caller(&self, writer: &Writer, outcome: Result<Place>) {
        if let Some(slot) = &self.slot {
            slot.decide_part(self.part, outcome.map_err(|error| writer.named(error)));
        }
    }

    pub(super) fn tell_hooks(self, writer: &Writer, outcome: Result<Place>) {
        let outcome = outcome.map_err(|error| writer.named(error));
        let elapsed = self.called.elapsed();
        self.span.in_scope(|| match outcome {
            Ok(place) => writer.after(self.bytes, elapsed, &Ok(place)),
            Err(error) => writer.after_failure([self.bytes].into_iter(), elapsed, &error),
        });
    }
}
