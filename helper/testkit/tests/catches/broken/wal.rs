use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use walx_core::{
    Bounds, Bytes, ChannelName, Error, ErrorKind, MessageId, Properties, Record, Result,
};
use walx_impls::{
    Appending, Batch, FenceToken, RoWalImpls, ScanOptions, ScannerImpls, Start, WalImpls,
};
use walx_utility::sync::lock;

use super::scanner::{BrokenScanner, Source};
use super::{Defect, Memory, beside};

pub(super) struct BrokenReader {
    pub(super) inner: Arc<dyn RoWalImpls>,
    pub(super) name: ChannelName,
    pub(super) defect: Defect,
    pub(super) memory: Arc<Mutex<Memory>>,
    /// The scanner that all of the handle share.
    pub(super) shared: Arc<Mutex<Option<Box<dyn ScannerImpls>>>>,
    pub(super) closed: Arc<AtomicBool>,
}

#[async_trait]
impl RoWalImpls for BrokenReader {
    fn channel(&self) -> &ChannelName {
        &self.name
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let own = |id: MessageId| MessageId::from_u64(self.inner_name(), id.to_u64().unwrap_or(0));
        let start = match (self.defect, start) {
            (Defect::AtExcludes, Start::At(id)) => Start::After(id),
            (Defect::AfterIncludes, Start::After(id)) => Start::At(id),
            (Defect::ForeignIdsAreTaken, Start::At(id)) => Start::At(own(id)),
            (Defect::ForeignIdsAreTaken, Start::After(id)) => Start::After(own(id)),
            (Defect::LastGivesTooFew, Start::Last(count)) => Start::Last(count.saturating_sub(1)),
            (_, start) => start,
        };
        let start = match (self.defect, start) {
            (Defect::CountsForeignRecords, Start::Last(count @ 1..)) => {
                let bounds = self.inner.bounds().await?;
                let last = bounds.foreign.or(bounds.newest);
                let back = i64::try_from(count).map_or(i64::MIN, |count| 1 - count);
                let first = last.map(|last| beside(last, back));
                let kept = first.filter(|it| Some(*it) > bounds.earliest && Some(*it) < last);
                kept.map_or(start, Start::At)
            }
            (_, start) => start,
        };
        if let (Defect::LosesWhoHasSeenEverything, Start::After(_)) = (self.defect, start) {
            let bounds = self.inner.bounds().await?;
            if bounds.earliest.is_none() && bounds.newest.is_some() {
                let kind = ErrorKind::PositionLost { earliest: None };
                return Err(Error::new(kind, "everything is gone"));
            }
        }
        let options = match self.defect {
            Defect::ScanIgnoresReadAhead => ScanOptions::new(usize::MAX),
            _ => options,
        };
        let scanner =
            |source| BrokenScanner::new(source, self.defect, start, Arc::clone(&self.closed));
        if self.defect == Defect::LatestIsFoundAtTheFirstPoll && start == Start::Last(0) {
            let inner = Arc::clone(&self.inner);
            return Ok(Box::new(scanner(Source::Later(inner, options))));
        }
        let inner = match self.inner.scan(start, options.clone()).await {
            Err(error)
                if self.defect == Defect::JumpsOverTruncated
                    && matches!(error.kind(), ErrorKind::PositionLost { .. }) =>
            {
                self.inner.scan(Start::Earliest, options).await?
            }
            Err(error)
                if self.defect == Defect::ScanEndsAtATruncationWithoutAReason
                    && matches!(error.kind(), ErrorKind::PositionLost { .. }) =>
            {
                self.inner.scan(Start::Last(0), options).await?
            }
            scanner => self.defect.tells(scanner)?,
        };
        if self.defect == Defect::ScannersOfAHandleShareAPlace {
            lock(&self.shared).get_or_insert(inner);
            return Ok(Box::new(scanner(Source::Shared(Arc::clone(&self.shared)))));
        }
        Ok(Box::new(scanner(Source::Own(inner))))
    }

    async fn bounds(&self) -> Result<Bounds> {
        let answer = self.defect.tells(self.inner.bounds().await)?;
        Ok(bounds(self.defect, answer))
    }

    async fn close(&self) -> Result<()> {
        let again = self.closed.swap(true, Ordering::SeqCst);
        match self.defect {
            Defect::CloseDoesNothing => return Ok(()),
            Defect::ClosingTwiceFails if again => {
                return Err(Error::new(ErrorKind::Closed, "it was closed before"));
            }
            Defect::AReadersCloseClosesAll => {
                let all = lock(&self.memory).handles.remove(&self.name);
                for handle in all.into_iter().flatten() {
                    handle.close().await?;
                }
            }
            _ => {}
        }
        self.inner.close().await
    }
}

impl BrokenReader {
    fn inner_name(&self) -> walx_core::BackendName {
        walx_memory::NAME
    }
}

pub(super) fn bounds(defect: Defect, bounds: Bounds) -> Bounds {
    match defect {
        Defect::NewestIsBehind => {
            Bounds::new(bounds.earliest, bounds.newest.map(|id| beside(id, -1)))
        }
        Defect::EarliestIsAhead => Bounds::new(bounds.newest, bounds.newest),
        Defect::ForeignRecordsAreBounds => {
            Bounds::new(bounds.earliest, bounds.foreign.or(bounds.newest))
        }
        Defect::BoundsForgetWhatWasTruncated if bounds.earliest.is_none() => Bounds::default(),
        _ => bounds,
    }
}

pub(super) struct BrokenWal {
    inner: Arc<dyn WalImpls>,
    reader: BrokenReader,
    /// What is answered, or waits for the next call, and not stored.
    held: Mutex<Option<Batch<Record>>>,
}

impl BrokenWal {
    pub(super) fn new(inner: Arc<dyn WalImpls>, reader: BrokenReader) -> Self {
        Self {
            inner,
            reader,
            held: Mutex::default(),
        }
    }

    fn defect(&self) -> Defect {
        self.reader.defect
    }

    fn writer(&self) -> Arc<dyn WalImpls> {
        let memory = lock(&self.reader.memory);
        Arc::clone(
            memory
                .writers
                .get(self.inner.channel())
                .unwrap_or(&self.inner),
        )
    }

    fn stored(&self, mut record: Record) -> Record {
        match self.defect() {
            Defect::LosesProperties => record.properties = Properties::default(),
            Defect::ReversesProperties => {
                let mut all: Vec<_> = record
                    .properties
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value.clone()))
                    .collect();
                all.reverse();
                record.properties = Properties::default();
                all.into_iter()
                    .for_each(|(name, value)| record.properties.push(name, value));
            }
            Defect::TakesValuesForText => {
                let text = |value: &Bytes| Bytes::from(String::from_utf8_lossy(value).into_owned());
                let all: Vec<_> = record
                    .properties
                    .iter()
                    .map(|(name, value)| (name.to_owned(), text(value)))
                    .collect();
                record.properties = Properties::default();
                all.into_iter()
                    .for_each(|(name, value)| record.properties.push(name, value));
            }
            Defect::CutsLongPayloads => record.payload.truncate(1 << 16),
            Defect::ForgetsTheKey => record.header.idempotency_key = None,
            Defect::HasNoLimit if record.payload.len() > 1 << 20 => record.payload.truncate(10),
            _ => {}
        }
        record
    }

    fn counts(&self, batch: &Batch<Record>) -> (u64, u64) {
        let mut memory = lock(&self.reader.memory);
        memory.appends += 1;
        let appends = memory.appends;
        let (count, newest) = memory
            .records
            .entry(self.inner.channel().clone())
            .or_default();
        let first = *count;
        *count += batch.len() as u64;
        *newest = batch.as_slice().last().cloned();
        (first, appends)
    }
}

fn answer(
    of: Appending,
    change: impl FnOnce(Batch<MessageId>) -> Batch<MessageId> + Send + 'static,
) -> Appending {
    Appending::new(async move { of.await.map(change) })
}

#[async_trait]
impl WalImpls for BrokenWal {
    fn append(&self, batch: Batch<Record>) -> Appending {
        let (writer, defect) = (self.writer(), self.defect());
        let (first, appends) = self.counts(&batch);
        let batch = batch.map(|record| self.stored(record));
        match (defect, batch) {
            (Defect::AppendsAtFirstPoll, batch) => {
                Appending::new(async move { writer.append(batch).await })
            }
            (Defect::StoresHalfABatch, Batch::Many(mut many)) if many.len() > 1 => {
                many.pop();
                answer(writer.append(Batch::Many(many)), |ids| {
                    let mut ids = ids.as_slice().to_vec();
                    ids.extend(ids.last().copied());
                    Batch::Many(ids)
                })
            }
            (Defect::AnswersOneIdForABatch, batch) => {
                answer(writer.append(batch), |ids| Batch::One(ids.as_slice()[0]))
            }
            (Defect::AnswersTheIdBefore, batch) => {
                answer(writer.append(batch), |ids| ids.map(|id| beside(id, -1)))
            }
            (Defect::CountsInTwoBytes, batch) => answer(writer.append(batch), |ids| {
                ids.map(|id| {
                    MessageId::from_u64(walx_memory::NAME, id.to_u64().unwrap_or(0) & 0xffff)
                })
            }),
            (Defect::CutsLargeBatches, Batch::Many(mut many)) if many.len() > 5000 => {
                let ids = (first..).take(many.len());
                let ids = ids.map(|at| MessageId::from_u64(walx_memory::NAME, at));
                let ids = Batch::Many(ids.collect());
                many.truncate(5000);
                answer(writer.append(Batch::Many(many)), |_| ids)
            }
            // Every other append waits for the next one, which goes first, or for its future.
            (Defect::ReordersTwoAppends, batch) => {
                let held = lock(&self.held).take();
                match held {
                    Some(held) => {
                        let second = writer.append(batch);
                        drop(writer.append(held));
                        second
                    }
                    None if appends.is_multiple_of(5) => {
                        *lock(&self.held) = Some(batch);
                        let ids = (first..)
                            .take(1)
                            .map(|at| MessageId::from_u64(walx_memory::NAME, at));
                        Appending::ready(Ok(Batch::Many(ids.collect())))
                    }
                    None => writer.append(batch),
                }
            }
            (Defect::LosesTheNewestAtAClose, batch) => {
                let ids = batch.as_slice().iter().zip(first..);
                let ids = ids
                    .map(|(_, at)| MessageId::from_u64(walx_memory::NAME, at))
                    .collect();
                if let Some(held) = lock(&self.held).replace(batch) {
                    drop(writer.append(held));
                }
                Appending::ready(Ok(Batch::Many(ids)))
            }
            (Defect::GoesOnAfterAFailure, _) if appends.is_multiple_of(13) => {
                let text = "every thirteenth append fails";
                Appending::ready(Err(Error::new(ErrorKind::OutcomeUnknown, text)))
            }
            (
                Defect::FencedIsUnavailable
                | Defect::ClosedIsUnavailable
                | Defect::LimitIsAnotherError,
                batch,
            ) => {
                let appending = writer.append(batch);
                Appending::new(async move { defect.tells(appending.await) })
            }
            (_, batch) => writer.append(batch),
        }
    }

    fn fence_token(&self) -> FenceToken {
        match self.defect() {
            Defect::TokensAreEqual => FenceToken::from_u64(7),
            _ => self.inner.fence_token(),
        }
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        let answer = match self.defect() {
            Defect::TruncatesNothing => return Ok(()),
            Defect::TruncatesOneTooMany => match self.inner.truncate(beside(id, 1)).await {
                Ok(()) => return Ok(()),
                Err(_) => self.inner.truncate(id).await,
            },
            Defect::TruncatesOneTooFew => self.writer().truncate(beside(id, -1)).await,
            Defect::TruncatingAgainFails if self.inner.bounds().await?.earliest > Some(id) => {
                Err(Error::new(ErrorKind::NotFound, "it is gone"))
            }
            _ => self.defect().tells(self.writer().truncate(id).await),
        };
        match (self.defect(), &answer) {
            (Defect::OlderWritersTruncate, Err(error)) if error.kind() == ErrorKind::Fenced => {
                Ok(())
            }
            (Defect::TruncatesBeyondTheTail, Err(error))
                if error.kind() == ErrorKind::InvalidInput =>
            {
                Ok(())
            }
            _ => answer,
        }
    }
}

#[async_trait]
impl RoWalImpls for BrokenWal {
    fn channel(&self) -> &ChannelName {
        self.reader.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        // Whoever reads sees what was answered, until the writer ends.
        let held = lock(&self.held).take();
        if let Some(held) = held {
            drop(self.inner.append(held));
        }
        self.reader.scan(start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.reader.bounds().await
    }

    async fn close(&self) -> Result<()> {
        if self.defect() == Defect::CloseHangs {
            std::future::pending::<()>().await;
        }
        self.reader.close().await
    }
}
