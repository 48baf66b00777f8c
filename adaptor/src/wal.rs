//! A channel that is open for appending, as its user holds it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use walx_core::{
    Append, AppendBatch, Availability, Bounds, ChannelInfo, Error, ErrorKind, Message, MessageId,
    OpenOption, Opener, Owner, Permit, Refused, Result, RoWal, ScanOption, Scanner, Tail, Wal,
};
use walx_impls::{RoWalImpls, WalImpls};
use walx_utility::clock;
use walx_utility::lifetime::{Inside, Lifetime};

use crate::append::Writer;
use crate::close::{Child, CloseOnce};
use crate::opener::clamp;
use crate::scanner::{self, Log};

/// A user's wal over a backend's.
pub(crate) struct WalAdaptor {
    writer: Arc<Writer>,
    backend: Arc<dyn WalImpls>,
    log: Arc<Log>,
    lifetime: Lifetime,
    close: CloseOnce,
    close_timeout: Duration,
    /// The store, where it closes with this wal.
    store: Option<Arc<dyn Opener>>,
    /// The opener lives as long as its wals.
    _opener: Option<Arc<dyn Opener>>,
}

impl WalAdaptor {
    pub(crate) fn new(
        writer: Arc<Writer>,
        backend: Arc<dyn WalImpls>,
        option: &OpenOption,
        store: Option<Arc<dyn Opener>>,
        opener: Option<Arc<crate::opener::OpenerAdaptor>>,
    ) -> Arc<Self> {
        let reader: Arc<dyn RoWalImpls> = Arc::clone(&backend) as _;
        let hooks = Arc::clone(&writer.hooks);
        let log = Log::of_owner(
            writer.channel.clone(),
            reader,
            Arc::clone(&writer.cache),
            hooks,
        );
        Arc::new(Self {
            writer,
            backend,
            log,
            lifetime: Lifetime::new(),
            close: CloseOnce::new(),
            close_timeout: option.close_timeout,
            store,
            _opener: opener.map(|opener| opener as _),
        })
    }

    fn enter(&self, operation: &'static str) -> Result<Inside> {
        self.lifetime
            .enter()
            .ok_or_else(|| self.named(closed(), operation))
    }

    fn named(&self, error: Error, operation: &'static str) -> Error {
        error
            .with_operation(operation)
            .with_channel(&self.writer.channel.name)
    }
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the wal is closed; open it anew")
}

#[async_trait]
impl RoWal for WalAdaptor {
    fn channel(&self) -> &ChannelInfo {
        &self.writer.channel
    }

    async fn scan(&self, option: ScanOption) -> Result<Box<dyn Scanner>> {
        let _inside = self.enter("scan")?;
        scanner::start(&self.log, option)
            .await
            .map_err(|error| self.named(error, "scan"))
    }

    async fn bounds(&self) -> Result<Bounds> {
        let _inside = self.enter("bounds")?;
        self.backend
            .bounds()
            .await
            .map_err(|error| self.named(error, "bounds"))
    }

    async fn tail(&self) -> Result<Tail> {
        let _inside = self.enter("tail")?;
        Ok(self.writer.cache.tail())
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
        let closed = self.close_alone().await;
        match &self.store {
            Some(store) => closed.and(store.close().await),
            None => closed,
        }
    }
}

#[async_trait]
impl Child for WalAdaptor {
    async fn close_alone(&self) -> Result<()> {
        self.lifetime.begin_close();
        let (writer, backend, lifetime) = (
            Arc::clone(&self.writer),
            Arc::clone(&self.backend),
            self.lifetime.clone(),
        );
        let (timeout, log) = (self.close_timeout, Arc::clone(&self.log));
        let closed = self.close.run(async move {
            writer.stop_admitting();
            let released = clock::timeout(timeout, release(&writer)).await.is_ok();
            writer.end();
            log.end();
            // Truncations and starts of scans that run end by themselves; those that hang are left behind.
            let _ = clock::timeout(timeout, lifetime.emptied()).await;
            let ended = clock::timeout(timeout, backend.close()).await;
            if !released {
                tracing::warn!(channel = %writer.channel.name, "closed with appends undecided: the channel is not released");
            }
            ended.unwrap_or_else(|_| {
                Err(Error::new(ErrorKind::Unavailable, "the backend did not end in the time of close_timeout"))
            })
        });
        closed.await.map_err(|error| self.named(error, "close"))
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

    fn try_append(&self, message: Message) -> std::result::Result<Append, Refused> {
        self.writer.try_append(message)
    }

    async fn reserve(&self, bytes: usize) -> Result<Permit> {
        self.writer.reserve(bytes).await
    }

    async fn truncate(&self, id: MessageId) -> Result<()> {
        let _inside = self.enter("truncate")?;
        let named = |error| self.named(error, "truncate");
        let newest = self.backend.bounds().await.map_err(named)?.newest;
        // The numbered records are asked after the bounds: they can only have moved on.
        let (numbered, before) = self.writer.cache.newest_two();
        match clamp(id, newest.max_with(numbered), numbered, before).map_err(named)? {
            Some(id) => {
                self.backend.truncate(id).await.map_err(named)?;
                self.writer.cache.truncate(id);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn owner(&self) -> Owner {
        self.writer.owner
    }
}

/// The larger of two ids that may be missing.
trait MaxWith {
    fn max_with(self, other: Self) -> Self;
}

impl MaxWith for Option<MessageId> {
    fn max_with(self, other: Self) -> Self {
        match (self, other) {
            (Some(a), Some(b)) if b > a => Some(b),
            (None, other) => other,
            (this, _) => this,
        }
    }
}

impl Drop for WalAdaptor {
    fn drop(&mut self) {
        // Without a close it ends as a crash would end it: nothing is released. After a close this changes nothing.
        self.writer.orphan();
        self.log.end();
    }
}
