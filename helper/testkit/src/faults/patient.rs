//! A user who makes a call again that failed by a fault which passes, and starts a scan again behind the last record.

use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use walx_core::{
    BackendName, Bounds, BoxFuture, Capability, ChannelName, Config, MessageId, Record, Result,
};
use walx_impls::{
    Appending, Batch, Claim, FenceToken, Maintenance, OpenerBuilderImpls, OpenerImpls, RoWalImpls,
    ScanOptions, Scanned, ScannerImpls, Start, WalImpls,
};
use walx_utility::clock;

use super::line::passes;

const PAUSE: Duration = Duration::from_millis(1);

/// Makes the call until it doesn't fail by a fault that passes. Outages are short, so it ends.
macro_rules! patiently {
    ($call:expr) => {
        loop {
            match $call.await {
                Err(error) if passes(&error) => clock::sleep(PAUSE).await,
                answer => break answer,
            }
        }
    };
}

/// A backend for one who waits: cases of the backend level see through the faults of a plan that pass.
pub(crate) struct Patient(pub(crate) Arc<dyn OpenerBuilderImpls>);

#[async_trait]
impl OpenerBuilderImpls for Patient {
    fn name(&self) -> BackendName {
        self.0.name()
    }

    fn capability(&self) -> Capability {
        self.0.capability()
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>> {
        Ok(Arc::new(PatientOpener(self.0.build(config).await?)))
    }
}

struct PatientOpener(Arc<dyn OpenerImpls>);

#[async_trait]
impl OpenerImpls for PatientOpener {
    fn capability(&self) -> Capability {
        self.0.capability()
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        let inner = patiently!(self.0.open(channel, claim.clone()))?;
        let read = PatientRoWal(Arc::clone(&inner) as _);
        Ok(Arc::new(PatientWal { inner, read }))
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        let inner = patiently!(self.0.open_read_only(channel))?;
        Ok(Arc::new(PatientRoWal(inner)))
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        patiently!(self.0.truncate(channel, id))
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        patiently!(self.0.bounds(channel))
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        patiently!(self.0.list())
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        self.0.maintenance()
    }

    fn identity(&self) -> Option<String> {
        self.0.identity()
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

struct PatientRoWal(Arc<dyn RoWalImpls>);

#[async_trait]
impl RoWalImpls for PatientRoWal {
    fn channel(&self) -> &ChannelName {
        self.0.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let inner = patiently!(self.0.scan(start, options.clone()))?;
        Ok(Box::new(PatientScanner {
            // A scanner doesn't keep its handle alive.
            wal: Arc::downgrade(&self.0),
            source: Source::Reads(inner),
            start,
            options,
        }))
    }

    async fn bounds(&self) -> Result<Bounds> {
        patiently!(self.0.bounds())
    }

    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

struct PatientWal {
    inner: Arc<dyn WalImpls>,
    read: PatientRoWal,
}

#[async_trait]
impl WalImpls for PatientWal {
    fn append(&self, batch: Batch<Record>) -> Appending {
        self.inner.append(batch)
    }

    fn fence_token(&self) -> FenceToken {
        self.inner.fence_token()
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        patiently!(self.inner.truncate(id))
    }
}

#[async_trait]
impl RoWalImpls for PatientWal {
    fn channel(&self) -> &ChannelName {
        self.read.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        self.read.scan(start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.read.bounds().await
    }

    async fn close(&self) -> Result<()> {
        self.read.close().await
    }
}

struct PatientScanner {
    wal: Weak<dyn RoWalImpls>,
    source: Source,
    /// Where it goes on if it is started again.
    start: Start,
    options: ScanOptions,
}

enum Source {
    Reads(Box<dyn ScannerImpls>),
    Starts(BoxFuture<Result<Box<dyn ScannerImpls>>>),
}

impl PatientScanner {
    fn start_again(&self, wal: Arc<dyn RoWalImpls>) -> Source {
        let (start, options) = (self.start, self.options.clone());
        Source::Starts(Box::pin(async move {
            patiently!(wal.scan(start, options.clone()))
        }))
    }
}

impl ScannerImpls for PatientScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        loop {
            let batch = match &mut self.source {
                Source::Reads(scanner) => std::task::ready!(scanner.poll_batch(context)),
                Source::Starts(starting) => {
                    let scanner = std::task::ready!(starting.as_mut().poll(context))?;
                    self.source = Source::Reads(scanner);
                    continue;
                }
            };
            let error = match batch {
                Err(error) if passes(&error) => error,
                batch => {
                    let last = batch
                        .iter()
                        .flatten()
                        .rev()
                        .find_map(|scanned| match scanned {
                            Scanned::Record(record) => Some(record.id),
                            Scanned::Foreign(foreign) => Some(foreign.id),
                            _ => None,
                        });
                    self.start = last.map_or(self.start, Start::After);
                    return Poll::Ready(batch);
                }
            };
            let Some(wal) = self.wal.upgrade() else {
                return Poll::Ready(Err(error));
            };
            self.source = self.start_again(wal);
        }
    }
}
