//! The backend level's reader: one scanner, with a deadline for each record.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::FutureExt;
use walx_core::{Error, ErrorKind, ForeignRecord, MessageId};
use walx_impls::{RoWalImpls, ScanOptions, Scanned, ScannerImpls, Start, StoredRecord};
use walx_utility::clock;

use crate::case::ensure;
use crate::{Failure, Outcome};

/// How long the next record may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A scanner whose ids are checked as they come.
pub(crate) struct Reading {
    scanner: Box<dyn ScannerImpls>,
    ready: VecDeque<StoredRecord>,
    last: Option<MessageId>,
    ended: Option<ErrorKind>,
    largest_batch: usize,
    /// The foreign records so far, where they are expected.
    foreign: Option<Vec<ForeignRecord>>,
}

impl Reading {
    pub(crate) async fn start(wal: &dyn RoWalImpls, start: Start) -> Outcome<Self> {
        Self::with(wal, start, ScanOptions::default()).await
    }

    pub(crate) async fn with(
        wal: &dyn RoWalImpls,
        start: Start,
        options: ScanOptions,
    ) -> Outcome<Self> {
        let scanner = wal.scan(start, options).await?;
        Ok(Self {
            scanner,
            ready: VecDeque::new(),
            last: None,
            ended: None,
            largest_batch: 0,
            foreign: None,
        })
    }

    /// As [`start`](Self::start), where somebody else writes as well.
    pub(crate) async fn among_foreign(wal: &dyn RoWalImpls, start: Start) -> Outcome<Self> {
        let foreign = Some(Vec::new());
        Ok(Self {
            foreign,
            ..Self::start(wal, start).await?
        })
    }

    /// The foreign records that came so far.
    pub(crate) fn foreign(&self) -> &[ForeignRecord] {
        self.foreign.as_deref().unwrap_or_default()
    }

    /// Reads until so many of them came.
    pub(crate) async fn up_to_foreign(&mut self, count: usize) -> Outcome {
        while self.foreign().len() < count {
            let batch = woken(poll(&mut *self.scanner)).await;
            let read = self.foreign().len();
            let batch = batch.ok_or_else(|| {
                Failure::new(format!("no foreign record comes behind {read} of them"))
            })?;
            self.keep(batch?)?;
        }
        Ok(())
    }

    /// As what the scanner ended in [`next`](Self::next), if it did.
    pub(crate) fn ended(&self) -> Option<ErrorKind> {
        self.ended
    }

    /// The bytes of the largest batch so far.
    pub(crate) fn largest_batch(&self) -> usize {
        self.largest_batch
    }

    /// The next record.
    pub(crate) async fn next(&mut self) -> Outcome<StoredRecord> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                return Ok(record);
            }
            let batch = woken(poll(&mut *self.scanner)).await;
            let batch = batch
                .ok_or_else(|| Failure::new(format!("no record comes behind {:?}", self.last)))?;
            self.ended = batch.as_ref().err().map(Error::kind);
            self.keep(batch?)?;
        }
    }

    /// The next records up to and including this one.
    pub(crate) async fn up_to(&mut self, id: MessageId) -> Outcome<Vec<StoredRecord>> {
        let mut records = Vec::new();
        loop {
            let record = self.next().await?;
            let (here, read) = (record.id, records.len());
            ensure!(
                here <= id,
                "behind {read} records comes {here}, and {id} never came"
            );
            records.push(record);
            if here == id {
                return Ok(records);
            }
        }
    }

    /// Nothing is there that would come at once.
    pub(crate) fn is_silent(&mut self) -> Outcome {
        let now = poll(&mut *self.scanner).now_or_never();
        if let Some(batch) = now {
            self.keep(batch?)?;
        }
        match self.ready.front() {
            None => Ok(()),
            Some(record) => Err(Failure::new(format!(
                "a record comes where nothing is to come: {record:?}"
            ))),
        }
    }

    /// Why the scanner ends.
    pub(crate) async fn end(self) -> Outcome<Error> {
        self.rest().await.1
    }

    /// What comes before the scanner ends, and why it does.
    pub(crate) async fn rest(mut self) -> (Vec<StoredRecord>, Outcome<Error>) {
        let end = loop {
            match woken(poll(&mut *self.scanner)).await {
                Some(Ok(batch)) => {
                    if let Err(failure) = self.keep(batch) {
                        break Err(failure);
                    }
                }
                Some(Err(error)) => break Ok(error),
                None => break Err(Failure::new("the scanner waits on, and must end")),
            }
        };
        (self.ready.into(), end)
    }

    fn keep(&mut self, batch: Vec<Scanned>) -> Outcome {
        ensure!(
            !batch.is_empty(),
            "the scanner hands out an empty batch; it must wait"
        );
        let mut bytes = 0;
        for scanned in batch {
            let id = match &scanned {
                Scanned::Record(record) => record.id,
                Scanned::Foreign(it) if self.foreign.is_some() => it.id,
                _ => {
                    return Err(Failure::new(format!(
                        "the scanner reports what is not in the log: {scanned:?}"
                    )));
                }
            };
            let last = self.last.replace(id);
            ensure!(
                last.is_none_or(|last| last < id),
                "ids must ascend: {id} comes behind {last:?}"
            );
            match scanned {
                Scanned::Record(record) => {
                    bytes += record.record.bytes();
                    self.ready.push_back(record);
                }
                Scanned::Foreign(it) => {
                    bytes += it.bytes();
                    self.foreign.get_or_insert_default().push(it);
                }
                _ => {}
            }
        }
        self.largest_batch = self.largest_batch.max(bytes);
        Ok(())
    }
}

/// The answer of one who is woken in time. The end of the patience wakes as well, and a last look may then find what
/// nobody told of: that is no answer.
async fn woken<T>(answer: impl Future<Output = T>) -> Option<T> {
    let begin = clock::now();
    let answer = clock::timeout(PATIENCE, answer).await.ok();
    answer.filter(|_| begin.elapsed() < PATIENCE)
}

async fn poll(scanner: &mut dyn ScannerImpls) -> walx_core::Result<Vec<Scanned>> {
    std::future::poll_fn(|context| scanner.poll_batch(context)).await
}

/// What a new scanner delivers, up to and including `last`.
pub(crate) async fn read(
    wal: &dyn RoWalImpls,
    start: Start,
    last: MessageId,
) -> Outcome<Vec<StoredRecord>> {
    Reading::start(wal, start).await?.up_to(last).await
}
