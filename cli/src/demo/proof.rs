//! What a fresh reader finds once all writers have ended: the scanners must have seen exactly that.

use walx::{ChannelName, End, OpenOption, Opener, RoWal, ScanOption};

use super::ledger::chain;
use super::watch::place_and_hash;
use super::{CACHE, CHANNELS};
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

pub(super) async fn tails(uri: &str) -> Result<Tails, Failure> {
    let store = store::open(uri).await?;
    let outcome = async {
        let mut lsns = [0; CHANNELS.len()];
        for (lsn, (name, _)) in lsns.iter_mut().zip(CHANNELS) {
            let wal = open(&*store, name).await?;
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

pub(super) async fn scan(uri: &str) -> Result<[Found; CHANNELS.len()], Failure> {
    let store = store::open(uri).await?;
    let outcome = async {
        let mut found = [Found::default(); CHANNELS.len()];
        for (found, (name, _)) in found.iter_mut().zip(CHANNELS) {
            let wal = open(&*store, name).await?;
            *found = scan_one(&*wal).await?;
            wal.close().await?;
        }
        Ok(found)
    };
    let outcome = outcome.await;
    store::close(&*store, outcome).await
}

async fn open(store: &dyn Opener, name: &str) -> Result<std::sync::Arc<dyn RoWal>, Failure> {
    Ok(store
        .open_read_only(OpenOption::new(ChannelName::new(name)?).with_cache(CACHE))
        .await?)
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
