//! A channel that is open for appending, as its user holds it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use metrics::counter;
use walx_core::{
    Append, AppendBatch, Availability, Bounds, ChannelInfo, ChannelName, Error, ErrorKind,
    Expected, Lsn, Message, MessageId, OpenOption, Owner, Permit, Refused, Result, RoWal,
    ScanOption, Scanner, ScannerInfo, Seq, Tail, Tick, Transaction, TransactionOption,
    VirtualChannel, Wal,
};
use walx_impls::RoWalImpls;
use walx_utility::{clock, metric};

use crate::append::Writer;
use crate::close::Child;
use crate::current::Current;
use crate::handle::Handle;
use crate::interceptor::outcome;
use crate::look::{Look, look};
use crate::metered::Metered;
use crate::newest;
use crate::open::Opened;
use crate::opener::OpenerAdaptor;
use crate::patience::patiently;
use crate::planted::{self, Bug};
use crate::scanner::Log;
use crate::truncation::{before_open, before_what_is_open, clamp};

/// A user's wal over a backend's.
pub(crate) struct WalAdaptor {
    writer: Arc<Writer>,
    backend: Arc<Current>,
    handle: Arc<Handle>,
    close_timeout: Duration,
}

impl WalAdaptor {
    pub(crate) fn new(
        Opened {
            writer,
            backend,
            presence,
        }: Opened,
        option: &OpenOption,
        opener: Arc<OpenerAdaptor>,
    ) -> Arc<Self> {
        let reader: Arc<dyn RoWalImpls> = Metered::new(Arc::clone(&backend) as _, &option.limits);
        let log = Log::of_owner(
            writer.channel.clone(),
            Arc::clone(&reader),
            Arc::clone(&writer.cache),
            Arc::clone(&writer.hooks),
            option.limits.clone(),
            presence,
        );
        let watched = Arc::downgrade(&writer);
        opener.watch().add(watched);
        Arc::new(Self {
            writer,
            backend,
            handle: Handle::new(log, reader, option, opener),
            close_timeout: option.close_timeout,
        })
    }

    /// How a close begins: admission stops, what is on its way is decided, the channel is released.
    fn end(&self) -> impl Future<Output = ()> + Send + 'static {
        let (writer, timeout) = (Arc::clone(&self.writer), self.close_timeout);
        async move {
            writer.stop_admitting();
            if clock::timeout(timeout, release(&writer)).await.is_err() {
                tracing::warn!(
                    channel = %writer.channel.name,
                    "closed with appends undecided: the channel is not released"
                );
            }
            writer.end();
        }
    }
}

#[async_trait]
impl RoWal for WalAdaptor {
    fn channel(&self) -> &ChannelInfo {
        &self.writer.channel
    }

    async fn scan(&self, option: ScanOption) -> Result<Box<dyn Scanner>> {
        self.handle.scan(option).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.handle.bounds().await
    }

    async fn tail(&self) -> Result<Tail> {
        let _inside = self.handle.enter("tail")?;
        Ok(self.writer.cache.tail())
    }

    async fn newest_tick(&self, virtual_channel: &VirtualChannel) -> Result<Option<Tick>> {
        let _inside = self.handle.enter("newest tick")?;
        let known = self.writer.newest.of(virtual_channel);
        if known.is_some() {
            return Ok(known);
        }
        let newest = self.writer.cache.tail().id;
        newest::search(self.backend.as_ref(), newest, virtual_channel)
            .await
            .map_err(|error| self.handle.named(error, "newest tick"))
    }

    fn availability(&self) -> Availability {
        self.writer.availability().borrow().clone()
    }

    async fn unavailable(&self) -> Availability {
        let mut watch = self.writer.availability();
        match watch.wait_for(|now| !now.is_available()).await {
            Ok(now) => now.clone(),
            Err(_) => Availability::Closed,
        }
    }

    async fn close(&self) -> Result<()> {
        self.handle.close(self.end()).await
    }
}

#[async_trait]
impl Child for WalAdaptor {
    async fn close_alone(&self) -> Result<()> {
        self.handle.close_alone(self.end()).await
    }

    fn truncated(&self, channel: &ChannelName, id: MessageId) {
        if *channel == self.writer.channel.name {
            self.writer.cache.truncate(id);
        }
    }

    fn scanners(&self, channel: &ChannelName, earliest: Lsn, tail: Lsn) -> Vec<ScannerInfo> {
        self.handle.scanners(channel, earliest, tail)
    }
}

/// Waits for what is on its way, then ends the ownership in the log.
async fn release(writer: &Arc<Writer>) {
    writer.drained().await;
    if let Some(release) = writer.release()
        && let Err(error) = release.await
    {
        tracing::warn!(channel = %writer.channel.name, %error, "the channel is not released");
    }
}

#[async_trait]
impl Wal for WalAdaptor {
    fn append(&self, message: Message) -> Append {
        self.writer.append(message)
    }

    fn append_batch(&self, messages: Vec<Message>) -> AppendBatch {
        self.writer.append_batch(messages)
    }

    fn append_if(&self, message: Message, expected: Expected) -> Append {
        self.writer.append_if(message, expected)
    }

    fn begin(&self, option: TransactionOption) -> Result<Transaction> {
        self.writer.begin(option)
    }

    fn advance_tick(&self, virtual_channel: Option<VirtualChannel>) -> Append {
        self.writer.advance_tick(virtual_channel)
    }

    fn try_append(&self, message: Message) -> std::result::Result<Append, Refused> {
        self.writer.try_append(message)
    }

    async fn reserve(&self, bytes: usize) -> Result<Permit> {
        self.writer.reserve(bytes).await
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        let _inside = self.handle.enter("truncate")?;
        let truncated = self.truncate_to(id).await;
        counter!(metric::TRUNCATE_TOTAL, "outcome" => outcome(&truncated)).increment(1);
        truncated
    }

    fn owner(&self) -> Owner {
        self.writer.owner()
    }
}

impl WalAdaptor {
    async fn truncate_to(&self, id: MessageId) -> Result<()> {
        let named = |error| self.handle.named(error, "truncate");
        let bounds = patiently(|| self.backend.bounds()).await;
        let newest = bounds.map_err(named)?.newest;
        // The numbered records are asked after the bounds: they can only have moved on.
        let (mut numbered, mut before) = self.writer.cache.newest_two();
        let mut looked = None;
        if numbered.is_none_or(|numbered| id >= numbered) {
            let stored = self.stored().await.map_err(named)?;
            (numbered, before) = (stored.numbered.as_ref().map(|it| it.id), stored.before);
            looked = Some(stored);
        }
        match clamp(id, larger(newest, numbered), numbered, before).map_err(named)? {
            Some(id) => {
                let limited = self.before_open(id, looked.as_ref()).await;
                let Some(id) = limited.map_err(named)? else {
                    return Ok(());
                };
                self.backend.truncate(id).await.map_err(named)?;
                if planted::is(Bug::TruncatesNotTheCache) {
                    return Ok(());
                }
                self.writer.cache.truncate(id);
                Ok(())
            }
            None => {
                // Perhaps another process truncated all before, of which this one's cache does not know.
                if let Some(numbered) = numbered {
                    self.writer.cache.truncate_before(numbered);
                }
                Ok(())
            }
        }
    }

    /// As far as it may go before the oldest transaction that is open, or whose end is on its way, and before the newest
    /// message where it goes as far as to that: then it was looked at.
    async fn before_open(&self, id: MessageId, looked: Option<&Look>) -> Result<Option<MessageId>> {
        let limited = match looked {
            Some(looked) => before_what_is_open(self.backend.as_ref(), looked, id).await?,
            None => Some(id),
        };
        let Some(id) = limited else { return Ok(None) };
        let (tail, next) = self.writer.cache.confirmed();
        let newest = tail.id.zip(next.and_then(|next| next.get().checked_sub(1)));
        let open = [self.writer.newest.oldest_open(), self.writer.oldest_open()];
        match (open.into_iter().flatten().min(), newest) {
            (Some(begin), Some((newest, seq))) => {
                before_open(self.backend.as_ref(), id, begin, (newest, Seq::new(seq))).await
            }
            _ => Ok(Some(id)),
        }
    }

    /// The newest numbered record that is stored, and the one before it. The cache may not know them: an answer of the
    /// backend may be on its way, or another owner wrote them. This one must not take its own newest record for theirs,
    /// and say that it has truncated as far as it may.
    async fn stored(&self) -> Result<Look> {
        let looked = look(self.backend.as_ref()).await?;
        if let Some((owner, _)) = looked.owner.filter(|(it, _)| *it > self.writer.owner()) {
            let text =
                "another owner has the channel; truncate through its wal, or through the store";
            return Err(Error::new(ErrorKind::Fenced, text).with_context("owner", owner));
        }
        Ok(looked)
    }
}

impl Drop for WalAdaptor {
    fn drop(&mut self) {
        // Without a close it ends as a crash would end it: nothing is released. A close that runs goes on.
        if self.handle.begin_close() {
            self.writer.orphan();
        }
    }
}

/// The larger of two ids that may be missing.
fn larger(a: Option<MessageId>, b: Option<MessageId>) -> Option<MessageId> {
    if a > b { a } else { b }
}
