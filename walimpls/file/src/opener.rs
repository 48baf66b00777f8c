use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{
    Bounds, Capability, ChannelName, Durability, Error, ErrorKind, Fence, MessageId, Result,
    Truncation,
};
use walx_impls::{Claim, Maintenance, OpenerImpls, RoWalImpls, WalImpls};
use walx_utility::spawn;

use crate::closing::Closer;
use crate::config::FileConfig;
use crate::directory::Directory;
use crate::fault;
use crate::follow;
use crate::read;
use crate::ro_wal::FileRoWal;
use crate::setting::{FileDamage, FileDurability};
use crate::wal::FileWal;

/// A store in a directory. Nothing is locked, created or read before somebody opens a channel.
pub(crate) struct FileOpener {
    directory: Arc<Directory>,
    /// How it reads.
    config: FileConfig,
    /// Whether it counts among those that may own the store.
    counts: bool,
    closer: Closer,
}

impl FileOpener {
    pub(crate) fn new(directory: Arc<Directory>) -> Self {
        Self {
            config: directory.config.clone(),
            directory,
            counts: true,
            closer: Closer::new(),
        }
    }

    /// The same store for readers that go on behind damage. It owns nothing, and keeps nobody from closing the store.
    pub(crate) fn reading_on(&self) -> Self {
        Self {
            directory: Arc::clone(&self.directory),
            config: self.config.clone().with_damage(FileDamage::Salvage),
            counts: false,
            closer: Closer::new(),
        }
    }

    /// How it reads.
    pub(crate) fn config(&self) -> &FileConfig {
        &self.config
    }

    fn may_write(&self) -> Result<()> {
        if self.counts {
            return Ok(());
        }
        let text = "this opener only reads on behind damage; use the one that it was made by";
        Err(Error::new(ErrorKind::Unsupported, text))
    }

    /// Runs what may block elsewhere.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&Arc<Directory>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if self.closer.is_closed() {
            let text = "the opener was closed; build a new one";
            return Err(Error::new(ErrorKind::Closed, text).with_operation(operation));
        }
        let directory = Arc::clone(&self.directory);
        let outcome = spawn::blocking(move || work(&directory)).await;
        outcome
            .unwrap_or_else(|spawn::Lost| Err(fault::broken()))
            .map_err(|error| error.with_operation(operation))
    }
}

/// What the backend can do as a store is configured.
pub(crate) fn capability(config: &FileConfig) -> Capability {
    Capability::new(usize::try_from(config.max_record.0).unwrap_or(usize::MAX))
        .with_fence(Fence::Lock)
        .with_truncation(Truncation::BySegment)
        .with_atomic_batch(true)
        .with_start_by_time(true)
        .with_durability(match config.durability {
            FileDurability::Each => Durability::Synced,
            FileDurability::Interval(every) => Durability::Interval(every),
            FileDurability::Os => Durability::OperatingSystem,
        })
}

/// Whether there is such a channel, in the store of this process or else in the files.
pub(crate) fn exists(directory: &Directory, name: &ChannelName) -> Result<()> {
    let names = match directory.store() {
        Some(store) => store.names()?,
        None => follow::names(&directory.config)?,
    };
    if names.iter().any(|it| it == name.as_str()) {
        Ok(())
    } else {
        Err(follow::missing(&directory.config, name))
    }
}

#[async_trait]
impl OpenerImpls for FileOpener {
    fn capability(&self) -> Capability {
        capability(&self.config)
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        self.may_write()?;
        let (name, opener) = (channel.clone(), self.closer.watch());
        let config = self.config.clone();
        let wal = self.blocking("open", move |directory| {
            let (store, handle) = directory.claim(&name, &claim)?;
            Ok(FileWal::new(
                FileRoWal::new(name, Arc::clone(directory), config, opener),
                store,
                handle,
            ))
        });
        let wal = wal.await.map_err(|error| error.with_channel(channel))?;
        Ok(Arc::new(wal))
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        let (name, opener) = (channel.clone(), self.closer.watch());
        let config = self.config.clone();
        let wal = self.blocking("open", move |directory| {
            exists(directory, &name)?;
            Ok(FileRoWal::new(name, Arc::clone(directory), config, opener))
        });
        let wal = wal.await.map_err(|error| error.with_channel(channel))?;
        Ok(Arc::new(wal))
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        self.may_write()?;
        let name = channel.clone();
        let done = self.blocking("truncate", move |directory| directory.truncate(&name, id));
        done.await.map_err(|error| error.with_channel(channel))
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        let (name, config) = (channel.clone(), self.config.clone());
        let bounds = self.blocking("bounds", move |directory| {
            exists(directory, &name)?;
            let store = directory.store();
            let owner = store
                .as_ref()
                .and_then(|store| Some((Arc::clone(&store.shared), store.channel(&name).ok()??)));
            read::bounds(&config, &name, owner)
        });
        bounds.await.map_err(|error| error.with_channel(channel))
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        let names = self.blocking("list", |directory| match directory.store() {
            Some(store) => store.names(),
            None => follow::names(&directory.config),
        });
        let mut names = names
            .await?
            .into_iter()
            .map(ChannelName::new)
            .collect::<Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        Some(self)
    }

    fn identity(&self) -> Option<String> {
        let there = std::fs::metadata(&self.config.path).ok()?;
        Some(format!(
            "{} {}:{} damage={}",
            self.config.path.display(),
            there.dev(),
            there.ino(),
            self.config.damage
        ))
    }

    async fn close(&self) -> Result<()> {
        if !self.closer.close() || !self.counts {
            return Ok(());
        }
        let directory = Arc::clone(&self.directory);
        let outcome = spawn::blocking(move || directory.leave(true)).await;
        outcome
            .unwrap_or_else(|spawn::Lost| Err(fault::broken()))
            .map_err(|error| error.with_operation("close"))
    }
}

impl Drop for FileOpener {
    fn drop(&mut self) {
        if self.closer.close()
            && self.counts
            && let Err(error) = self.directory.leave(false)
        {
            tracing::warn!(%error, "a dropped opener could not be counted out");
        }
    }
}
