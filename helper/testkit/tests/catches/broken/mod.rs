//! A sound backend with one defect.

mod defect;
mod opener;
mod scanner;
mod table;
mod wal;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use async_trait::async_trait;
use walx_core::{
    BackendName, Capability, ChannelName, Config, ErrorKind, MessageId, Record, Result,
};
use walx_impls::{OpenerBuilderImpls, OpenerImpls, RoWalImpls, WalImpls};
use walx_memory::MemoryStore;

pub(crate) use defect::Defect;
use opener::BrokenOpener;
pub(crate) use table::all;

/// What a defect must remember, for all openers of a store.
#[derive(Default)]
struct Memory {
    /// The newest writer of each channel, for older ones that write through it.
    writers: HashMap<ChannelName, Arc<dyn WalImpls>>,
    /// The newest writer of each channel, as long as somebody has it.
    newest: HashMap<ChannelName, Weak<dyn WalImpls>>,
    /// All handles of a channel, for one that closes the others.
    handles: HashMap<ChannelName, Vec<Arc<dyn RoWalImpls>>>,
    /// How many records a channel has, and the newest.
    records: HashMap<ChannelName, (u64, Option<Record>)>,
    appends: u64,
}

impl Memory {
    fn newest(&self, channel: &ChannelName) -> Option<Record> {
        self.records.get(channel).and_then(|it| it.1.clone())
    }
}

pub(crate) struct Broken {
    inner: Arc<dyn OpenerBuilderImpls>,
    defect: Defect,
    memory: Arc<Mutex<Memory>>,
}

impl Broken {
    pub(crate) fn new(inner: impl OpenerBuilderImpls, defect: Defect) -> Self {
        Self {
            inner: Arc::new(inner),
            defect,
            memory: Arc::default(),
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
        let inner = match self.defect {
            Defect::UnknownKeysAreTaken => {
                let known = config.get("max_record").unwrap_or("1MiB").to_owned();
                self.inner
                    .build(Config::new().with("max_record", known))
                    .await?
            }
            Defect::OpenersShareNothing => MemoryStore::new().builder().build(config).await?,
            _ => self.inner.build(config).await?,
        };
        Ok(Arc::new(BrokenOpener {
            inner,
            defect: self.defect,
            memory: Arc::clone(&self.memory),
            tokens: Mutex::default(),
        }))
    }
}

impl Defect {
    /// An error as this defect tells it.
    fn tells<T>(self, answer: Result<T>) -> Result<T> {
        answer.map_err(|error| {
            let kind = match (self, error.kind()) {
                (Self::FencedIsUnavailable, ErrorKind::Fenced)
                | (Self::ClosedIsUnavailable, ErrorKind::Closed) => ErrorKind::Unavailable,
                (Self::LimitIsAnotherError, ErrorKind::TooLarge) => ErrorKind::Internal,
                (Self::LostIsNotFound, ErrorKind::PositionLost { .. }) => ErrorKind::NotFound,
                (Self::LostNamesNoEarliest, ErrorKind::PositionLost { .. }) => {
                    ErrorKind::PositionLost { earliest: None }
                }
                _ => return error,
            };
            walx_core::Error::new(kind, error.message().to_owned())
        })
    }
}

/// The id before, or behind.
fn beside(id: MessageId, by: i64) -> MessageId {
    let number = id.to_u64().and_then(|number| number.checked_add_signed(by));
    number.map_or(id, |number| MessageId::from_u64(id.backend(), number))
}
