//! What the outcome of an append means for its key, and for those who wait for it.

use walx_core::{Error, Header, Kind, Place, Result, Seq, TransactionId};

use super::{Entry, Window};

/// A record on whose outcome keys depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::append) enum Keyed {
    /// The (last chunk of the) message with this seq.
    Message(Seq),
    /// The Commit of this transaction.
    Commit(TransactionId),
}

impl Keyed {
    /// `None` of a record that no key depends on.
    pub(in crate::append) fn of(header: &Header) -> Option<Self> {
        match header.kind {
            Kind::Data if header.idempotency_key.is_some() && header.ends_message() => {
                header.seq.map(Self::Message)
            }
            Kind::Commit => header.transaction.map(|it| Self::Commit(it.id)),
            _ => None,
        }
    }
}

/// What those get who waited.
pub(in crate::append) type Told<W> = Vec<(W, Result<Place>)>;

impl<W> Window<W> {
    /// It is durable, or its append has failed for good.
    pub(in crate::append) fn decided(
        &mut self,
        what: Keyed,
        outcome: Result<Place>,
        told: &mut Told<W>,
    ) {
        match (what, outcome) {
            (Keyed::Message(seq), Ok(place)) => self.stored(seq, place, told),
            (Keyed::Message(seq), Err(error)) => self.failed(seq, &error, told),
            (Keyed::Commit(id), Ok(_)) => self.committed(id, told),
            (Keyed::Commit(id), Err(error)) => self.not_committed(id, &error, told),
        }
    }

    fn stored(&mut self, seq: Seq, place: Place, told: &mut Told<W>) {
        let Some(at) = self.position(seq) else { return };
        let entry = &mut self.entries[at];
        entry.place = Some(place);
        let commit = entry.transaction.and_then(|id| self.open.get(&id)?.commit);
        if commit.is_none() {
            tell(&mut self.entries[at], &Ok(place), told);
        }
    }

    fn failed(&mut self, seq: Seq, error: &Error, told: &mut Told<W>) {
        let entry = self.position(seq).and_then(|at| self.entries.remove(at));
        if let Some(mut entry) = entry {
            self.forget(&entry);
            if let Some(open) = entry.transaction.and_then(|id| self.open.get_mut(&id)) {
                open.bodies.retain(|body| *body != seq);
            }
            tell(&mut entry, &Err(error.clone()), told);
        }
    }

    fn committed(&mut self, id: TransactionId, told: &mut Told<W>) {
        for seq in self.open.remove(&id).unwrap_or_default().bodies {
            if let Some(entry) = self.find_mut(seq) {
                entry.transaction = None;
                if let Some(place) = entry.place {
                    tell(entry, &Ok(place), told);
                }
            }
        }
    }

    /// Its Commit has failed, or is a Rollback by now.
    pub(in crate::append) fn not_committed(
        &mut self,
        id: TransactionId,
        error: &Error,
        told: &mut Told<W>,
    ) {
        let Some(open) = self.open.get_mut(&id) else {
            return;
        };
        open.commit = None;
        let bodies = open.bodies.clone();
        for seq in bodies {
            if let Some(entry) = self.find_mut(seq) {
                tell(entry, &Err(error.clone()), told);
            }
        }
    }
}

pub(super) fn tell<W>(entry: &mut Entry<W>, outcome: &Result<Place>, told: &mut Told<W>) {
    told.extend(
        entry
            .joined
            .drain(..)
            .map(|waiter| (waiter, outcome.clone())),
    );
}
