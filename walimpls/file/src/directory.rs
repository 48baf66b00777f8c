//! A directory that openers of this process use: they share one store.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Weak};

use walx_core::{ChannelName, Error, ErrorKind, MessageId, Result};
use walx_impls::Claim;

use crate::config::FileConfig;
use crate::disk::{Disk, RealDisk};
use crate::fault;
use crate::follow;
use crate::handle::Handle;
use crate::lock::Lock;
use crate::network;
use crate::store::Store;

static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<Directory>>>> = LazyLock::new(Mutex::default);

/// Shared by the openers and wals of one directory. Its calls may block.
pub(crate) struct Directory {
    pub(crate) config: FileConfig,
    pub(crate) disk: Arc<dyn Disk>,
    slot: Mutex<Slot>,
}

#[derive(Default)]
struct Slot {
    openers: usize,
    /// Held while there are openers.
    store: Option<Arc<Store>>,
    /// Wals may hold it longer.
    left: Weak<Store>,
}

impl Directory {
    /// Counts one more opener in.
    pub(crate) fn enter(mut config: FileConfig) -> Result<Arc<Self>> {
        config.path = canonical(&config.path)?;
        let mut open = OPEN.lock().map_err(|_| fault::broken())?;
        open.retain(|_, directory| directory.strong_count() > 0);
        let known = open.get(&config.path).and_then(Weak::upgrade);
        let directory = match known.filter(|directory| !directory.is_left()) {
            Some(directory) => {
                directory.agrees(&config)?;
                directory
            }
            None => {
                let directory = Arc::new(Self::new(config.clone(), Arc::new(RealDisk)));
                open.insert(config.path, Arc::downgrade(&directory));
                directory
            }
        };
        directory.slot()?.openers += 1;
        Ok(directory)
    }

    pub(crate) fn new(config: FileConfig, disk: Arc<dyn Disk>) -> Self {
        Self {
            config,
            disk,
            slot: Mutex::default(),
        }
    }

    /// Counts one more opener in, apart from all others of the process.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn enter_apart(config: FileConfig, disk: Arc<dyn Disk>) -> Arc<Self> {
        let slot = Slot {
            openers: 1,
            ..Slot::default()
        };
        let slot = Mutex::new(slot);
        Arc::new(Self { config, disk, slot })
    }

    /// Whether nobody has it open any more: handles that are kept, all of them closed, bind nobody to their options.
    fn is_left(&self) -> bool {
        self.slot().is_ok_and(|slot| slot.openers == 0) && self.store().is_none()
    }

    fn agrees(&self, other: &FileConfig) -> Result<()> {
        let own = &self.config;
        let differences = [
            (
                "durability",
                own.durability.to_string(),
                other.durability.to_string(),
            ),
            (
                "segment",
                own.segment.to_string(),
                other.segment.to_string(),
            ),
            (
                "max_record",
                own.max_record.to_string(),
                other.max_record.to_string(),
            ),
            ("damage", own.damage.to_string(), other.damage.to_string()),
            (
                "full_disk_wait",
                own.full_disk_wait.to_string(),
                other.full_disk_wait.to_string(),
            ),
        ];
        match differences.into_iter().find(|(_, own, other)| own != other) {
            None => Ok(()),
            Some((key, own, other)) => Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "this process has the store {} open with {key}={own}, not {key}={other}; use the same, or close it",
                    self.config.path.display()
                ),
            )),
        }
    }

    /// The last opener closes the store.
    pub(crate) fn leave(&self, cleanly: bool) -> Result<()> {
        let mut slot = self.slot()?;
        slot.openers = slot.openers.saturating_sub(1);
        if slot.openers > 0 {
            return Ok(());
        }
        match slot.store.take() {
            Some(store) if cleanly => store.close(),
            _ => Ok(()),
        }
    }

    /// The store, if this process has it open.
    pub(crate) fn store(&self) -> Option<Arc<Store>> {
        let slot = self.slot().ok()?;
        slot.store
            .clone()
            .or_else(|| slot.left.upgrade())
            .filter(|store| !store.shared.is_over())
    }

    /// Opens a channel for writing.
    pub(crate) fn claim(
        &self,
        name: &ChannelName,
        claim: &Claim,
    ) -> Result<(Arc<Store>, Arc<Handle>)> {
        loop {
            let store = self.own()?;
            match store.claim(name, claim) {
                // A truncation that had opened the store for itself closed it in between.
                Err(error) if error.kind() == ErrorKind::Closed && store.shared.is_over() => {}
                outcome => return outcome.map(|handle| (store, handle)),
            }
        }
    }

    /// Drops records without a writer.
    pub(crate) fn truncate(&self, name: &ChannelName, id: MessageId) -> Result<()> {
        let missing = || follow::missing(&self.config, name);
        let owned = self.store();
        if owned.is_none()
            && follow::manifest(&self.config.path)?
                .is_none_or(|manifest| manifest.channel(name).is_none())
        {
            return Err(missing());
        }
        let store = self.own()?;
        let channel = store.channel(name)?.ok_or_else(missing)?;
        let outcome = store.truncate(channel, id);
        let mut slot = self.slot()?;
        if owned.is_none() && !store.is_in_use() {
            // The lock was taken for this only.
            slot.store = None;
            let closed = store.close();
            return outcome.and(closed);
        }
        outcome
    }

    /// The store, opened if need be. One that failed is recovered: its writers can't append any more.
    fn own(&self) -> Result<Arc<Store>> {
        let mut slot = self.slot()?;
        let kept = slot.store.clone().or_else(|| slot.left.upgrade());
        let lock = match kept {
            Some(store) if !store.shared.is_over() => {
                if slot.openers > 0 {
                    slot.store = Some(Arc::clone(&store));
                }
                return Ok(store);
            }
            Some(store) => {
                slot.store = None;
                // The lock of a directory that was replaced locks nobody out.
                store.replace().filter(|lock| lock.right().check().is_ok())
            }
            None => None,
        };
        let lock = match lock {
            Some(lock) => lock,
            None => self.lock()?,
        };
        let store = Arc::new(Store::open(
            &self.config.path,
            &self.config,
            Arc::clone(&self.disk),
            lock,
        )?);
        slot.left = Arc::downgrade(&store);
        slot.store = Some(Arc::clone(&store));
        Ok(store)
    }

    fn lock(&self) -> Result<Lock> {
        let dir = &self.config.path;
        let refused = |error| fault::refused("creating the directory of the store", dir, error);
        let missing: Vec<_> = dir
            .ancestors()
            .take_while(|ancestor| !ancestor.is_dir())
            .collect();
        for new in missing.iter().rev() {
            match self.disk.create_dir(new) {
                // Another process makes it as well.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                created => created.map_err(refused)?,
            }
        }
        for parent in missing.into_iter().filter_map(Path::parent) {
            self.disk.sync_dir(parent).map_err(refused)?;
        }
        network::refuse(dir)?;
        Lock::take(dir)
    }

    fn slot(&self) -> Result<MutexGuard<'_, Slot>> {
        self.slot.lock().map_err(|_| fault::broken())
    }
}

/// One name for a directory that may not be there yet.
fn canonical(path: &Path) -> Result<PathBuf> {
    let refused = |error| fault::refused("resolving the path", path, error);
    let absolute = std::path::absolute(path).map_err(refused)?;
    let Some(there) = absolute.ancestors().find(|ancestor| ancestor.exists()) else {
        return Ok(absolute);
    };
    let rest = absolute
        .strip_prefix(there)
        .unwrap_or_else(|_| Path::new(""));
    if !there.is_dir() {
        let text = format!(
            "{} is no directory, and the file backend keeps a store in one; name another path, or move the file away",
            there.display()
        );
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    let there = there.canonicalize().map_err(refused)?;
    Ok(if rest.as_os_str().is_empty() {
        there
    } else {
        there.join(rest)
    })
}
