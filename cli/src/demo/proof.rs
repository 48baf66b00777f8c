//! What a fresh reader finds once all writers have ended: the scanners must have seen exactly that.

use std::sync::Arc;

use walx::{ChannelName, End, OpenOption, Opener, RoWal, ScanOption};

use super::ledger::chain;
use super::watch::place_and_hash;
use super::{CACHE, CHANNELS, Stage};
use crate::exit::Failure;
use crate::store;

/// Entries that are taken at once.
const BATCH: usize = 1024;

/// A channel as a scan from its earliest record shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) delivered: u64,
    pub(super) gaps: u64,
    /// Stands for all of it, in order.
    pub(super) chain: u64,
}

/// How each store names its durability, and the lsn behind the last message of each channel.
pub(super) struct Tails {
    pub(super) durability: String,
    pub(super) lsns: [u64; CHANNELS.len()],
}

pub(super) async fn tails(at: &Stage) -> Result<Tails, Failure> {
    let store = store::open(&at.uri).await?;
    let outcome = async {
        let mut lsns = [0; CHANNELS.len()];
        for (channel, lsn) in lsns.iter_mut().enumerate() {
            let wal = open(&*store, at.channel(channel)?).await?;
            *lsn = wal.tail().await?.lsn.get();
            wal.close().await?;
        }
        Ok(Tails {
            durability: store.capability().durability.to_string(),
            lsns,
        })
    };
    let outcome = outcome.await;
    store::close(&*store, outcome).await
}

pub(super) async fn scan(at: &Stage) -> Result<[Found; CHANNELS.len()], Failure> {
    let store = store::open(&at.uri).await?;
    let outcome = async {
        let mut found = [Found::default(); CHANNELS.len()];
        for (channel, found) in found.iter_mut().enumerate() {
            let wal = open(&*store, at.channel(channel)?).await?;
            *found = scan_one(&*wal).await?;
            wal.close().await?;
        }
        Ok(found)
    };
    let outcome = outcome.await;
    store::close(&*store, outcome).await
}

async fn open(store: &dyn Opener, channel: ChannelName) -> Result<Arc<dyn RoWal>, Failure> {
    let option = OpenOption::new(channel).with_cache(CACHE);
    Ok(store.open_read_only(option).await?)
}

async fn scan_one(wal: &dyn RoWal) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut scanner = wal.scan(ScanOption::earliest().until(End::Tail)).await?;
    loop {
        let entries = scanner.next_batch(BATCH).await?;
        if entries.is_empty() {
            return Ok(found);
        }
        for entry in &entries {
            match place_and_hash(entry) {
                Some((lsn, hash)) => {
                    found.delivered += 1;
                    found.chain = chain(found.chain, lsn, hash);
                }
                None => found.gaps += 1,
            }
        }
    }
}
