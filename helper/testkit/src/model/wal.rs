use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use walx_core::{Bounds, ChannelName, MessageId, Record, Result};
use walx_impls::{
    Appending, Batch, FenceToken, RoWalImpls, ScanOptions, ScannerImpls, Start, WalImpls,
};
use walx_utility::sync::lock;

use super::Model;
use super::log::Log;
use super::scan::Scan;
use super::scanner::ModelledScanner;

/// Whether a handle, or its store, was closed or dropped.
#[derive(Clone)]
pub(super) struct Closed {
    handle: Arc<AtomicBool>,
    opener: Arc<AtomicBool>,
}

impl Closed {
    pub(super) fn new(opener: &Arc<AtomicBool>) -> Self {
        Self {
            handle: Arc::default(),
            opener: Arc::clone(opener),
        }
    }

    pub(super) fn is(&self) -> bool {
        self.handle.load(Ordering::SeqCst) || self.opener.load(Ordering::SeqCst)
    }
}

/// A reader's handle, or the reading half of a writer's.
pub(super) struct ModelledRoWal {
    inner: Arc<dyn RoWalImpls>,
    model: Model,
    log: Arc<Mutex<Log>>,
    closed: Closed,
}

impl ModelledRoWal {
    pub(super) fn new(
        inner: Arc<dyn RoWalImpls>,
        model: Model,
        log: Arc<Mutex<Log>>,
        closed: Closed,
    ) -> Self {
        Self {
            inner,
            model,
            log,
            closed,
        }
    }
}

#[async_trait]
impl RoWalImpls for ModelledRoWal {
    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let mut scan = Scan::new(&lock(&self.log), start);
        let answer = self.inner.scan(start, options).await;
        let log = lock(&self.log);
        let inner = match answer {
            Ok(inner) => inner,
            Err(error) => {
                let verdict = scan.ends(&log, &error, self.closed.is());
                let what = format!("scan from {start:?}");
                self.model.judge(self.channel(), &what, verdict);
                return Err(error);
            }
        };
        scan.answered(&log);
        drop(log);
        Ok(Box::new(ModelledScanner {
            inner,
            scan,
            channel: self.channel().clone(),
            model: self.model.clone(),
            log: Arc::clone(&self.log),
            closed: self.closed.clone(),
        }))
    }

    async fn bounds(&self) -> Result<Bounds> {
        let asked = lock(&self.log).ask();
        let bounds = self.inner.bounds().await?;
        let verdict = lock(&self.log).bounds(&asked, bounds);
        self.model.judge(self.channel(), "bounds", verdict);
        Ok(bounds)
    }

    async fn close(&self) -> Result<()> {
        self.closed.handle.store(true, Ordering::SeqCst);
        self.inner.close().await
    }
}

impl Drop for ModelledRoWal {
    fn drop(&mut self) {
        self.closed.handle.store(true, Ordering::SeqCst);
    }
}

/// A writer's handle.
pub(super) struct ModelledWal {
    inner: Arc<dyn WalImpls>,
    read: ModelledRoWal,
    number: usize,
    /// The order of the calls is the same in the model as in the backend.
    order: Mutex<()>,
}

impl ModelledWal {
    pub(super) fn new(
        inner: Arc<dyn WalImpls>,
        model: Model,
        log: Arc<Mutex<Log>>,
        number: usize,
        closed: Closed,
    ) -> Self {
        let read = ModelledRoWal::new(Arc::clone(&inner) as _, model, log, closed);
        Self {
            inner,
            read,
            number,
            order: Mutex::default(),
        }
    }
}

#[async_trait]
impl WalImpls for ModelledWal {
    fn append(&self, batch: Batch<Record>) -> Appending {
        let ordered = lock(&self.order);
        let count = batch.len();
        let first = lock(&self.read.log).called(self.number, &batch);
        let appending = self.inner.append(batch);
        drop(ordered);
        let (log, model) = (Arc::clone(&self.read.log), self.read.model.clone());
        let (place, channel) = ((self.number, first), self.channel().clone());
        Appending::new(async move {
            let answer = appending.await;
            let verdict = lock(&log).answered(place, count, &answer);
            model.judge(&channel, "append", verdict);
            answer
        })
    }

    fn fence_token(&self) -> FenceToken {
        self.inner.fence_token()
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        let cut = lock(&self.read.log).cutting(id, Some(self.number));
        let answer = self.inner.truncate(id).await;
        let verdict = lock(&self.read.log).has_cut(cut, &answer);
        self.read.model.judge(self.channel(), "truncate", verdict);
        answer
    }
}

#[async_trait]
impl RoWalImpls for ModelledWal {
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
