//! What is shown of a cache.

use std::collections::VecDeque;
use std::sync::Arc;

use metrics::counter;
use walx_core::{ChannelInfo, Lsn};
use walx_utility::metric;

use super::State;
use super::block::Block;
use crate::gauge::{Gauges, labels};

pub(super) struct CacheGauges(Gauges<5>);

/// What is shown: records, capacity, first and last lsn.
pub(super) struct Numbers([f64; 4]);

impl CacheGauges {
    pub(super) fn new(channel: &ChannelInfo) -> Self {
        let names = [
            metric::CACHE_ENTRIES,
            metric::CACHE_CAPACITY_BYTES,
            metric::CACHE_EARLIEST_LSN,
            metric::CACHE_LATEST_LSN,
            metric::CACHE_BYTES,
        ];
        Self(Gauges::new(names, &labels(channel)))
    }

    pub(super) fn numbers(state: &State) -> Numbers {
        let seqs = state.blocks.front().zip(state.blocks.back());
        let entries = seqs.map_or(0, |(first, last)| last.next().get() - first.first.get());
        let lsn = |lsn: Option<Lsn>| lsn.map_or(0.0, |lsn| lsn.get() as f64);
        let first = state.blocks.front().and_then(|block| block.records.first());
        let last = state.blocks.back().and_then(|block| block.records.last());
        Numbers([
            entries as f64,
            state.option.capacity_bytes as f64,
            lsn(first.and_then(|it| it.record.header.lsn)),
            lsn(last.and_then(|it| it.record.header.lsn)),
        ])
    }

    pub(super) fn set(&self, Numbers([entries, capacity, first, last]): Numbers, bytes: usize) {
        self.0.set([entries, capacity, first, last, bytes as f64]);
    }

    pub(super) fn end(&self) {
        self.0.end();
    }
}

/// What has left a cache; counted and freed outside of its lock.
#[derive(Default)]
pub(super) struct Evicted {
    pub(super) by_age: Vec<Arc<Block>>,
    pub(super) by_size: Vec<Arc<Block>>,
    pub(super) truncated: Vec<Arc<Block>>,
    pub(super) reset: VecDeque<Arc<Block>>,
}

impl Evicted {
    pub(super) fn count(self) {
        count("age", self.by_age.iter());
        count("size", self.by_size.iter());
        count("truncated", self.truncated.iter());
        count("reset", self.reset.iter());
    }
}

fn count<'a>(reason: &'static str, blocks: impl Iterator<Item = &'a Arc<Block>>) {
    let records: usize = blocks.map(|block| block.records.len()).sum();
    if records > 0 {
        counter!(metric::CACHE_EVICTED_TOTAL, "reason" => reason).increment(records as u64);
    }
}
