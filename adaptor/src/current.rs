//! The backend's handle of an owner, which is another one each time the owner opens again after a failure.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use walx_core::{Bounds, ChannelName, MessageId, Result};
use walx_impls::{RoWalImpls, ScanOptions, ScannerImpls, Start, WalImpls};
use walx_utility::sync::lock;

use crate::search;

/// The present handle, for everybody but appends: those take their place under a lock that has it as well.
pub(crate) struct Current {
    channel: ChannelName,
    handle: Mutex<Arc<dyn WalImpls>>,
    /// Whether the backend finds a place by its mark.
    indexed: bool,
}

impl Current {
    pub(crate) fn new(handle: Arc<dyn WalImpls>, indexed: bool) -> Arc<Self> {
        Arc::new(Self {
            channel: handle.channel().clone(),
            handle: Mutex::new(handle),
            indexed,
        })
    }

    pub(crate) fn get(&self) -> Arc<dyn WalImpls> {
        Arc::clone(&lock(&self.handle))
    }

    /// From here on another one. Hands the former one out, to be dropped outside of locks, and not closed: what
    /// scanners hold of it stays readable.
    pub(crate) fn replace(&self, handle: Arc<dyn WalImpls>) -> Arc<dyn WalImpls> {
        std::mem::replace(&mut *lock(&self.handle), handle)
    }

    pub(crate) async fn truncate(&self, id: MessageId) -> Result<()> {
        self.get().truncate(id).await
    }
}

#[async_trait]
impl RoWalImpls for Current {
    fn channel(&self) -> &ChannelName {
        &self.channel
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let handle = self.get();
        match self.indexed {
            true => handle.scan(start, options).await,
            false => search::scan(handle.as_ref(), start, options).await,
        }
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.get().bounds().await
    }

    async fn close(&self) -> Result<()> {
        self.get().close().await
    }
}
