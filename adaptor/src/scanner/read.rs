//! Fills a scanner from its source, and changes the source: backend to cache and back, again after an error.

use std::task::{Context, Poll};
use std::time::Duration;

use metrics::counter;
use walx_core::{Entry, Error, ErrorKind, GapReason, Result, Seq, Status};
use walx_impls::{Scanned, Start, StoredRecord};
use walx_utility::metric;

use super::ScannerAdaptor;
use super::deliver::unreadable;
use super::joined;
use super::log::Role;
use super::range::goes_on;
use super::source::Source;
use crate::cache::{Fetch, Reader};
use crate::handle::closed;
use crate::planted::{self, Bug};

/// Records that a scanner looks at in a row before it lets other tasks of its thread run.
const RECORDS_A_TURN: usize = 4096;

impl ScannerAdaptor {
    /// Fills `out` with what is there, up to `max` entries and the bytes of the read-ahead; `Pending` only where it
    /// stays empty and more may come.
    pub(super) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        max: usize,
        out: &mut Vec<Entry>,
    ) -> Poll<Result<()>> {
        (self.filled_bytes, self.filled_messages) = (0, 0);
        self.turn = 0;
        let span = self.span.clone();
        let filled = span.in_scope(|| self.fill(context, max, out));
        let delivered = out.iter().rev().find_map(joined::last_lsn);
        self.joined
            .show_place(delivered, self.parts.check.next_lsn());
        if self.filled_messages > 0 {
            let bytes = self.filled_bytes as u64;
            self.parts
                .log
                .metrics
                .delivered(self.filled_messages, bytes);
        }
        filled
    }

    fn fill(
        &mut self,
        context: &mut Context<'_>,
        max: usize,
        out: &mut Vec<Entry>,
    ) -> Poll<Result<()>> {
        while self.turn < RECORDS_A_TURN {
            self.turn += 1;
            if let Some(error) = self.failed.take_if(|_| out.is_empty()) {
                self.end();
                return Poll::Ready(Err(error));
            }
            if self.failed.is_some() || self.is_full(max, out) {
                return Poll::Ready(Ok(()));
            }
            if self.parts.back.is_some() {
                match self.poll_back(context, out) {
                    Poll::Ready(()) => continue,
                    Poll::Pending if out.is_empty() => return Poll::Pending,
                    Poll::Pending => return Poll::Ready(Ok(())),
                }
            }
            if matches!(self.parts.source, Source::Ended) {
                return Poll::Ready(Ok(()));
            }
            if self.parts.foreign.is_raw() && !self.parts.pending.is_empty() {
                match self.poll_confirmed(context) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => {
                        self.fail(error);
                        continue;
                    }
                    Poll::Pending if out.is_empty() => return Poll::Pending,
                    Poll::Pending => return Poll::Ready(Ok(())),
                }
            }
            if let Some(item) = self.parts.pending.pop_front() {
                self.take(item, out);
                continue;
            }
            match self.poll_source(context, max, out) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => self.recover(error),
                Poll::Pending if out.is_empty() => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(())),
            }
        }
        if out.is_empty() {
            // Much was read and nothing of it is wanted: other tasks of the thread come first.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn is_full(&self, max: usize, out: &[Entry]) -> bool {
        out.len() >= max || self.filled_bytes >= self.parts.options.read_ahead_bytes.max(1)
    }

    /// One step of the source: records to look at, or another source.
    fn poll_source(
        &mut self,
        context: &mut Context<'_>,
        max: usize,
        out: &mut Vec<Entry>,
    ) -> Poll<Result<()>> {
        if let Source::Cache(reader) = &mut self.parts.source {
            // The owner's cache tells its end itself; that of readers goes on without this wal.
            if matches!(self.parts.log.role, Role::Reader { .. })
                && self.joined.ending.poll_take(context).is_ready() | self.parts.log.is_ended()
                && self.parts.log.has_delivered(reader.place())
            {
                return Poll::Ready(Err(closed()));
            }
            return match reader.poll_fetch(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Fetch::Ready) => {
                    self.drain_cache(max, out);
                    Poll::Ready(Ok(()))
                }
                Poll::Ready(Fetch::Evicted) => Poll::Ready(self.reopen(Duration::ZERO)),
                Poll::Ready(Fetch::Ended(error)) => Poll::Ready(Err(error)),
            };
        }
        let ending = self.joined.ending.poll_take(context);
        if ending.is_ready() || self.parts.log.is_ended() {
            return Poll::Ready(Err(closed()));
        }
        self.keep_following()?;
        if planted::is(Bug::SkipsAtHandOver)
            && let Some(next) = self.parts.check.expected.map(|it| it.next())
            && self.attach(next).is_some()
        {
            self.parts.check.expected = Some(next);
        }
        let behind = self.parts.check.expected.filter(|it| self.is_known(*it));
        if let Some(reader) = behind.and_then(|next| self.attach(next)) {
            self.go_to(Source::Cache(reader));
            return Poll::Ready(Ok(()));
        }
        match &mut self.parts.source {
            Source::Opening(opening) => match opening.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(opened) => {
                    let (scanner, earliest) = opened?;
                    self.parts.earliest = earliest;
                    self.parts.source = Source::Backend(scanner);
                }
            },
            Source::Backend(scanner) => match scanner.poll_batch(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(batch) => {
                    self.parts.pending = batch?.into();
                    self.pauses.reset();
                    (self.lost, self.closed) = (false, false);
                }
            },
            Source::Cache(_) | Source::Ended => {}
        }
        Poll::Ready(Ok(()))
    }

    /// Delivers from the block of the cache that the reader stands in.
    fn drain_cache(&mut self, max: usize, out: &mut Vec<Entry>) {
        let Source::Cache(mut reader) = std::mem::replace(&mut self.parts.source, Source::Ended)
        else {
            return;
        };
        if let Some(run) = reader.foreign() {
            self.parts.foreign.meet_run(run);
        }
        let mut taken = 0;
        let mut ended = false;
        for record in reader.records() {
            if self.is_full(max, out) || self.failed.is_some() || self.parts.back.is_some() || ended
            {
                break;
            }
            taken += 1;
            ended = self.deliver(record, out);
        }
        reader.advance(taken);
        self.turn += taken;
        if ended {
            self.show_mode();
        } else {
            self.parts.source = Source::Cache(reader);
        }
    }

    /// Looks at what the backend handed out.
    fn take(&mut self, item: Scanned, out: &mut Vec<Entry>) {
        let record = match item {
            Scanned::Record(record) => record,
            Scanned::Damage(detail) => {
                return self.parts.check.expect_hole(GapReason::Corrupt, detail);
            }
            Scanned::Foreign(foreign) => return self.take_foreign(foreign, out),
            _ => {
                return self.fail(unreadable(
                    "the backend handed out what this version can't read",
                ));
            }
        };
        if self.switches_at(&record) {
            return;
        }
        if self.deliver(&record, out) {
            self.end_with(&record, out);
        }
    }

    /// The scan ends with this record.
    pub(super) fn end_with(&mut self, record: &StoredRecord, out: &mut Vec<Entry>) {
        if self.parts.until.is_tail(record) {
            self.tell_last_hole(out);
        }
        self.tell_last_foreign(out);
        self.end();
    }

    /// What is lost behind the newest record belongs to a scan that ends at the tail.
    fn tell_last_hole(&mut self, out: &mut Vec<Entry>) {
        while let Some(Scanned::Damage(detail)) = self.parts.pending.pop_front() {
            self.parts.check.expect_hole(GapReason::Corrupt, detail);
        }
        if let Some(gap) = self.parts.check.last_hole() {
            self.push(Entry::Gap(gap), out);
        }
    }

    /// Goes over to the cache where it has the record: what the backend has beyond may not be confirmed yet.
    fn switches_at(&mut self, record: &StoredRecord) -> bool {
        let Some(seq) = record.record.header.seq else {
            return false;
        };
        let Some((first, _)) = self.parts.log.cache.range() else {
            return false;
        };
        // Behind the end nothing is waited for: the cache may not have the record for long.
        if seq < first || self.parts.until.excludes(record) {
            return false;
        }
        let next = self.parts.check.expected.unwrap_or(seq);
        let Some(reader) = self.attach(next) else {
            return false;
        };
        self.parts.pending.clear();
        self.go_to(Source::Cache(reader));
        true
    }

    /// Sees to it that the readers' cache is fed again where its feed has ended, perhaps with its runtime.
    fn keep_following(&mut self) -> Result<()> {
        if self.parts.follow.as_ref().is_some_and(|it| it.has_ended()) {
            self.parts.follow = self.parts.log.follow()?;
        }
        Ok(())
    }

    pub(super) fn go_to(&mut self, source: Source) {
        self.parts.source = source;
        self.show_mode();
    }

    /// Whether the cache also knows what foreign records lie before the record with this seq. Where that is its first
    /// one it doesn't: they are read from the backend, up to that record. An owner's cache never knows.
    fn is_known(&self, next: Seq) -> bool {
        let owner = matches!(self.parts.log.role, Role::Owner { .. });
        let range = self.parts.log.cache.range();
        owner || range.is_some_and(|(first, _)| first < next)
    }

    /// A place in the cache, where the scan may read from it.
    fn attach(&self, next: Seq) -> Option<Reader> {
        let log = &self.parts.log;
        // The cache of a reader has no Barriers, so a scan that ends at one would not see its end there.
        let may = matches!(log.role, Role::Owner { .. }) || self.parts.follow.is_some();
        (may && !self.parts.foreign.is_raw())
            .then(|| Reader::attach(&log.cache, next))
            .flatten()
    }

    /// What to do when the source answers with an error: go on behind a loss, try again, or end.
    fn recover(&mut self, error: Error) {
        let outcome = if goes_on(self.parts.on_lost, error.kind()) {
            let detail = error.message().to_owned();
            self.parts.check.expect_hole(GapReason::Truncated, detail);
            // At once, unless it happens again before anything was read.
            let again = std::mem::replace(&mut self.lost, true);
            let pause = if again {
                self.pauses.pause()
            } else {
                Duration::ZERO
            };
            self.open(Start::Earliest, pause)
        } else if self.handle_is_gone(&error, self.closed) {
            self.closed = true;
            self.reopen(Duration::ZERO)
        } else if error.status() == Status::Temporary {
            let pause = self.pauses.pause();
            counter!(metric::SCAN_RETRY_TOTAL, "reader" => "own").increment(1);
            tracing::warn!(channel = %self.parts.log.channel.name, %error, ?pause, "reading again after a pause");
            self.reopen(pause)
        } else {
            Err(error)
        };
        if let Err(error) = outcome {
            self.fail(error);
        }
    }

    /// Whether only the handle that was read from has ended: its owner opened again after a failure. Where another handle
    /// ended `before` anything was read of it, it is the store that has.
    pub(super) fn handle_is_gone(&self, error: &Error, before: bool) -> bool {
        error.kind() == ErrorKind::Closed && !before && !self.parts.log.is_ended()
    }

    /// Opens the backend behind the last record seen.
    fn reopen(&mut self, pause: Duration) -> Result<()> {
        let last = self.parts.foreign.last_read(self.parts.check.last);
        let start = last.map_or(self.parts.start, Start::After);
        self.open(start, pause)
    }

    fn open(&mut self, start: Start, pause: Duration) -> Result<()> {
        let backend = self.parts.log.backend()?;
        self.parts.pending.clear();
        self.parts.proved = !self.parts.strict || self.parts.check.expected.is_some();
        let options = self.parts.options.clone();
        let strict = !self.parts.proved;
        self.go_to(Source::open(backend, start, options, strict, pause));
        Ok(())
    }
}
