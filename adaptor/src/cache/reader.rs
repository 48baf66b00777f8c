use std::sync::Arc;
use std::task::{Context, Poll};

use walx_core::{Error, Seq};
use walx_impls::StoredRecord;
use walx_utility::signal::Signal;
use walx_utility::sync::lock;

use super::Cache;
use super::block::Block;
use crate::foreign::ForeignRun;

/// What a reader of the cache meets.
pub(crate) enum Fetch {
    /// There are records: [`Reader::records`].
    Ready,
    /// The reader was too slow, or the cache was reset: what comes next is not here any more.
    Evicted,
    /// Nothing will come any more.
    Ended(Error),
}

/// A place in the cache. It holds at most one block, however slow its scanner is.
pub(crate) struct Reader {
    cache: Arc<Cache>,
    next: Seq,
    block: Option<Arc<Block>>,
    signal: Arc<Signal>,
    /// The generation in which the signal was put into the cache's list.
    registered: Option<u64>,
}

impl Reader {
    /// A reader of what comes from `next` on; `None` where the cache does not have it.
    pub(crate) fn attach(cache: &Arc<Cache>, next: Seq) -> Option<Self> {
        let (first, end) = cache.range()?;
        (first <= next && next <= end).then(|| Self {
            cache: Arc::clone(cache),
            next,
            block: None,
            signal: Arc::default(),
            registered: None,
        })
    }

    /// Waits until there are records from the reader's place on.
    pub(crate) fn poll_fetch(&mut self, context: &mut Context<'_>) -> Poll<Fetch> {
        if self
            .block
            .as_ref()
            .is_some_and(|block| self.next < block.next())
        {
            return Poll::Ready(Fetch::Ready);
        }
        self.block = None;
        loop {
            {
                let mut state = lock(&self.cache.state);
                let Some((first, end)) = state.range() else {
                    return Poll::Ready(Fetch::Evicted);
                };
                if self.next < first || self.next > end {
                    return Poll::Ready(Fetch::Evicted);
                }
                if self.next < end {
                    let at = state
                        .blocks
                        .partition_point(|block| block.next() <= self.next);
                    self.block = state.blocks.get(at).cloned();
                    return Poll::Ready(if self.block.is_some() {
                        Fetch::Ready
                    } else {
                        Fetch::Evicted
                    });
                }
                if let Some(error) = &state.ended {
                    return Poll::Ready(Fetch::Ended(error.clone()));
                }
                if self.registered != Some(state.generation) {
                    self.registered = Some(state.generation);
                    state.waiting.push(Arc::clone(&self.signal));
                }
            }
            if self.signal.poll_take(context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// The records that are there, from the reader's place on.
    pub(crate) fn records(&self) -> &[StoredRecord] {
        let Some(block) = &self.block else { return &[] };
        let at = self.next.get().saturating_sub(block.first.get()) as usize;
        block.records.get(at..).unwrap_or_default()
    }

    /// What somebody else wrote before the first of them, as far as the cache knows.
    pub(crate) fn foreign(&self) -> Option<&ForeignRun> {
        let block = self.block.as_ref()?;
        block.foreign.as_ref().filter(|_| self.next == block.first)
    }

    /// The seq of the next record.
    pub(crate) fn place(&self) -> Seq {
        self.next
    }

    /// Moves behind so many of them.
    pub(crate) fn advance(&mut self, records: usize) {
        self.next = Seq::new(self.next.get() + records as u64);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = lock(&self.cache.state);
        if self.registered == Some(state.generation) {
            state.waiting.retain(|it| !Arc::ptr_eq(it, &self.signal));
        }
    }
}
