use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Weak};

use dashmap::DashMap;
use walx_core::{Bytes, ChannelName, Error, ErrorKind, MessageId, Result};
use walx_impls::{ForeignWriter, OpenerImpls};
use walx_utility::sync::lock;

use crate::log::Log;
use crate::opener::MemoryOpener;
use crate::{Faults, MemoryBuilder, MemoryConfig};

/// The stores that openers share by name. A store takes its entry out when its last opener goes.
static SHARED: LazyLock<DashMap<String, Weak<Channels>>> = LazyLock::new(DashMap::new);

/// The number of the next store.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// A store in memory. Clones are the same store; it lives as long as one of them or an opener does.
#[derive(Clone)]
pub struct MemoryStore(Arc<Channels>);

struct Channels {
    /// Tells it from the other stores of this process.
    number: u64,
    name: Option<String>,
    logs: DashMap<ChannelName, Arc<Channel>>,
}

/// One channel of a store.
pub(crate) struct Channel {
    pub(crate) name: ChannelName,
    pub(crate) log: Mutex<Log>,
}

impl MemoryStore {
    /// A store of its own.
    pub fn new() -> Self {
        Self(Arc::new(Channels::new(None)))
    }

    /// The store of this name, which all openers of the process share.
    pub(crate) fn shared(name: &str) -> Self {
        let mut entry = SHARED.entry(name.to_owned()).or_default();
        if let Some(channels) = entry.upgrade() {
            return Self(channels);
        }
        let channels = Arc::new(Channels::new(Some(name.to_owned())));
        *entry = Arc::downgrade(&channels);
        Self(channels)
    }

    /// An opener of this store, with the defaults.
    pub fn opener(&self) -> Arc<dyn OpenerImpls> {
        Arc::new(MemoryOpener::new(self.clone(), &MemoryConfig::default()))
    }

    /// A builder of openers of this store: each one sees what those before it wrote.
    pub fn builder(&self) -> MemoryBuilder {
        MemoryBuilder::bound_to(self.clone())
    }

    /// The fault switches of a channel, which need not exist yet.
    pub fn faults(&self, channel: &ChannelName) -> Faults {
        Faults::new(self.channel(channel))
    }

    /// Puts what is no record of walx into a channel, as somebody else does who writes into the same storage.
    pub fn foreign(&self, channel: &ChannelName, payload: impl Into<Bytes>) -> MessageId {
        let channel = self.channel(channel);
        let (id, wake) = lock(&channel.log).push_foreign(payload.into());
        wake.wake();
        id
    }

    /// One who does so.
    pub fn foreign_writer(&self) -> ForeignWriter {
        // Kept, a store of which only this is left would never go.
        let store = Arc::downgrade(&self.0);
        Arc::new(move |channel, payload| {
            let store = store.upgrade().map(Self);
            Box::pin(async move {
                let store = store.ok_or_else(|| {
                    let text = "the store is gone, and nobody can write into it";
                    Error::new(ErrorKind::NotFound, text).with_channel(&channel)
                })?;
                store.foreign(&channel, payload);
                Ok(())
            })
        })
    }

    /// The channel; made where it is missing, but not to be found before a writer opened it.
    pub(crate) fn channel(&self, name: &ChannelName) -> Arc<Channel> {
        if let Some(channel) = self.0.logs.get(name) {
            return Arc::clone(&channel);
        }
        let make = || {
            Arc::new(Channel {
                name: name.clone(),
                log: Mutex::new(Log::default()),
            })
        };
        Arc::clone(&self.0.logs.entry(name.clone()).or_insert_with(make))
    }

    /// The channel, if a writer ever opened it.
    pub(crate) fn existing(
        &self,
        name: &ChannelName,
        operation: &'static str,
    ) -> Result<Arc<Channel>> {
        let channel = self.0.logs.get(name).map(|channel| Arc::clone(&channel));
        channel
            .filter(|channel| lock(&channel.log).exists())
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::NotFound,
                    "no writer ever opened it in this store",
                )
                .with_operation(operation)
                .with_channel(name)
            })
    }

    /// What tells it from the other stores of this process.
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// All channels, by name: whoever wakes their scanners does it in the same order each time.
    pub(crate) fn all(&self) -> Vec<Arc<Channel>> {
        let channels = self.0.logs.iter().map(|entry| Arc::clone(entry.value()));
        let mut all: Vec<_> = channels.collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "MemoryStore {{ name: {:?}, channels: {} }}",
            self.0.name,
            self.0.logs.len()
        )
    }
}

impl Channels {
    fn new(name: Option<String>) -> Self {
        Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            name,
            logs: DashMap::new(),
        }
    }
}

impl Drop for Channels {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // Somebody may have made the next store of this name meanwhile.
            SHARED.remove_if(name, |_, store| store.strong_count() == 0);
        }
    }
}
