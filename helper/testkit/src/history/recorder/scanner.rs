use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use walx_core::{
    ChannelName, Entry, Error, PlacedMessage, PlacedTransaction, Result, ResumeToken, ScanMode,
    Scanner, Stream,
};

use super::{Recorder, stamp};
use crate::history::event::{EventId, Failed, ScanEnd, What};

/// A scanner whose entries are recorded as they are handed out.
pub(super) struct RecordedScanner {
    recorder: Recorder,
    scan: EventId,
    inner: Box<dyn Scanner>,
    has_ended: bool,
}

impl RecordedScanner {
    pub(super) fn new(recorder: Recorder, scan: EventId, inner: Box<dyn Scanner>) -> Self {
        Self {
            recorder,
            scan,
            inner,
            has_ended: false,
        }
    }

    /// Puts an entry down, and gives it back as its user handed it in.
    fn delivered(&mut self, mut entry: Entry) -> Result<Entry> {
        let scan = self.scan;
        match &mut entry {
            Entry::Message(it) => self.message(it)?,
            Entry::Transaction(it) => self.transaction(it)?,
            Entry::Marker(it) => self.call(What::Marked {
                scan,
                place: it.place,
                kind: it.kind,
                transaction: it.transaction,
            })?,
            Entry::Gap(gap) => self.call(What::Gap {
                scan,
                reason: gap.reason,
                lsns: gap.lsns,
            })?,
            // A kind of entry that a later walx adds is none of this version's checks.
            _ => {}
        }
        Ok(entry)
    }

    fn message(&mut self, it: &mut PlacedMessage) -> Result<()> {
        let key = stamp::unstamp(&mut it.message);
        self.call(What::Delivered {
            scan: self.scan,
            key,
            place: it.place,
            digest: stamp::digest(&it.message),
            transaction: it.transaction,
        })
    }

    /// The transaction's own event, then those of its messages, which are all kept in memory.
    fn transaction(&mut self, it: &mut PlacedTransaction) -> Result<()> {
        self.call(What::Committed {
            scan: self.scan,
            place: it.place,
            transaction: it.id,
            count: it.count() as u64,
        })?;
        let mut bodies = Vec::with_capacity(it.count());
        for body in it.messages() {
            let mut body = body.inspect_err(|error| self.end(Err(error)))?;
            self.message(&mut body)?;
            bodies.push(body);
        }
        let token = it.token();
        let stream = it.virtual_channel.take();
        *it = PlacedTransaction::new(it.place, it.id, bodies, token.last(), token.oldest_open())
            .with_virtual_channel(stream);
        Ok(())
    }

    fn call(&mut self, what: What) -> Result<()> {
        let put = self.recorder.call(what).map(drop);
        put.inspect_err(|error| self.end(Err(error)))
    }

    fn end(&mut self, end: std::result::Result<(), &Error>) {
        if !std::mem::replace(&mut self.has_ended, true) {
            let end = match end {
                Ok(()) => ScanEnd::Reached,
                Err(error) => ScanEnd::Failed(Failed::from(error)),
            };
            let scan = self.scan;
            self.recorder.put(What::ScanEnded { scan, end });
        }
    }
}

impl Stream for RecordedScanner {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut *self.inner).poll_next(context);
        polled.map(|item| match item {
            Some(Ok(entry)) => Some(self.delivered(entry)),
            Some(Err(error)) => {
                self.end(Err(&error));
                Some(Err(error))
            }
            None => {
                self.end(Ok(()));
                None
            }
        })
    }
}

#[async_trait]
impl Scanner for RecordedScanner {
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Entry>> {
        match self.inner.next_batch(max).await {
            Ok(batch) => {
                if batch.is_empty() && max > 0 {
                    self.end(Ok(()));
                }
                batch
                    .into_iter()
                    .map(|entry| self.delivered(entry))
                    .collect()
            }
            Err(error) => {
                self.end(Err(&error));
                Err(error)
            }
        }
    }

    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    fn mode(&self) -> ScanMode {
        self.inner.mode()
    }

    fn token(&self) -> Option<ResumeToken> {
        self.inner.token()
    }
}

impl Drop for RecordedScanner {
    fn drop(&mut self) {
        if !self.has_ended {
            let (scan, end) = (self.scan, ScanEnd::Dropped);
            self.recorder.put(What::ScanEnded { scan, end });
        }
    }
}
