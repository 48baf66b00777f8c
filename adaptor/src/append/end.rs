//! How the writing half of a wal ends.

use std::sync::Arc;

use walx_core::{Append, Availability, Error, ErrorKind, Record};
use walx_impls::Kind;
use walx_utility::sync::lock;

use super::Writer;
use super::answer::not_written;
use super::order::{Ending, Phase};
use super::queue::Refusal;
use super::slot::Slot;
use crate::interceptor;
use crate::planted::{self, Bug};

impl Writer {
    /// Takes no more appends; those that wait for admission are told that nothing was written.
    pub(crate) fn stop_admitting(&self) {
        self.stop(Ending::No);
    }

    /// Waits, after admission stopped, until no append is on its way.
    pub(crate) async fn drained(&self) {
        let mut drained = lock(&self.order).drained.subscribe();
        // The sender lives in the order, which `self` holds.
        let _ = drained.wait_for(|empty| *empty).await;
    }

    /// Appends the record of a clean end, behind everything else; `None` after a failure. What is still open as a
    /// transaction is rolled back before.
    pub(crate) fn release(self: &Arc<Self>) -> Option<Append> {
        let now = self.ticks.now();
        let mut order = lock(&self.order);
        if matches!(order.phase, Phase::Failed(_)) {
            return None;
        }
        self.roll_all_back(&mut order, now);
        let slot = Slot::placed();
        let header = order.number(Kind::Release, now);
        self.place_own(&mut order, Record::marker(header), Some(Arc::clone(&slot)));
        self.unlock(order);
        Some(Append::new(slot))
    }

    /// The handle was dropped: what is on its way is decided if the backend answers within `close_timeout`.
    pub(crate) fn orphan(&self) {
        self.stop(Ending::Orphaned);
    }

    /// Ends the writing half for good: what is still undecided gets `OutcomeUnknown`.
    pub(crate) fn end(&self) {
        self.stop(Ending::Abandoned);
    }

    fn stop(&self, ending: Ending) {
        let mut order = lock(&self.order);
        order.ending = order.ending.max(ending);
        if matches!(order.phase, Phase::Open) {
            order.phase = Phase::Closing;
        }
        let dismissed: Vec<_> = order.budget.dismiss().collect();
        order.idle = true;
        self.unlock(order);
        let message = "the wal was closed before the message was placed; nothing was written";
        let refused = self.dismiss(dismissed, &Error::new(ErrorKind::Closed, message));
        if ending == Ending::Abandoned {
            self.gauges.end();
        }
        if ending != Ending::No {
            self.availability.send_replace(Availability::Closed);
        }
        refused.into_iter().for_each(|it| it.tell_hooks(self));
    }

    /// Takes no more appends after one has failed; scans of what is confirmed go on. Those that wait for room are told;
    /// the hooks are still to be.
    #[must_use]
    pub(super) fn fail(&self, failure: &Error) -> Vec<Refusal> {
        let mut order = lock(&self.order);
        if matches!(order.phase, Phase::Failed(_)) {
            return Vec::new();
        }
        order.phase = Phase::Failed(failure.clone());
        let dismissed: Vec<_> = order.budget.dismiss().collect();
        let owed = order.budget.take_owed();
        drop(order);
        self.shared.shrink(owed);
        let failure = self.named(failure.clone());
        interceptor::backend_failed(failure.kind());
        self.availability.send_if_modified(|now| {
            let available = now.is_available();
            if available {
                *now = Availability::Unavailable(failure.clone());
            }
            available
        });
        if planted::is(Bug::ForgetsWhoWaits) {
            return Vec::new();
        }
        let error = match failure.kind() {
            ErrorKind::Fenced => failure,
            _ => not_written("an append before it failed").with_context("earlier append", &failure),
        };
        self.dismiss(dismissed, &error)
    }
}
