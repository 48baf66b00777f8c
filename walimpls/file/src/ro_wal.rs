use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{Bounds, ChannelName, Error, ErrorKind, Result};
use walx_impls::{RoWalImpls, ScanOptions, ScannerImpls, Start};
use walx_utility::spawn;

use crate::closing::{Closer, Closing};
use crate::config::FileConfig;
use crate::directory::Directory;
use crate::fault;
use crate::read;
use crate::scanner::FileScanner;
use crate::shared::Shared;

/// A channel that is open for reading.
pub(crate) struct FileRoWal {
    pub(crate) name: ChannelName,
    directory: Arc<Directory>,
    /// How it reads.
    config: FileConfig,
    pub(crate) closer: Closer,
    pub(crate) opener: Closing,
}

impl FileRoWal {
    pub(crate) fn new(
        name: ChannelName,
        directory: Arc<Directory>,
        config: FileConfig,
        opener: Closing,
    ) -> Self {
        Self {
            name,
            directory,
            config,
            closer: Closer::new(),
            opener,
        }
    }

    pub(crate) fn check(&self, operation: &'static str) -> Result<()> {
        if self.closer.is_closed() || self.opener.is_closed() {
            return Err(Error::new(
                ErrorKind::Closed,
                "the wal or its opener was closed; open it again",
            )
            .with_operation(operation)
            .with_channel(&self.name));
        }
        Ok(())
    }

    /// The store of this process, if it has one, and the channel's number in it.
    fn owner(directory: &Directory, name: &ChannelName) -> Result<Option<(Arc<Shared>, u32)>> {
        let Some(store) = directory.store() else {
            return Ok(None);
        };
        Ok(store
            .channel(name)?
            .map(|channel| (Arc::clone(&store.shared), channel)))
    }

    /// Runs what may block elsewhere.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Directory, &ChannelName) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.check(operation)?;
        let (directory, name) = (Arc::clone(&self.directory), self.name.clone());
        let outcome = spawn::blocking(move || work(&directory, &name)).await;
        let outcome = outcome.unwrap_or_else(|spawn::Lost| Err(fault::broken()));
        outcome.map_err(|error| error.with_operation(operation).with_channel(&self.name))
    }
}

#[async_trait]
impl RoWalImpls for FileRoWal {
    fn channel(&self) -> &ChannelName {
        &self.name
    }

    async fn scan(&self, start: Start, options: ScanOptions) -> Result<Box<dyn ScannerImpls>> {
        let config = self.config.clone();
        let reader = self.blocking("scan", move |directory, name| {
            let owner = Self::owner(directory, name)?;
            read::start(&config, name, owner, start, &options)
        });
        let reader = reader.await?;
        let closings = [self.closer.watch(), self.opener.clone()];
        Ok(Box::new(FileScanner::new(
            self.name.clone(),
            reader,
            closings,
        )))
    }

    async fn bounds(&self) -> Result<Bounds> {
        let config = self.config.clone();
        let bounds = self.blocking("bounds", move |directory, name| {
            let owner = Self::owner(directory, name)?;
            read::bounds(&config, name, owner)
        });
        bounds.await
    }

    async fn close(&self) -> Result<()> {
        self.closer.close();
        Ok(())
    }
}
