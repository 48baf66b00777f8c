//! The keys of the newest messages, so that none of them is written twice.
//!
//! A key is known from the moment at which its message takes its place until that message leaves the newest
//! [`bytes`](IdempotencyOption::bytes) of the log or is older than [`keep`](IdempotencyOption::keep). Every record counts
//! at least [`OVERHEAD_BYTES`] there, and a key's place takes about as much memory: the window needs no more memory than
//! twice its bytes, besides what waits, which the appends on their way bound.

use std::collections::{HashMap, VecDeque};

use walx_core::{
    Bytes, Error, Header, IdempotencyOption, Kind, Place, Record, Seq, Tick, TransactionId,
    VirtualChannel,
};

use self::outcome::tell;
pub(super) use self::outcome::{Keyed, Told};
pub(crate) use self::restore::Keys;
use self::restore::Restored;
use super::OVERHEAD_BYTES;

mod outcome;
mod restore;
#[cfg(test)]
mod tests;

/// The keys of the newest messages of a channel, and where `W`s wait for messages on their way.
pub(super) struct Window<W> {
    option: IdempotencyOption,
    /// What each message with a key came to, by seq.
    entries: VecDeque<Entry<W>>,
    /// The newest message of each key that counts.
    index: HashMap<Key, Seq>,
    /// The transactions that have messages with keys and are not ended durably.
    open: HashMap<TransactionId, Open>,
    /// Bytes of all records so far.
    end: u64,
    /// Bytes of all records before the newest message.
    message_at: u64,
    /// Messages that a recovery gives new places.
    unplaced: VecDeque<Entry<W>>,
    restored: Restored,
}

/// The key of a message, in its stream.
pub(super) type Key = (Option<VirtualChannel>, Bytes);

struct Entry<W> {
    /// That of the last chunk.
    seq: Seq,
    /// How many chunks lie before that one.
    chunks_before: u32,
    /// Bytes of all records before it, or before its first chunk.
    at: u64,
    tick: Tick,
    key: Key,
    /// Where it is durable.
    place: Option<Place>,
    /// The transaction that it is in, until that is durably committed.
    transaction: Option<TransactionId>,
    /// Who gets the same outcome.
    joined: Vec<W>,
}

#[derive(Default)]
struct Open {
    /// Its messages with keys, by seq.
    bodies: VecDeque<Seq>,
    /// Its Commit, where that has its place.
    commit: Option<Seq>,
}

/// What the window knows of a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Found {
    /// Nothing: the message is to be written.
    New,
    /// The message with this seq is on its way, or its transaction's commit is: its outcome is this one's as well.
    Join(Seq),
    /// It is durable here.
    Known(Place),
    /// It is a message of this transaction, which is still open.
    Conflict(TransactionId),
}

/// What a record counts in the window.
pub(super) fn counted(record: &Record) -> u64 {
    (record.bytes() + OVERHEAD_BYTES) as u64
}

impl<W> Window<W> {
    pub(super) fn new(option: IdempotencyOption) -> Self {
        Self {
            option,
            entries: VecDeque::new(),
            index: HashMap::new(),
            open: HashMap::new(),
            end: 0,
            message_at: 0,
            unplaced: VecDeque::new(),
            restored: Restored::default(),
        }
    }

    /// What is known of a key, for an append in `transaction` or a plain one.
    pub(super) fn look_up(
        &mut self,
        virtual_channel: &Option<VirtualChannel>,
        key: &Bytes,
        transaction: Option<TransactionId>,
        now: Tick,
    ) -> Found {
        self.evict(now);
        let key = (virtual_channel.clone(), key.clone());
        let found = self.index.get(&key).and_then(|seq| self.find(*seq));
        // One that left the window may still stand behind one that somebody waits for.
        let Some(entry) = found.filter(|it| !self.is_out(it, now)) else {
            return Found::New;
        };
        match entry.transaction {
            Some(id) if Some(id) != transaction => match self.is_committing(id) {
                // It may still be rolled back, by the next owner.
                true => Found::Join(entry.seq),
                false => Found::Conflict(id),
            },
            _ => entry.place.map_or(Found::Join(entry.seq), Found::Known),
        }
    }

    /// Lets `waiter` wait for the message that a look-up has just found.
    pub(super) fn join(&mut self, seq: Seq, waiter: W) {
        if let Some(entry) = self.find_mut(seq) {
            entry.joined.push(waiter);
        }
    }

    /// A record takes its place.
    pub(super) fn placed(&mut self, record: &Record) {
        self.evict(record.header.tick);
        let at = self.count(&record.header, counted(record));
        self.note(&record.header, at, Vec::new());
    }

    /// The records from this seq on lie nowhere: they [take new places](Self::placed_again).
    pub(super) fn unplace(&mut self, from: Seq) {
        let first = self.entries.partition_point(|it| it.seq < from);
        self.unplaced = self.entries.split_off(first);
        self.index.retain(|_, seq| *seq < from);
        self.open.retain(|_, open| {
            open.commit = open.commit.filter(|commit| *commit < from);
            open.bodies
                .truncate(open.bodies.partition_point(|it| *it < from));
            !open.bodies.is_empty()
        });
    }

    /// The record that had this seq takes a new place, behind those that were in the order before it.
    pub(super) fn placed_again(&mut self, former: Seq, record: &Record) {
        let former = self.take_unplaced(former);
        let (at, joined) = former.map_or((self.end, Vec::new()), |it| (it.at, it.joined));
        self.note(&record.header, at, joined);
    }

    /// The record that had this seq takes no place any more.
    pub(super) fn given_up(&mut self, former: Seq, error: &Error, told: &mut Told<W>) {
        if let Some(mut entry) = self.take_unplaced(former) {
            tell(&mut entry, &Err(error.clone()), told);
        }
    }

    fn take_unplaced(&mut self, former: Seq) -> Option<Entry<W>> {
        let is_it = self.unplaced.front().is_some_and(|it| it.seq == former);
        is_it.then(|| self.unplaced.pop_front()).flatten()
    }

    /// The wal ends: nobody will get an outcome any more.
    pub(super) fn end(&mut self, error: &Error, told: &mut Told<W>) {
        for entry in self.entries.iter_mut().chain(&mut self.unplaced) {
            tell(entry, &Err(error.clone()), told);
        }
    }

    /// From where the log must be read to know the same again; `next` where there is nothing to know.
    pub(super) fn start_seq(&self, next: Seq) -> Seq {
        self.entries.front().map_or(next, |it| {
            Seq::new(it.seq.get() - u64::from(it.chunks_before))
        })
    }
}

impl<W> Window<W> {
    /// Counts a record's bytes; tells how many lie before its message.
    fn count(&mut self, header: &Header, bytes: u64) -> u64 {
        if header.chunk.is_none_or(|it| it.index == 0) {
            self.message_at = self.end;
        }
        self.end += bytes;
        self.message_at
    }

    fn note(&mut self, header: &Header, at: u64, joined: Vec<W>) {
        let (Some(seq), transaction) = (header.seq, header.transaction.map(|it| it.id)) else {
            return;
        };
        match (header.kind, transaction, &header.idempotency_key) {
            (Kind::Data, _, Some(key)) if header.ends_message() => {
                // A copy: the key may be a part of a large payload, which it would keep in memory.
                let key = (header.virtual_channel.clone(), Bytes::copy_from_slice(key));
                if let Some(id) = transaction {
                    self.open.entry(id).or_default().bodies.push_back(seq);
                }
                self.index.insert(key.clone(), seq);
                self.entries.push_back(Entry {
                    seq,
                    chunks_before: header.chunk.map_or(0, |it| it.index),
                    at,
                    tick: header.tick,
                    key,
                    place: None,
                    transaction,
                    joined,
                });
            }
            (Kind::Commit, Some(id), _) => {
                if let Some(open) = self.open.get_mut(&id) {
                    open.commit = Some(seq);
                }
            }
            (Kind::Rollback, Some(id), _) => self.rolled_back(id),
            _ => {}
        }
    }

    /// Nobody can fall back behind a Rollback that has its place: what comes later lies behind it.
    fn rolled_back(&mut self, id: TransactionId) {
        for seq in self.open.remove(&id).unwrap_or_default().bodies {
            let Some(at) = self.position(seq) else {
                continue;
            };
            self.entries[at].transaction = None;
            let key = &self.entries[at].key;
            if self.index.get(key) == Some(&seq) {
                self.index.remove(key);
            }
        }
    }

    fn is_committing(&self, id: TransactionId) -> bool {
        self.open.get(&id).is_some_and(|open| open.commit.is_some())
    }

    /// Drops what has left the window, the oldest first; what somebody waits for stays.
    fn evict(&mut self, now: Tick) {
        while self.entries.front().is_some_and(|it| self.is_out(it, now))
            && let Some(entry) = self.entries.pop_front()
        {
            self.forget(&entry);
            let Some(id) = entry.transaction else {
                continue;
            };
            // Its oldest message with a key.
            if let Some(open) = self.open.get_mut(&id)
                && open.bodies.pop_front().is_some()
                && open.bodies.is_empty()
            {
                self.open.remove(&id);
            }
        }
    }

    fn is_out(&self, entry: &Entry<W>, now: Tick) -> bool {
        let age_ms = now.unix_ms().saturating_sub(entry.tick.unix_ms());
        let is_far = self.end - entry.at > self.option.bytes as u64;
        let is_old = u128::from(age_ms) > self.option.keep.as_millis();
        (is_far || is_old) && entry.place.is_some() && entry.joined.is_empty()
    }

    /// Its key is free, unless a newer message has it.
    fn forget(&mut self, entry: &Entry<W>) {
        if self.index.get(&entry.key) == Some(&entry.seq) {
            self.index.remove(&entry.key);
        }
    }

    fn position(&self, seq: Seq) -> Option<usize> {
        self.entries.binary_search_by_key(&seq, |it| it.seq).ok()
    }

    fn find(&self, seq: Seq) -> Option<&Entry<W>> {
        self.position(seq).and_then(|at| self.entries.get(at))
    }

    fn find_mut(&mut self, seq: Seq) -> Option<&mut Entry<W>> {
        let at = self.position(seq)?;
        self.entries.get_mut(at)
    }
}
