use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{Bounds, ChannelName, MessageId, Record, Result};
use walx_impls::{
    Appending, Batch, FenceToken, RoWalImpls, ScanOptions, ScannerImpls, Start, WalImpls,
};

use super::answers::Answers;
use super::line::{Line, Op};
use super::scanner::FaultyScanner;

/// A reader's handle whose calls meet faults.
pub(super) struct FaultyRoWal {
    line: Arc<Line>,
    inner: Arc<dyn RoWalImpls>,
}

impl FaultyRoWal {
    pub(super) fn new(line: Arc<Line>, inner: Arc<dyn RoWalImpls>) -> Self {
        Self { line, inner }
    }
}

#[async_trait]
impl RoWalImpls for FaultyRoWal {
    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        scan(&self.line, &*self.inner, start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.line.call(Op::Bounds).await?;
        self.inner.bounds().await
    }

    async fn close(&self) -> Result<()> {
        self.line.close();
        self.inner.close().await
    }
}

impl Drop for FaultyRoWal {
    fn drop(&mut self) {
        self.line.close();
    }
}

/// A writer's handle whose calls meet faults.
pub(super) struct FaultyWal {
    line: Arc<Line>,
    answers: Arc<Answers>,
    inner: Arc<dyn WalImpls>,
}

impl FaultyWal {
    pub(super) fn new(line: Arc<Line>, inner: Arc<dyn WalImpls>) -> Self {
        let answers = Answers::start(Arc::clone(&line));
        Self {
            line,
            answers,
            inner,
        }
    }
}

#[async_trait]
impl WalImpls for FaultyWal {
    fn append(&self, batch: Batch<Record>) -> Appending {
        self.answers.append(&*self.inner, batch)
    }

    fn fence_token(&self) -> FenceToken {
        self.inner.fence_token()
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        self.line.call(Op::Truncate).await?;
        self.inner.truncate(id).await
    }
}

#[async_trait]
impl RoWalImpls for FaultyWal {
    fn channel(&self) -> &ChannelName {
        self.inner.channel()
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        scan(&self.line, &*self.inner, start, options).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.line.call(Op::Bounds).await?;
        self.inner.bounds().await
    }

    async fn close(&self) -> Result<()> {
        // First, so that nothing that is held keeps a caller waiting.
        self.line.close();
        self.inner.close().await
    }
}

impl Drop for FaultyWal {
    fn drop(&mut self) {
        self.line.close();
        self.answers.end();
    }
}

async fn scan(
    line: &Arc<Line>,
    inner: &dyn RoWalImpls,
    start: Start,
    options: ScanOptions,
) -> Result<Box<dyn ScannerImpls>> {
    line.call(Op::Scan).await?;
    let inner = inner.scan(start, options).await?;
    Ok(Box::new(FaultyScanner::new(Arc::clone(line), inner)))
}
