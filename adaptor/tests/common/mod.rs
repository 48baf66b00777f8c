//! What the tests of the adaptor share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

pub mod counting;
pub mod hand;
pub mod limited;
pub mod listen;
pub mod model;
pub mod pair;
pub mod raw;

use std::sync::Arc;
use std::time::Duration;

use walx_adaptor::adapt_opener;
use walx_core::{
    BackendName, CacheOption, ChannelName, End, Entry, Message, OpenOption, Opener, Place,
    ScanOption, Scanner, Wal,
};
use walx_memory::{Faults, MemoryStore};
use walx_utility::clock;

/// A memory store, with one channel in it.
pub struct Rig {
    pub store: MemoryStore,
    pub opener: Arc<dyn Opener>,
    pub channel: ChannelName,
}

impl Rig {
    pub fn new() -> Self {
        let store = MemoryStore::new();
        let opener = adapt_opener(BackendName::constant("memory"), store.opener());
        Self {
            store,
            opener,
            channel: ChannelName::new("orders").unwrap(),
        }
    }

    /// Another opener of the same store, as another process would have it.
    pub fn other_opener(&self) -> Arc<dyn Opener> {
        adapt_opener(BackendName::constant("memory"), self.store.opener())
    }

    pub fn option(&self) -> OpenOption {
        OpenOption::new(self.channel.clone())
    }

    pub async fn open(&self) -> Arc<dyn Wal> {
        self.opener.open(self.option()).await.unwrap()
    }

    /// A wal that ends with its first failed append.
    pub async fn open_without_recovery(&self) -> Arc<dyn Wal> {
        let option = self.option().with_recovery_timeout(Duration::ZERO);
        self.opener.open(option).await.unwrap()
    }

    pub fn faults(&self) -> Faults {
        self.store.faults(&self.channel)
    }
}

pub fn message(text: impl ToString) -> Message {
    Message::new(text.to_string())
}

/// The payloads of messages, as text; gaps as their own text.
pub fn texts(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| match entry {
            Entry::Message(placed) => String::from_utf8_lossy(&placed.message.payload).into_owned(),
            other => format!("{other:?}"),
        })
        .collect()
}

/// All that a scan up to the present tail delivers.
pub async fn scan_all(wal: &(impl walx_core::RoWal + ?Sized), option: ScanOption) -> Vec<Entry> {
    rest(wal.scan(option.until(End::Tail)).await.unwrap()).await
}

/// All that a scan with an end still delivers.
pub async fn rest(mut scanner: Box<dyn Scanner>) -> Vec<Entry> {
    let mut all = Vec::new();
    loop {
        let batch = within(scanner.next_batch(100)).await.unwrap();
        if batch.is_empty() {
            return all;
        }
        all.extend(batch);
    }
}

/// The next `count` entries.
pub async fn take(scanner: &mut Box<dyn Scanner>, count: usize) -> Vec<Entry> {
    let mut all = Vec::new();
    while all.len() < count {
        let batch = within(scanner.next_batch(count - all.len())).await.unwrap();
        assert!(!batch.is_empty(), "the scan ended after {}", all.len());
        all.extend(batch);
    }
    all
}

/// Nothing in these tests takes long.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    clock::timeout(Duration::from_secs(30), future)
        .await
        .expect("it takes too long")
}

/// A wal with so many messages, and their places.
pub async fn filled(rig: &Rig, count: usize, cache: CacheOption) -> (Arc<dyn Wal>, Vec<Place>) {
    let wal = rig
        .opener
        .open(rig.option().with_cache(cache))
        .await
        .unwrap();
    let mut places = Vec::new();
    for i in 0..count {
        places.push(wal.append(message(i)).await.unwrap());
    }
    (wal, places)
}

/// A cache that keeps one block only, so that scans come from the backend.
pub fn tiny() -> CacheOption {
    CacheOption::new(1, Duration::ZERO)
}

/// The payloads that `filled` gives these messages.
pub fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|i| i.to_string()).collect()
}
