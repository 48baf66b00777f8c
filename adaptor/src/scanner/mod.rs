//! The scan path: cache or backend, check, chunks, transactions, filter, hooks.

mod assembly;
mod check;
mod chunk;
mod confirmed;
mod deliver;
mod foreign;
mod joined;
mod log;
mod range;
mod read;
mod readback;
mod resume;
mod source;
mod spill;
mod start;
mod transaction;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use tracing::Span;
use walx_core::{
    ChannelName, Entry, Error, Gap, LostPolicy, Lsn, MessageId, Result, ResumeToken, ScanMode,
    Scanner, Stream,
};
use walx_impls::{ScanOptions, Scanned, Start};
use walx_utility::backoff::Backoff;

use self::assembly::Assembly;
use self::check::Check;
use self::foreign::Foreign;
use self::joined::Joined;
pub(crate) use self::log::Log;
use self::range::{From, Until};
use self::readback::ReadBack;
use self::source::Source;
pub(crate) use self::start::{check_ids, start};
use crate::fetch::{Follow, pauses};

/// Entries that the stream fetches at a time.
const STREAM_BATCH: usize = 256;

/// One reader of a channel.
pub(crate) struct ScannerAdaptor {
    parts: Parts,
    /// Entries that the stream has fetched and not yet handed out.
    ready: VecDeque<Entry>,
    /// Why the scan ends, once what is ready is handed out.
    failed: Option<Error>,
    token: Option<ResumeToken>,
    pauses: Backoff,
    /// Whether the start was lost, and nothing was read since.
    lost: bool,
    /// Whether the handle that it read from was closed, and nothing was read since.
    closed: bool,
    /// Records looked at since other tasks could run.
    turn: usize,
    /// Bytes of the entries that are being handed out.
    filled_bytes: usize,
    /// Messages of the entries that are being handed out.
    filled_messages: u64,
    /// From where it is known to read.
    shown: Option<ScanMode>,
    joined: Arc<Joined>,
    span: Span,
}

/// What a scan is made of.
struct Parts {
    log: Arc<Log>,
    source: Source,
    /// What the backend handed out and nobody has looked at.
    pending: VecDeque<Scanned>,
    check: Check,
    foreign: Foreign,
    /// Where the backend is opened again as long as no record was seen.
    start: Start,
    from: From,
    /// Whether a start that is no longer kept is a loss.
    strict: bool,
    /// Whether it is known that the start is still kept.
    proved: bool,
    /// The earliest record that was kept when the backend was opened: a source that starts behind it lacks nothing.
    earliest: Option<MessageId>,
    until: Until,
    on_lost: LostPolicy,
    assembly: Assembly,
    /// Reads what lies before the first record, where that needs it.
    back: Option<Box<ReadBack>>,
    options: ScanOptions,
    /// Keeps a reader's cache fed.
    follow: Option<Arc<Follow>>,
}

impl ScannerAdaptor {
    /// A scanner whose first message has this lsn, where that is known.
    fn new(parts: Parts, first: Lsn, span: Span) -> Self {
        let joined = parts.log.join(Joined::starting(first));
        let mut this = Self {
            parts,
            ready: VecDeque::new(),
            failed: None,
            token: None,
            pauses: pauses(),
            lost: false,
            closed: false,
            turn: 0,
            filled_bytes: 0,
            filled_messages: 0,
            shown: None,
            joined,
            span,
        };
        this.show_mode();
        this
    }

    /// A scan of nothing.
    fn ended(log: &Arc<Log>) -> Self {
        let parts = Parts {
            log: Arc::clone(log),
            source: Source::Ended,
            pending: VecDeque::new(),
            check: Check::default(),
            foreign: Foreign::default(),
            start: Start::Earliest,
            from: From::Source,
            strict: false,
            proved: true,
            earliest: None,
            until: Until {
                end: None,
                tail: None,
            },
            on_lost: LostPolicy::Error,
            assembly: Assembly::default(),
            back: None,
            options: ScanOptions::default(),
            follow: None,
        };
        Self::new(parts, Lsn::ZERO, Span::none())
    }

    /// Tells from where it reads.
    fn show_mode(&mut self) {
        let now = match self.parts.source {
            Source::Cache(_) => Some(ScanMode::Tailing),
            Source::Opening(_) | Source::Backend(_) => Some(ScanMode::CatchUp),
            Source::Ended => None,
        };
        if now != self.shown {
            self.joined.show_mode(now);
            self.parts.log.metrics.moved(self.shown, now);
            self.shown = now;
        }
    }

    /// Tells a hole before everything else.
    fn telling(mut self, gap: Option<Gap>) -> Self {
        let mut out = Vec::new();
        if let Some(gap) = gap {
            self.push(Entry::Gap(gap), &mut out);
        }
        self.ready = out.into();
        self
    }

    fn note(&mut self, token: Option<ResumeToken>) {
        self.token = token.or(self.token);
    }
}

impl Drop for ScannerAdaptor {
    fn drop(&mut self) {
        self.parts.log.metrics.moved(self.shown, None);
    }
}

#[async_trait]
impl Scanner for ScannerAdaptor {
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Entry>> {
        let max = max.max(1);
        let mut out: Vec<_> = self.ready.drain(..max.min(self.ready.len())).collect();
        if out.is_empty() {
            std::future::poll_fn(|context| self.poll_fill(context, max, &mut out)).await?;
            // A message behind a hole comes together with the gap.
            self.ready.extend(out.drain(max.min(out.len())..));
        }
        self.note(out.iter().rev().find_map(Entry::token));
        Ok(out)
    }

    fn channel(&self) -> &ChannelName {
        &self.parts.log.channel.name
    }

    fn mode(&self) -> ScanMode {
        match self.parts.source {
            Source::Cache(_) => ScanMode::Tailing,
            _ => ScanMode::CatchUp,
        }
    }

    fn token(&self) -> Option<ResumeToken> {
        self.token
    }
}

impl Stream for ScannerAdaptor {
    type Item = Result<Entry>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Entry>>> {
        let this = &mut *self;
        if this.ready.is_empty() {
            let mut out = Vec::new();
            match this.poll_fill(context, STREAM_BATCH, &mut out) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(Ok(())) => this.ready = out.into(),
            }
        }
        let entry = this.ready.pop_front();
        this.note(entry.as_ref().and_then(Entry::token));
        Poll::Ready(entry.map(Ok))
    }
}
