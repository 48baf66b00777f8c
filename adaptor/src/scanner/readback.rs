//! Reads what lies before the first record of a scan, where that record says that something it needs lies there: the
//! first chunks of its message, or the messages of the transactions that are open with it. What is read goes to the
//! assemblies only.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use walx_core::{BoxFuture, Entry, Error, ErrorKind, GapReason, MessageId, Result, Seq, Status};
use walx_impls::{RoWalImpls, ScanOptions, Scanned, ScannerImpls, Start, StoredRecord};
use walx_utility::clock;

use super::ScannerAdaptor;
use super::check::{Check, Seen};
use super::deliver::unreadable;
use crate::handle::closed;
use crate::look::{look, next_batch};

/// Records without a seq, and doubles, that are expected at first among those that are counted back from the tail.
const SLACK: u64 = 16;
/// By what that grows.
const GROWTH: u64 = 4;

/// What is read before a record.
pub(super) struct ReadBack {
    /// The first seq that is needed.
    from: Seq,
    first: StoredRecord,
    /// Whether it stands before the start of the scan.
    before: bool,
    /// Whether the scan ends with it.
    ends: bool,
    check: Check,
    source: Source,
    /// Whether what is needed was truncated meanwhile, and nothing was read since.
    lost: bool,
    /// Whether the handle that it read from was closed, and nothing was read since.
    closed: bool,
}

/// A backend's scanner, and what it has handed out already.
type Opened = (Box<dyn ScannerImpls>, Vec<Scanned>);

enum Source {
    Opening(BoxFuture<Result<Opened>>),
    Backend(Box<dyn ScannerImpls>),
}

impl ScannerAdaptor {
    /// Begins to read back where the first record of the scan needs it.
    pub(super) fn must_read_back(
        &mut self,
        first: &StoredRecord,
        before: bool,
        ends: bool,
    ) -> bool {
        let header = &first.record.header;
        let Some(from) = self.parts.assembly.needs(header) else {
            if let Some(seq) = header.seq {
                self.parts.assembly.starts_at(seq);
            }
            self.parts.assembly.prime();
            return false;
        };
        self.parts.assembly.clear();
        match self.search(from, first.id, Duration::ZERO) {
            Ok(source) => {
                let back = ReadBack {
                    from,
                    first: first.clone(),
                    before,
                    ends,
                    check: Check::default(),
                    source,
                    lost: false,
                    closed: false,
                };
                self.parts.back = Some(Box::new(back));
            }
            Err(error) => self.fail(error),
        }
        true
    }

    /// One step of it.
    pub(super) fn poll_back(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<Entry>,
    ) -> Poll<()> {
        let Some(mut back) = self.parts.back.take() else {
            return Poll::Ready(());
        };
        let ending = self.joined.ending.poll_take(context);
        if ending.is_ready() || self.parts.log.is_ended() {
            self.fail(closed());
            return Poll::Ready(());
        }
        let polled = match &mut back.source {
            Source::Opening(opening) => {
                let opened = opening.as_mut().poll(context);
                opened.map_ok(|(scanner, read)| (Some(scanner), read))
            }
            Source::Backend(scanner) => scanner.poll_batch(context).map_ok(|batch| (None, batch)),
        };
        let read = match polled {
            Poll::Pending => {
                self.parts.back = Some(back);
                return Poll::Pending;
            }
            Poll::Ready(Ok((opened, batch))) => {
                if let Some(scanner) = opened {
                    back.source = Source::Backend(scanner);
                }
                self.feed(&mut back, batch)
            }
            Poll::Ready(Err(error)) => self.read_back_again(&mut back, error).map(|()| false),
        };
        match read {
            Ok(false) => self.parts.back = Some(back),
            Ok(true) => self.go_on(*back, out),
            Err(error) => self.fail(error),
        }
        Poll::Ready(())
    }

    /// Puts together what was read; `true` once all that lies before the first record was.
    fn feed(&mut self, back: &mut ReadBack, batch: Vec<Scanned>) -> Result<bool> {
        self.pauses.reset();
        (back.lost, back.closed) = (false, false);
        self.turn += batch.len();
        for item in batch {
            let record = match item {
                Scanned::Record(record) => record,
                Scanned::Damage(detail) => {
                    back.check.expect_hole(GapReason::Corrupt, detail);
                    continue;
                }
                // The scan starts behind it.
                Scanned::Foreign(_) => continue,
                _ => {
                    return Err(unreadable(
                        "the backend handed out what this version can't read",
                    ));
                }
            };
            if record.id >= back.first.id {
                return Ok(true);
            }
            let seq = record.record.header.seq;
            if self.sees(&mut back.check, &record)
                && let Some(seq) = seq.filter(|seq| *seq >= back.from)
            {
                self.parts.assembly.starts_at(seq);
                self.parts.assembly.add(&record)?;
            }
        }
        Ok(false)
    }

    /// Whether a record is the next one; takes note of a hole before it.
    fn sees(&mut self, check: &mut Check, record: &StoredRecord) -> bool {
        let seen = check.see(record);
        if let Seen::Behind(gap) = &seen {
            self.parts.assembly.behind(gap, &record.record.header);
        }
        matches!(seen, Seen::Next | Seen::Behind(_))
    }

    /// Delivers the first record.
    fn go_on(&mut self, mut back: ReadBack, out: &mut Vec<Entry>) {
        let first = &back.first;
        self.sees(&mut back.check, first);
        if let Some(seq) = first.record.header.seq {
            self.parts.assembly.starts_at(seq);
        }
        self.parts.assembly.prime();
        self.assemble(first, back.before, out);
        if back.ends {
            self.end_with(first, out);
        }
    }

    /// Reads on after an error: behind what was read, or from the earliest record where that is gone meanwhile.
    fn read_back_again(&mut self, back: &mut ReadBack, error: Error) -> Result<()> {
        let lost = matches!(error.kind(), ErrorKind::PositionLost { .. });
        let gone = self.handle_is_gone(&error, back.closed);
        if !lost && !gone && error.status() != Status::Temporary {
            return Err(error);
        }
        back.closed |= gone;
        let at_once = gone || (lost && !std::mem::replace(&mut back.lost, true));
        let pause = match at_once {
            true => Duration::ZERO,
            false => self.pauses.pause(),
        };
        back.source = match back.check.last {
            Some(_) if lost => {
                let detail = error.message().to_owned();
                back.check.expect_hole(GapReason::Truncated, detail);
                self.read_from(Start::Earliest, pause)?
            }
            Some(last) => self.read_from(Start::After(last), pause)?,
            None => self.search(back.from, back.first.id, pause)?,
        };
        Ok(())
    }

    fn search(&self, from: Seq, first: MessageId, pause: Duration) -> Result<Source> {
        let (backend, options) = (self.parts.log.backend()?, self.parts.options.clone());
        Ok(Source::Opening(Box::pin(async move {
            wait(pause).await;
            search(backend, from, first, options).await
        })))
    }

    fn read_from(&self, start: Start, pause: Duration) -> Result<Source> {
        let (backend, options) = (self.parts.log.backend()?, self.parts.options.clone());
        Ok(Source::Opening(Box::pin(async move {
            wait(pause).await;
            Ok((backend.scan(start, options).await?, Vec::new()))
        })))
    }
}

async fn wait(pause: Duration) {
    if !pause.is_zero() {
        clock::sleep(pause).await;
    }
}

/// Opens a scanner at or before the record with this seq, or else at the earliest one: counted back from the tail, and
/// further back where records that have no seq lie between.
async fn search(
    backend: Arc<dyn RoWalImpls>,
    from: Seq,
    first: MessageId,
    options: ScanOptions,
) -> Result<Opened> {
    let newest = look(backend.as_ref()).await?.numbered;
    let newest = newest.and_then(|it| it.record.header.seq).unwrap_or(from);
    let mut slack = SLACK;
    let mut depth = newest.get().saturating_sub(from.get()) + slack;
    loop {
        let mut scanner = backend.scan(Start::Last(depth), options.clone()).await?;
        let mut read = Vec::new();
        let (id, seq) = loop {
            let batch = next_batch(scanner.as_mut()).await?;
            // Of foreign records there may be many.
            read.extend(
                batch
                    .into_iter()
                    .filter(|it| !matches!(it, Scanned::Foreign(_))),
            );
            let mut records = read.iter().filter_map(|item| match item {
                Scanned::Record(record) => Some(record),
                _ => None,
            });
            let id = records.clone().next().map(|it| it.id);
            let known = records.find(|it| it.record.header.seq.is_some() || it.id >= first);
            if let (Some(id), Some(known)) = (id, known) {
                break (id, known.record.header.seq);
            }
        };
        if seq.is_some_and(|seq| seq <= from) {
            return Ok((scanner, read));
        }
        // Asked afterwards: a truncation between the two can't hide that there is more.
        let earliest = backend.bounds().await?.earliest;
        if earliest.is_none_or(|earliest| id <= earliest) {
            return Ok((scanner, read));
        }
        slack = slack.saturating_mul(GROWTH);
        let missing = seq.map_or(0, |seq| seq.get() - from.get());
        depth = depth.saturating_add(missing).saturating_add(slack);
    }
}
