//! The scanners of a demo. They live as long as it does, across the deaths of writers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use walx::{Entry, OpenOption, Opener, RoWal, ScanOption, Scanner};
use walx_utility::{clock, spawn};

use super::ledger::Ledger;
use super::wire::Event;
use super::{CACHE, CHANNELS, Stage, hash, unix_ns};
use crate::exit::{Code, Failure};
use crate::store;

/// Entries that are taken at once.
const BATCH: usize = 1024;
/// Beyond so many open places the writers' acknowledgements wait for the scanners.
const MAX_LAG: usize = 1 << 16;
/// A scanner that delivers nothing for so long does not deliver any more.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);

/// The books of all channels.
pub(super) struct Books {
    ledgers: [Mutex<Ledger>; CHANNELS.len()],
    delivered: Notify,
}

impl Books {
    pub(super) fn new() -> Result<Self, Failure> {
        let ledger = |(_, readers)| {
            Ledger::new(readers)
                .map(Mutex::new)
                .map_err(|error| Failure::new(Code::Unexpected, error))
        };
        Ok(Self {
            ledgers: [ledger(CHANNELS[0])?, ledger(CHANNELS[1])?],
            delivered: Notify::new(),
        })
    }

    pub(super) fn ledger(&self, channel: usize) -> MutexGuard<'_, Ledger> {
        // A panic elsewhere leaves numbers as they are; the demo has failed then anyway.
        self.ledgers[channel]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what a writer told; waits where the scanners are far behind.
    pub(super) async fn write(&self, event: Event) {
        match event {
            Event::Ready => {}
            Event::Given { channel, lines } => self.ledger(channel).given += lines,
            Event::Acknowledged(ack) => {
                self.ledger(ack.channel).acknowledge(ack);
                self.wait(|books| books.ledger(ack.channel).open() <= MAX_LAG)
                    .await;
            }
        }
    }

    /// Waits until `done`, or until nothing was delivered for too long.
    pub(super) async fn wait(&self, done: impl Fn(&Self) -> bool) -> bool {
        loop {
            let delivered = self.delivered.notified();
            tokio::pin!(delivered);
            delivered.as_mut().enable();
            if done(self) {
                return true;
            }
            if clock::timeout(PATIENCE, delivered).await.is_err() {
                return done(self);
            }
        }
    }
}

/// Open scanners, and what they stand on.
pub(super) struct Watch {
    store: Arc<dyn Opener>,
    wals: Vec<Arc<dyn RoWal>>,
    tasks: Vec<spawn::Task<()>>,
}

impl Watch {
    pub(super) async fn start(at: &Stage, books: &Arc<Books>) -> Result<Self, Failure> {
        let store = store::open(&at.uri).await?;
        let mut watch = Self {
            store,
            wals: Vec::new(),
            tasks: Vec::new(),
        };
        for (channel, (_, readers)) in CHANNELS.into_iter().enumerate() {
            let wal = watch
                .store
                .open_read_only(OpenOption::new(at.channel(channel)?).with_cache(CACHE))
                .await?;
            for reader in 0..readers {
                let scanner = wal.scan(ScanOption::earliest()).await?;
                watch.tasks.push(spawn::task(follow(
                    Arc::clone(books),
                    channel,
                    reader,
                    scanner,
                )));
            }
            watch.wals.push(wal);
        }
        Ok(watch)
    }

    pub(super) async fn stop(self) -> Result<(), Failure> {
        drop(self.tasks);
        for wal in self.wals {
            wal.close().await?;
        }
        Ok(self.store.close().await?)
    }
}

async fn follow(books: Arc<Books>, channel: usize, reader: usize, mut scanner: Box<dyn Scanner>) {
    let why = loop {
        let entries = match scanner.next_batch(BATCH).await {
            Ok(entries) if entries.is_empty() => break "the scan ended".to_owned(),
            Ok(entries) => entries,
            Err(error) => break error.to_string(),
        };
        let at_ns = unix_ns();
        let found: Vec<_> = entries.iter().map(place_and_hash).collect();
        let mut ledger = books.ledger(channel);
        for found in found {
            match found {
                Some((lsn, hash)) => ledger.deliver(reader, lsn, hash, at_ns),
                None => ledger.readers[reader].gaps += 1,
            }
        }
        drop(ledger);
        books.delivered.notify_waiters();
    };
    books.ledger(channel).end(reader, Some(why));
    books.delivered.notify_waiters();
}

/// The lsn of a message and what stands for its bytes; none for a gap.
pub(super) fn place_and_hash(entry: &Entry) -> Option<(u64, u64)> {
    entry
        .message()
        .map(|it| (it.place.lsn.get(), hash(&it.message.payload)))
}
