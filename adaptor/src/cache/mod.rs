//! The write-ahead cache: the newest part of a channel, in memory, shared by all its tailing scanners.

mod block;
mod gauges;
mod reader;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::atomic::{self, AtomicUsize};
use std::sync::{Arc, Mutex};

use walx_core::{
    CacheOption, Category, ChannelInfo, Error, Limits, Lsn, MessageId, Seq, Tail, Tick,
};
use walx_impls::StoredRecord;
use walx_utility::clock::Instant;
use walx_utility::signal::Signal;
use walx_utility::sync::lock;

use self::block::Block;
use self::gauges::{CacheGauges, Evicted};
pub(crate) use self::reader::{Fetch, Reader};
use crate::foreign::ForeignRun;
use crate::watch::Watched;

/// Records in dense seq order, in blocks that scanners share. Only confirmed records come in.
pub(crate) struct Cache {
    state: Mutex<State>,
    /// Bytes of all blocks that are alive, evicted ones that a slow scanner still holds included.
    live_bytes: Arc<AtomicUsize>,
    /// What it shares with the caches of other wals.
    limits: Limits,
    gauges: CacheGauges,
}

/// Where a searched record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Here, with this seq.
    Here(Seq),
    /// Still to come, and not before this seq.
    NotBefore(Seq),
}

impl Found {
    /// From where to read.
    pub(crate) fn seq(self) -> Seq {
        match self {
            Self::Here(seq) | Self::NotBefore(seq) => seq,
        }
    }
}

struct State {
    option: CacheOption,
    blocks: VecDeque<Arc<Block>>,
    /// The seq of the next record to come; `None` until it is known.
    next: Option<Seq>,
    /// What lies before this seq was truncated.
    floor: Option<Seq>,
    /// How far it was truncated. The backend may have truncated what is not here yet: readers elsewhere know of a record
    /// before its owner has the acknowledgement.
    truncated: Option<MessageId>,
    tail: Tail,
    /// The record before the newest one: how far a truncation may go.
    before: Option<MessageId>,
    /// Counts publications, so that a scanner that waits is in the list once.
    generation: u64,
    waiting: Vec<Arc<Signal>>,
    /// Why nothing will come any more.
    ended: Option<Error>,
}

impl Cache {
    /// An empty cache; `next` is the seq of the next record where it is known.
    pub(crate) fn new(
        channel: &ChannelInfo,
        option: CacheOption,
        limits: Limits,
        next: Option<Seq>,
        tail: Tail,
    ) -> Arc<Self> {
        let state = State {
            option,
            blocks: VecDeque::new(),
            next,
            floor: None,
            truncated: None,
            tail,
            before: None,
            generation: 0,
            waiting: Vec::new(),
            ended: None,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            live_bytes: Arc::default(),
            limits,
            gauges: CacheGauges::new(channel),
        })
    }

    /// Adds confirmed records, which carry on the seqs without a hole, and wakes the scanners that wait.
    pub(crate) fn publish(&self, records: Vec<StoredRecord>, now: Instant) {
        self.publish_behind(None, records, now);
    }

    /// As [`publish`](Self::publish), with what somebody else wrote before them.
    pub(crate) fn publish_behind(
        &self,
        foreign: Option<ForeignRun>,
        records: Vec<StoredRecord>,
        now: Instant,
    ) {
        let block = Block::new(records, foreign, now, &self.live_bytes, &self.limits);
        let Some(block) = block else {
            return;
        };
        let mut state = lock(&self.state);
        let mut reset = VecDeque::new();
        if state.next.is_some_and(|next| next != block.first) {
            // A reader's feed met a hole: what is here doesn't go on, and scanners see the hole in the backend.
            reset = std::mem::take(&mut state.blocks);
        }
        state.note(&block);
        state.blocks.push_back(Arc::new(block));
        let truncated = state.drop_truncated();
        let mut evicted = self.evict(&mut state, now);
        (evicted.reset, evicted.truncated) = (reset, truncated);
        let waiting = state.wake();
        drop(state);
        evicted.count();
        waiting.into_iter().for_each(|signal| signal.set());
    }

    /// Keeps so much from now on.
    pub(crate) fn set_option(&self, option: CacheOption) {
        lock(&self.state).option = option;
    }

    /// What lies up to and including `id` is no longer to be delivered; scanners that need it go to the backend.
    pub(crate) fn truncate(&self, id: MessageId) {
        let mut state = lock(&self.state);
        if state.truncated.is_none_or(|it| it < id) {
            state.truncated = Some(id);
        }
        let evicted = Evicted {
            truncated: state.drop_truncated(),
            ..Evicted::default()
        };
        drop(state);
        evicted.count();
    }

    /// What lies before `id` is gone already: somebody else truncated it.
    pub(crate) fn truncate_before(&self, id: MessageId) {
        let state = lock(&self.state);
        let records = state
            .blocks
            .iter()
            .rev()
            .flat_map(|it| it.records.iter().rev());
        let before = records.map(|it| it.id).find(|it| *it < id);
        drop(state);
        if let Some(before) = before {
            self.truncate(before);
        }
    }

    /// Forgets everything: what comes next is not known to carry on. Scanners go back to the backend.
    pub(crate) fn reset(&self) {
        let mut state = lock(&self.state);
        let evicted = Evicted {
            reset: std::mem::take(&mut state.blocks),
            ..Evicted::default()
        };
        state.next = None;
        let waiting = state.wake();
        drop(state);
        evicted.count();
        waiting.into_iter().for_each(|signal| signal.set());
    }

    /// Nothing will come any more; scanners deliver what is here and end with `error`.
    pub(crate) fn end(&self, error: Error) {
        let mut state = lock(&self.state);
        state.ended.get_or_insert(error);
        let waiting = state.wake();
        drop(state);
        self.gauges.end();
        waiting.into_iter().for_each(|signal| signal.set());
    }

    /// The end of what is confirmed.
    pub(crate) fn tail(&self) -> Tail {
        lock(&self.state).tail
    }

    /// The end of what is confirmed, and the seq behind it.
    pub(crate) fn confirmed(&self) -> (Tail, Option<Seq>) {
        let state = lock(&self.state);
        (state.tail, state.next)
    }

    /// The newest record, and the one before it.
    pub(crate) fn newest_two(&self) -> (Option<MessageId>, Option<MessageId>) {
        let state = lock(&self.state);
        (state.tail.id, state.before)
    }

    /// Tells which record lies before the newest one, where the log was opened with it.
    pub(crate) fn set_before(&self, before: Option<MessageId>) {
        lock(&self.state).before = before;
    }

    /// The seqs from the first record here to the next one to come; `None` while they are not known.
    pub(crate) fn range(&self) -> Option<(Seq, Seq)> {
        lock(&self.state).range()
    }

    /// The first record whose lsn is at least `lsn`, if all such records are here or are still to come.
    pub(crate) fn find_lsn(&self, lsn: Lsn) -> Option<Found> {
        let is_before = |record: &StoredRecord| record.record.header.lsn.is_some_and(|it| it < lsn);
        self.find(is_before, |state| match state.tail.lsn.cmp(&lsn) {
            Ordering::Less => true,
            // The newest record may be a mark, which stands at the lsn of the next message.
            Ordering::Equal => {
                state.next == Some(Seq::ZERO) || state.newest().is_some_and(is_before)
            }
            Ordering::Greater => false,
        })
    }

    /// The first record whose tick is at least `tick`, if all such records are here or are still to come.
    pub(crate) fn find_tick(&self, tick: Tick) -> Option<Found> {
        self.find(
            |record| record.record.header.tick < tick,
            |state| state.tail.tick < tick,
        )
    }

    /// Nothing comes any more, and nobody is to read what is here.
    pub(crate) fn retire(&self) {
        self.reset();
        self.gauges.end();
    }

    /// Bytes in memory, those that slow scanners hold included.
    pub(crate) fn live_bytes(&self) -> usize {
        self.live_bytes.load(atomic::Ordering::Relaxed)
    }

    fn find(
        &self,
        is_before: impl Fn(&StoredRecord) -> bool,
        beyond: impl Fn(&State) -> bool,
    ) -> Option<Found> {
        let state = lock(&self.state);
        let (_, next) = state.range()?;
        if beyond(&state) {
            return Some(Found::NotBefore(next));
        }
        // If the very first one here is not before it, an earlier one that is gone might be it.
        if !state
            .blocks
            .front()?
            .records
            .first()
            .is_some_and(&is_before)
        {
            return None;
        }
        let after = state
            .blocks
            .partition_point(|block| block.records.last().is_some_and(&is_before));
        let block = state.blocks.get(after)?;
        block
            .records
            .get(block.records.partition_point(is_before))?
            .record
            .header
            .seq
            .map(Found::Here)
    }

    /// Takes out what is too old or too much; the last block stays.
    fn evict(&self, state: &mut State, now: Instant) -> Evicted {
        let mut evicted = Evicted::default();
        let mut held = self.live_bytes();
        let all = self.limits.used(Category::Cache);
        let mut too_much = all.saturating_sub(self.limits.limit(Category::Cache));
        while state.blocks.len() > 1 {
            let Some(first) = state.blocks.front() else {
                break;
            };
            let too_old = now.saturating_duration_since(first.since) >= state.option.keep;
            if !too_old && held <= state.option.capacity_bytes && too_much == 0 {
                break;
            }
            held = held.saturating_sub(first.bytes);
            too_much = too_much.saturating_sub(first.bytes);
            let gone = state.blocks.pop_front();
            match too_old {
                true => evicted.by_age.extend(gone),
                false => evicted.by_size.extend(gone),
            }
        }
        evicted
    }
}

impl Watched for Cache {
    /// Drops what is too old, though nothing comes in, and shows how full it is.
    fn look(&self, now: Instant) {
        let mut state = lock(&self.state);
        let evicted = self.evict(&mut state, now);
        let shown = CacheGauges::numbers(&state);
        drop(state);
        evicted.count();
        self.gauges.set(shown, self.live_bytes());
    }
}

impl State {
    /// The newest record here.
    fn newest(&self) -> Option<&StoredRecord> {
        self.blocks.back()?.records.last()
    }

    fn range(&self) -> Option<(Seq, Seq)> {
        let next = self.next?;
        let first = self.blocks.front().map_or(next, |block| block.first);
        Some((first.max(self.floor.unwrap_or(first)), next))
    }

    /// Takes out the blocks that were truncated, and notes how far the one behind them was.
    fn drop_truncated(&mut self) -> Vec<Arc<Block>> {
        let Some(id) = self.truncated else {
            return Vec::new();
        };
        let whole = self
            .blocks
            .partition_point(|block| block.records.last().is_some_and(|last| last.id <= id));
        let dropped = self.blocks.drain(..whole).collect();
        let kept = self.blocks.front().and_then(|block| {
            block
                .records
                .get(block.records.partition_point(|record| record.id <= id))?
                .record
                .header
                .seq
        });
        self.floor = self.floor.max(kept);
        dropped
    }

    fn note(&mut self, block: &Block) {
        self.next = Some(block.next());
        self.before = match block.records.as_slice() {
            [.., before, _] => Some(before.id),
            _ => self.tail.id.or(self.before),
        };
        if let Some(last) = block.records.last() {
            let header = &last.record.header;
            self.tail = Tail::new(
                header.next_lsn().unwrap_or(self.tail.lsn),
                Some(last.id),
                header.tick,
            );
        }
    }

    /// Everybody who waits; to be woken outside of the lock.
    fn wake(&mut self) -> Vec<Arc<Signal>> {
        self.generation += 1;
        std::mem::take(&mut self.waiting)
    }
}
