//! A sound backend with one defect.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use walx_core::{
    BackendName, Bounds, Capability, ChannelName, Config, ErrorKind, MessageId, Properties, Record,
    Result,
};
use walx_impls::{
    Appending, Batch, Claim, FenceToken, OpenerBuilderImpls, OpenerImpls, RoWalImpls, ScanOptions,
    Scanned, ScannerImpls, Start, WalImpls,
};
use walx_utility::sync::lock;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Defect {
    None,
    ScanSkips,
    ScanRepeats,
    AtExcludes,
    AfterIncludes,
    JumpsOverTruncated,
    TruncatesNothing,
    AppendsAtFirstPoll,
    StoresHalfABatch,
    LosesProperties,
    NeverFences,
    ResumeTakesOver,
    ReadersCreate,
    ListsBackwards,
    CloseDoesNothing,
}

/// The newest writer of each channel, for a defect that lets older ones write through it.
type Newest = Arc<Mutex<HashMap<ChannelName, Arc<dyn WalImpls>>>>;

pub(crate) struct Broken {
    inner: Arc<dyn OpenerBuilderImpls>,
    defect: Defect,
    newest: Newest,
}

impl Broken {
    pub(crate) fn new(inner: impl OpenerBuilderImpls, defect: Defect) -> Self {
        Self {
            inner: Arc::new(inner),
            defect,
            newest: Newest::default(),
        }
    }
}

#[async_trait]
impl OpenerBuilderImpls for Broken {
    fn name(&self) -> BackendName {
        self.inner.name()
    }

    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>> {
        let inner = self.inner.build(config).await?;
        Ok(Arc::new(BrokenOpener {
            inner,
            defect: self.defect,
            newest: Arc::clone(&self.newest),
        }))
    }
}

struct BrokenOpener {
    inner: Arc<dyn OpenerImpls>,
    defect: Defect,
    newest: Newest,
}

#[async_trait]
impl OpenerImpls for BrokenOpener {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        let claim = if self.defect == Defect::ResumeTakesOver {
            Claim::TakeOver
        } else {
            claim
        };
        let inner = self.inner.open(channel, claim).await?;
        if self.defect == Defect::NeverFences {
            lock(&self.newest).insert(channel.clone(), Arc::clone(&inner));
        }
        Ok(Arc::new(BrokenWal {
            inner,
            defect: self.defect,
            newest: Arc::clone(&self.newest),
        }))
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        if self.defect == Defect::ReadersCreate && !self.inner.list().await?.contains(channel) {
            self.inner.open(channel, Claim::TakeOver).await?;
        }
        Ok(Arc::new(BrokenReader {
            inner: self.inner.open_read_only(channel).await?,
            defect: self.defect,
        }))
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        self.inner.truncate(channel, id).await
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        self.inner.bounds(channel).await
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        let mut list = self.inner.list().await?;
        if self.defect == Defect::ListsBackwards {
            list.reverse();
        }
        Ok(list)
    }

    async fn close(&self) -> Result<()> {
        // The old writers that go on keep the store open; the suite's next opener shares it.
        lock(&self.newest).clear();
        self.inner.close().await
    }
}

struct BrokenReader {
    inner: Arc<dyn RoWalImpls>,
    defect: Defect,
}

#[async_trait]
impl RoWalImpls for BrokenReader {
    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        scan(&*self.inner, self.defect, start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.inner.bounds().await
    }

    async fn close(&self) -> Result<()> {
        close(&*self.inner, self.defect).await
    }
}

struct BrokenWal {
    inner: Arc<dyn WalImpls>,
    defect: Defect,
    newest: Newest,
}

impl BrokenWal {
    fn writer(&self) -> Arc<dyn WalImpls> {
        let newest = lock(&self.newest);
        Arc::clone(newest.get(self.inner.channel()).unwrap_or(&self.inner))
    }
}

#[async_trait]
impl WalImpls for BrokenWal {
    fn append(&self, batch: Batch<Record>) -> Appending {
        let writer = self.writer();
        match (self.defect, batch) {
            (Defect::AppendsAtFirstPoll, batch) => {
                Appending::new(async move { writer.append(batch).await })
            }
            (Defect::StoresHalfABatch, Batch::Many(mut many)) if many.len() > 1 => {
                let left_out = many.pop();
                Appending::new(async move {
                    let mut ids = writer.append(Batch::Many(many)).await?.as_slice().to_vec();
                    ids.extend(left_out.and_then(|_| ids.last().copied()));
                    Ok(Batch::Many(ids))
                })
            }
            (Defect::LosesProperties, batch) => writer.append(batch.map(|record| Record {
                properties: Properties::default(),
                ..record
            })),
            (_, batch) => writer.append(batch),
        }
    }

    fn fence_token(&self) -> FenceToken {
        self.inner.fence_token()
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        match self.defect {
            Defect::TruncatesNothing => Ok(()),
            _ => self.writer().truncate(id).await,
        }
    }
}

#[async_trait]
impl RoWalImpls for BrokenWal {
    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        scan(&*self.inner, self.defect, start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.inner.bounds().await
    }

    async fn close(&self) -> Result<()> {
        close(&*self.inner, self.defect).await
    }
}

async fn close(wal: &dyn RoWalImpls, defect: Defect) -> Result<()> {
    match defect {
        Defect::CloseDoesNothing => Ok(()),
        _ => wal.close().await,
    }
}

async fn scan(
    wal: &dyn RoWalImpls,
    defect: Defect,
    start: Start,
    options: ScanOptions,
) -> Result<Box<dyn ScannerImpls>> {
    let start = match (defect, start) {
        (Defect::AtExcludes, Start::At(id)) => Start::After(id),
        (Defect::AfterIncludes, Start::After(id)) => Start::At(id),
        (_, start) => start,
    };
    let inner = match wal.scan(start, options.clone()).await {
        Err(error)
            if defect == Defect::JumpsOverTruncated
                && matches!(error.kind(), ErrorKind::PositionLost { .. }) =>
        {
            wal.scan(Start::Earliest, options).await?
        }
        scanner => scanner?,
    };
    Ok(Box::new(BrokenScanner {
        inner,
        defect,
        seen: 0,
    }))
}

struct BrokenScanner {
    inner: Box<dyn ScannerImpls>,
    defect: Defect,
    seen: usize,
}

impl ScannerImpls for BrokenScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        loop {
            let Poll::Ready(batch) = self.inner.poll_batch(context)? else {
                return Poll::Pending;
            };
            let mut out = Vec::new();
            for scanned in batch {
                self.seen += 1;
                let fourth = self.seen.is_multiple_of(4);
                if fourth && self.defect == Defect::ScanRepeats {
                    out.push(scanned.clone());
                }
                if !(fourth && self.defect == Defect::ScanSkips) {
                    out.push(scanned);
                }
            }
            if !out.is_empty() {
                return Poll::Ready(Ok(out));
            }
        }
    }
}
