//! The one backend reader at a channel's tail that feeds the cache of all its read-only wals, as long as any of their
//! scanners follows the log.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use metrics::counter;
use tokio::sync::watch;
use tracing::Instrument;
use walx_core::{Error, ErrorKind, MessageId, Seq, Status};
use walx_impls::{RoWalImpls, ScanOptions, Scanned, Start, StoredRecord};
use walx_utility::backoff::Backoff;
use walx_utility::spawn::{self, Task};
use walx_utility::sync::lock;
use walx_utility::{clock, metric};

use crate::cache::Cache;
use crate::feed::Feed;
use crate::foreign::ForeignRun;
use crate::look::next_batch;

/// Feeds a cache until it is dropped, every wal has left, or the backend ends it for good.
pub(crate) struct Fetcher(Task<()>);

/// A wal's hold on the fetcher, for all its scanners that follow the log.
#[derive(Default)]
pub(crate) struct Follow(Mutex<Option<Arc<Fetcher>>>);

/// The pauses between tries to read from a backend that doesn't answer.
pub(crate) fn pauses() -> Backoff {
    Backoff::new(Duration::from_millis(100), Duration::from_secs(5))
}

impl Fetcher {
    /// Starts with the newest record, so that scanners that reach it find their way into the cache.
    pub(crate) fn start(feed: Arc<Feed>) -> Self {
        Self(spawn::task(run(feed)))
    }

    /// Whether it feeds nothing any more, perhaps because its runtime has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.is_finished()
    }
}

impl Follow {
    pub(crate) fn hold(&self, fetcher: Arc<Fetcher>) {
        let before = lock(&self.0).replace(fetcher);
        drop(before);
    }

    /// Holds it no more, though scanners still hold this.
    pub(crate) fn stop(&self) {
        let before = lock(&self.0).take();
        drop(before);
    }

    pub(crate) fn has_ended(&self) -> bool {
        lock(&self.0).as_ref().is_some_and(|it| it.has_ended())
    }
}

/// Nothing feeds the cache any more, also where the task was ended with its runtime: scanners go back to the backend.
struct Ended(Arc<Cache>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.reset();
    }
}

/// Where a feed is.
struct Progress {
    last: Option<MessageId>,
    /// The foreign records behind the last numbered one.
    foreign: Option<ForeignRun>,
    pauses: Backoff,
    /// Errors in a row that no new try mends.
    strikes: usize,
}

async fn run(feed: Arc<Feed>) {
    let ended = Ended(Arc::clone(&feed.cache));
    // What a fetcher before left doesn't carry on. Here, since it wakes scanners: not under the feed's lock.
    feed.cache.reset();
    let mut progress = Progress {
        last: None,
        foreign: None,
        pauses: pauses(),
        strikes: 0,
    };
    // The handle of one wal after the other, each from behind the last record that any of them has read.
    while let Some(mut lent) = feed.lend() {
        let span = lent.span.clone();
        let reading = read(lent.backend.as_ref(), &ended.0, &mut progress);
        let Some(Err(error)) = while_staying(&mut lent.staying, reading.instrument(span)).await
        else {
            continue;
        };
        let (number, span, channel) = (lent.number, lent.span, lent.backend.channel().clone());
        // The wal may close meanwhile.
        drop(lent.backend);
        if error.kind() == ErrorKind::Closed {
            feed.leave(number);
            continue;
        }
        feed.pass_on(number);
        if error.status() == Status::Temporary {
            let pause = progress.pauses.pause();
            counter!(metric::SCAN_RETRY_TOTAL, "reader" => "shared").increment(1);
            span.in_scope(
                || tracing::warn!(%channel, %error, ?pause, "reading again after a pause"),
            );
            clock::sleep(pause).await;
            continue;
        }
        // Scanners go back to the backend and meet the error, or the hole, themselves.
        ended.0.reset();
        progress.strikes += 1;
        if matches!(error.kind(), ErrorKind::PositionLost { .. }) {
            (progress.last, progress.foreign) = (None, None);
        }
        if progress.strikes > feed.members() {
            feed.fail();
            span.in_scope(
                || tracing::warn!(%channel, %error, "the readers' cache is no longer fed"),
            );
            return;
        }
    }
}

/// What the future gives; `None` as soon as the wal whose handle it uses leaves.
async fn while_staying<T>(
    staying: &mut watch::Receiver<()>,
    future: impl Future<Output = T>,
) -> Option<T> {
    // Nothing is ever sent: only the sender's end is waited for.
    let (mut left, mut future) = (pin!(staying.changed()), pin!(future));
    poll_fn(|context| {
        if left.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(context).map(Some)
    })
    .await
}

enum Never {}

async fn read(
    backend: &dyn RoWalImpls,
    cache: &Cache,
    progress: &mut Progress,
) -> Result<Never, Error> {
    let start = progress.last.map_or(Start::Last(1), Start::After);
    let mut scanner = backend.scan(start, ScanOptions::default()).await?;
    loop {
        let batch = next_batch(scanner.as_mut()).await?;
        progress.pauses.reset();
        progress.strikes = 0;
        for (foreign, records) in progress.runs(batch) {
            cache.publish_behind(foreign, records, clock::now());
        }
    }
}

/// Records that carry on from each other, and the foreign ones before the first of them.
type Run = (Option<ForeignRun>, Vec<StoredRecord>);

impl Progress {
    /// The numbered records of a batch, in runs without a hole, a double or a foreign record between them.
    fn runs(&mut self, batch: Vec<Scanned>) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for item in batch {
            let record = match item {
                Scanned::Record(record) => record,
                Scanned::Foreign(it) => {
                    ForeignRun::add(&mut self.foreign, it.id, self.last);
                    self.last = Some(it.id);
                    continue;
                }
                _ => continue,
            };
            self.last = Some(record.id);
            let Some(seq) = record.record.header.seq else {
                continue;
            };
            let foreign = self.foreign.take();
            let carries_on = |(_, run): &&mut Run| {
                let last = run.last().and_then(|it| it.record.header.seq);
                foreign.is_none() && last.map(Seq::next) == Some(seq)
            };
            match runs.last_mut().filter(carries_on) {
                Some((_, run)) => run.push(record),
                None => runs.push((foreign, vec![record])),
            }
        }
        runs
    }
}
