//! The one backend reader of a read-only wal that feeds its cache, as long as any of its scanners follows the log.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use walx_core::{Error, ErrorKind, MessageId, Status};
use walx_impls::{RoWalImpls, ScanOptions, Scanned, Start, StoredRecord};
use walx_utility::backoff::Backoff;
use walx_utility::clock;
use walx_utility::spawn::{self, Task};
use walx_utility::sync::lock;

use crate::cache::Cache;
use crate::look::next_batch;

/// Feeds a cache until it is dropped, or the backend ends it for good.
pub(crate) struct Fetcher {
    task: Mutex<Option<Task<()>>>,
}

/// The pauses between tries to read from a backend that doesn't answer.
pub(crate) fn pauses() -> Backoff {
    Backoff::new(Duration::from_millis(100), Duration::from_secs(5))
}

impl Fetcher {
    /// Starts with the newest record, so that scanners that reach it find their way into the cache.
    pub(crate) fn start(backend: Arc<dyn RoWalImpls>, cache: Arc<Cache>) -> Self {
        cache.reset();
        let task = spawn::task(feed(backend, cache));
        Self {
            task: Mutex::new(Some(task)),
        }
    }

    /// Reads no more, though scanners still hold it.
    pub(crate) fn stop(&self) {
        drop(lock(&self.task).take());
    }
}

async fn feed(backend: Arc<dyn RoWalImpls>, cache: Arc<Cache>) {
    let mut last = None;
    let mut pauses = pauses();
    loop {
        let Err(error) = read(backend.as_ref(), &cache, &mut last, &mut pauses).await;
        if error.status() != Status::Temporary {
            // Scanners go back to the backend and meet the error, or the hole, themselves.
            cache.reset();
            if error.kind() != ErrorKind::Closed {
                tracing::warn!(channel = %backend.channel(), %error, "the reader's cache is no longer fed");
            }
            return;
        }
        let pause = pauses.pause();
        metrics::counter!("walx_scan_retry_total", "reader" => "shared").increment(1);
        tracing::warn!(channel = %backend.channel(), %error, ?pause, "reading again after a pause");
        clock::sleep(pause).await;
    }
}

enum Never {}

async fn read(
    backend: &dyn RoWalImpls,
    cache: &Cache,
    last: &mut Option<MessageId>,
    pauses: &mut Backoff,
) -> Result<Never, Error> {
    let start = last.map_or(Start::Last(1), Start::After);
    let mut scanner = backend.scan(start, ScanOptions::default()).await?;
    loop {
        let batch = next_batch(scanner.as_mut()).await?;
        pauses.reset();
        if let Some(Scanned::Record(record)) = batch.last() {
            *last = Some(record.id);
        }
        for records in dense_runs(batch) {
            cache.publish(records, clock::now());
        }
    }
}

/// The numbered records of a batch, in runs without a hole or a double between them.
fn dense_runs(batch: Vec<Scanned>) -> Vec<Vec<StoredRecord>> {
    let mut runs: Vec<Vec<StoredRecord>> = Vec::new();
    for item in batch {
        let Scanned::Record(record) = item else {
            continue;
        };
        let Some(seq) = record.record.header.seq else {
            continue;
        };
        match runs.last_mut() {
            Some(run)
                if run
                    .last()
                    .and_then(|it| it.record.header.seq)
                    .map(|it| it.next())
                    == Some(seq) =>
            {
                run.push(record);
            }
            _ => runs.push(vec![record]),
        }
    }
    runs
}
