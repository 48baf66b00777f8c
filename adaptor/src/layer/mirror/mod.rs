//! Mirrors one store into another.

mod both;
mod compare;
mod copy;
mod option;
mod origin;
mod pump;
mod state;
mod wal;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use async_trait::async_trait;
use walx_core::{
    BackendName, Bounds, Capability, ChannelName, Description, Error, ErrorKind, MessageId,
    OpenOption, Opener, Progress, RepairMode, Repaired, Result, RoWal, Verified, Wal,
};
use walx_utility::sync::lock;

pub use self::compare::{Compared, Difference};
pub use self::option::{Acknowledge, MirrorOption};
use self::origin::{Origin, newest_entry};
pub use self::state::MirrorState;
pub use self::wal::MirrorWal;
use crate::close::CloseOnce;
use crate::watch::Watch;

/// A store whose channels are copied into a second store while they are open.
///
/// Everything is done by the first store: owners, numbers, scans. What it has confirmed is copied behind it, in its order
/// and exactly once, transactions as transactions. Each copy says in a property (`mirror.from`) where it comes from, so
/// that the copying goes on after a crash where it was; a gap of the first store is told in a property (`mirror.gap`) of
/// the first copy behind it.
///
/// In the second store ids, ticks and owners differ by nature, and lsns where the first one has transactions that were
/// rolled back. Points in time and transactions without messages are not copied. A copy is what
/// a scan of the first store delivers; of the wal's hooks it gets those that encode. Hooks of the second store's own chain
/// must add no properties.
/// The second store must be of this mirror alone, and keeps what is truncated in the first; truncate it by itself.
///
/// A second store that can't be reached, or fails, is tried again and again, and is told by [`state`](Self::state), by
/// metrics and in the log. The first one goes on meanwhile, until the second one is behind by
/// [`max_lag`](MirrorOption::max_lag).
pub struct Mirror {
    first: Arc<dyn Opener>,
    second: Arc<dyn Opener>,
    option: MirrorOption,
    wals: Mutex<HashMap<ChannelName, Weak<MirrorWal>>>,
    watch: Watch,
    close: CloseOnce,
    this: Weak<Self>,
}

impl Mirror {
    /// A mirror of `first` in `second`, both of which it closes when it is closed.
    pub fn new(first: Arc<dyn Opener>, second: Arc<dyn Opener>, option: MirrorOption) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            first,
            second,
            option,
            wals: Mutex::default(),
            watch: Watch::default(),
            close: CloseOnce::new(),
            this: Weak::clone(this),
        })
    }

    /// The first store.
    pub fn first(&self) -> &Arc<dyn Opener> {
        &self.first
    }

    /// The second store. Whoever appends to it ends the mirroring.
    pub fn second(&self) -> &Arc<dyn Opener> {
        &self.second
    }

    /// As [`Opener::open`], with what a mirror knows beside it.
    ///
    /// # Errors
    /// As [`Opener::open`] of the first store. The second one is opened behind it, and may come later.
    pub async fn open_mirrored(&self, option: OpenOption) -> Result<Arc<MirrorWal>> {
        let this = self.this.upgrade().ok_or_else(closed)?;
        let channel = option.channel.clone();
        let wal = MirrorWal::open(this, option).await?;
        let mut wals = lock(&self.wals);
        wals.retain(|_, wal| wal.strong_count() > 0);
        wals.insert(channel, Arc::downgrade(&wal));
        Ok(wal)
    }

    /// How a channel that is open here is mirrored.
    pub fn state(&self, channel: &ChannelName) -> Option<MirrorState> {
        self.open_wal(channel).map(|wal| wal.state())
    }

    /// Reads a channel in both stores and compares what scans deliver: payload, properties, virtual channel, key. Ids,
    /// ticks and owners differ by nature, lsns may. What the second store lacks at its end is told apart: wait for
    /// [`mirrored`](MirrorWal::mirrored) before it, where nothing may be missing.
    ///
    /// # Errors
    /// `NotFound` where the first store has no such channel; what can't be read.
    pub async fn compare(&self, channel: &ChannelName) -> Result<Compared> {
        compare::compare(&self.first, &self.second, channel).await
    }

    fn open_wal(&self, channel: &ChannelName) -> Option<Arc<MirrorWal>> {
        lock(&self.wals).get(channel)?.upgrade()
    }

    /// Up to which record of the first store the second one has everything.
    async fn copied(&self, channel: &ChannelName) -> Result<Option<MessageId>> {
        if let Some(wal) = self.open_wal(channel) {
            return Ok(wal.state().copied);
        }
        let second = match self.second.open_read_only(channel.clone().into()).await {
            Ok(second) => second,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let newest = newest_entry(second.as_ref()).await?;
        let origin = newest.as_ref().map(Origin::of_copy).transpose()?;
        Ok(origin.flatten().map(|it| it.token.id()))
    }
}

/// What a truncation is refused with that would drop what the second store lacks.
fn not_copied(id: MessageId, copied: Option<MessageId>) -> Error {
    let text = "the second store does not have everything up to there yet; wait until it is mirrored, or truncate less";
    let copied = copied.map_or_else(|| "not known".to_owned(), |it| it.to_string());
    Error::new(ErrorKind::Conflict, text)
        .with_operation("truncate")
        .with_context("truncate up to", id)
        .with_context("mirrored up to", copied)
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the mirror was closed; open it anew")
}

#[async_trait]
impl Opener for Mirror {
    fn backend(&self) -> BackendName {
        self.first.backend()
    }

    fn capability(&self) -> Capability {
        self.first.capability()
    }

    async fn open(&self, option: OpenOption) -> Result<Arc<dyn Wal>> {
        Ok(self.open_mirrored(option).await?)
    }

    async fn open_read_only(&self, option: OpenOption) -> Result<Arc<dyn RoWal>> {
        self.first.open_read_only(option).await
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        let copied = self.copied(channel).await?;
        if copied.is_none_or(|copied| copied < id) {
            return Err(not_copied(id, copied).with_channel(channel));
        }
        self.first.truncate(channel, id).await
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        self.first.bounds(channel).await
    }

    async fn describe(&self, channel: &ChannelName) -> Result<Description> {
        self.first.describe(channel).await
    }

    async fn verify(&self, channel: Option<&ChannelName>, progress: &Progress) -> Result<Verified> {
        self.first.verify(channel, progress).await
    }

    async fn repair(&self, mode: RepairMode, progress: &Progress) -> Result<Repaired> {
        self.first.repair(mode, progress).await
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        self.first.list().await
    }

    async fn close(&self) -> Result<()> {
        let wals: Vec<_> = lock(&self.wals)
            .values()
            .filter_map(Weak::upgrade)
            .collect();
        let (first, second) = (Arc::clone(&self.first), Arc::clone(&self.second));
        let close = async move {
            let mut result = Ok(());
            for wal in wals {
                result = result.and(wal.close_alone().await);
            }
            let stores = [first.close().await, second.close().await];
            stores.into_iter().fold(result, Result::and)
        };
        self.close.run(close).await
    }
}
