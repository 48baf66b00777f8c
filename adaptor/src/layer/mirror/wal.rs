//! A channel that is open in both stores, as its user holds it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use walx_core::{
    Append, AppendBatch, Availability, Bounds, ChannelInfo, Entry, Expected, Interceptor, Message,
    MessageId, OpenOption, Owner, Permit, Refused, Result, RoWal, ScanOption, Scanner, Stage, Tail,
    Tick, Transaction, TransactionOption, VirtualChannel, Wal,
};
use walx_utility::clock;
use walx_utility::lifetime::Lifetime;
use walx_utility::spawn::{self, Task};

use super::both::Both;
use super::origin::newest_entry;
use super::pump::Pump;
use super::state::{MirrorState, Trail};
use super::{Acknowledge, Mirror, not_copied};
use crate::close::CloseOnce;

/// A channel of a [`Mirror`]'s first store, which is copied into the second one as long as this is open.
pub struct MirrorWal {
    first: Arc<dyn Wal>,
    trail: Arc<Trail>,
    /// What appends wait for beside the first store.
    both: Option<Both>,
    /// The pump is inside.
    pumping: Lifetime,
    _pump: Task<()>,
    close_timeout: Duration,
    close_store: bool,
    close: CloseOnce,
    mirror: Arc<Mirror>,
}

impl MirrorWal {
    pub(super) async fn open(mirror: Arc<Mirror>, mut option: OpenOption) -> Result<Arc<Self>> {
        let trail = Trail::new(&option.channel, mirror.option.max_lag);
        let (close_timeout, close_store) = (option.close_timeout, option.close_store);
        let second_option = second(&option);
        // Outermost: behind hooks that encode no other one may stand.
        option.interceptors.insert(0, Arc::clone(&trail) as _);
        let first = mirror.first.open(option.with_close_store(false)).await?;
        trail.confirmed(first.tail().await?.lsn.get());
        mirror.watch.add(Arc::downgrade(&trail) as _);
        let pumping = Lifetime::new();
        let pump = Pump {
            first: Arc::clone(&first),
            first_store: Arc::clone(&mirror.first),
            second_store: Arc::clone(&mirror.second),
            option: second_option,
            trail: Arc::clone(&trail),
            stop: pumping.clone(),
        };
        let both = (mirror.option.acknowledge == Acknowledge::Both).then(|| Both {
            trail: Arc::clone(&trail),
            timeout: mirror.option.second_timeout,
        });
        Ok(Arc::new(Self {
            first,
            trail,
            both,
            pumping,
            _pump: spawn::task(pump.run()),
            close_timeout,
            close_store,
            close: CloseOnce::new(),
            mirror,
        }))
    }

    /// How it is mirrored at present.
    pub fn state(&self) -> MirrorState {
        self.trail.state()
    }

    /// Waits until the second store has everything that the first one has confirmed at the time of the call.
    ///
    /// # Cancel
    /// Dropping the future changes nothing.
    ///
    /// # Errors
    /// What the first store can't be read with; `Closed` where the wal is closed meanwhile.
    pub async fn mirrored(&self) -> Result<()> {
        mirrored(self.first.as_ref(), &self.trail).await
    }

    /// Closes the channel in both stores, and not the stores.
    pub(super) async fn close_alone(&self) -> Result<()> {
        let (first, trail) = (Arc::clone(&self.first), Arc::clone(&self.trail));
        let (pumping, timeout) = (self.pumping.clone(), self.close_timeout);
        let close = async move {
            trail.close();
            if clock::timeout(timeout, mirrored(first.as_ref(), &trail))
                .await
                .is_err()
            {
                tracing::warn!(
                    channel = %trail.channel,
                    lag = trail.lag(),
                    "closed before the second store had everything: it gets the rest when the mirror opens the channel again"
                );
            }
            pumping.begin_close();
            // The close of the second wal is bounded by itself.
            pumping.emptied().await;
            trail.end();
            first.close().await
        };
        self.close.run(close).await
    }
}

async fn mirrored(first: &dyn Wal, trail: &Trail) -> Result<()> {
    match newest_entry(first).await?.as_ref().and_then(Entry::place) {
        Some(newest) => trail.reach(newest.id).await,
        None => Ok(()),
    }
}

/// How the second store's channel is opened: as the first one's, but that the numbering and the pace are the first one's.
fn second(option: &OpenOption) -> OpenOption {
    let mut second = option.clone().with_take_over(true);
    (second.term, second.tick_source, second.flow) = (None, None, None);
    // A copy has what the other hooks made of its original; a second time they would change it.
    let encodes = |it: &Arc<dyn Interceptor>| it.stage() >= Some(Stage::Checksum);
    second.interceptors.retain(encodes);
    // Each entry is a copy of its own, also of a key that left the first store's window.
    second.idempotency = None;
    // A copy is larger than its original, which may just fit.
    second.max_chunked_bytes = Some(usize::MAX);
    second.close_store = false;
    second
}

#[async_trait]
impl RoWal for MirrorWal {
    fn channel(&self) -> &ChannelInfo {
        self.first.channel()
    }

    async fn scan(&self, option: ScanOption) -> Result<Box<dyn Scanner>> {
        self.first.scan(option).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.first.bounds().await
    }

    async fn tail(&self) -> Result<Tail> {
        self.first.tail().await
    }

    async fn newest_tick(&self, virtual_channel: &VirtualChannel) -> Result<Option<Tick>> {
        self.first.newest_tick(virtual_channel).await
    }

    fn availability(&self) -> Availability {
        self.first.availability()
    }

    async fn unavailable(&self) -> Availability {
        self.first.unavailable().await
    }

    async fn close(&self) -> Result<()> {
        let closed = self.close_alone().await;
        match self.close_store {
            true => closed.and(walx_core::Opener::close(self.mirror.as_ref()).await),
            false => closed,
        }
    }
}

#[async_trait]
impl Wal for MirrorWal {
    fn append(&self, message: Message) -> Append {
        let first = self.first.append(message);
        match &self.both {
            Some(both) => both.append(first),
            None => first,
        }
    }

    fn append_batch(&self, messages: Vec<Message>) -> AppendBatch {
        let first = self.first.append_batch(messages);
        match &self.both {
            Some(both) => both.append_batch(first),
            None => first,
        }
    }

    fn append_if(&self, message: Message, expected: Expected) -> Append {
        let first = self.first.append_if(message, expected);
        match &self.both {
            Some(both) => both.append(first),
            None => first,
        }
    }

    fn begin(&self, option: TransactionOption) -> Result<Transaction> {
        let first = self.first.begin(option)?;
        Ok(match &self.both {
            Some(both) => both.transaction(first),
            None => first,
        })
    }

    fn advance_tick(&self, virtual_channel: Option<VirtualChannel>) -> Append {
        self.first.advance_tick(virtual_channel)
    }

    fn try_append(&self, message: Message) -> std::result::Result<Append, Refused> {
        let first = self.first.try_append(message)?;
        Ok(match &self.both {
            Some(both) => both.append(first),
            None => first,
        })
    }

    /// With [`Acknowledge::Both`], the permit's append waits for the first store only.
    async fn reserve(&self, bytes: usize) -> Result<Permit> {
        self.first.reserve(bytes).await
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        let copied = self.state().copied;
        if copied.is_none_or(|copied| copied < id) {
            // What lies behind the last entry is walx's own, and isn't copied.
            let newest = newest_entry(self.first.as_ref()).await?;
            let newest = newest.as_ref().and_then(Entry::place);
            if newest.is_some_and(|newest| copied.is_none_or(|copied| copied < newest.id)) {
                return Err(not_copied(id, copied).with_channel(&self.trail.channel));
            }
        }
        self.first.truncate(id).await
    }

    fn owner(&self) -> Owner {
        self.first.owner()
    }
}
