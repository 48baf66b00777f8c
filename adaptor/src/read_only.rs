//! A channel that is open for reading, as its user holds it.

use std::future::ready;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use walx_core::{
    Availability, Bounds, ChannelInfo, ChannelName, Lsn, MessageId, OpenOption, Result, RoWal,
    ScanOption, Scanner, ScannerInfo, Tail, Tick, VirtualChannel,
};
use walx_impls::RoWalImpls;

use crate::close::Child;
use crate::describe::tail;
use crate::feed::Key;
use crate::gauge::Presence;
use crate::handle::Handle;
use crate::look::look;
use crate::metered::Metered;
use crate::newest;
use crate::opener::OpenerAdaptor;
use crate::patience::patiently;
use crate::scanner::Log;

/// A user's read-only wal over a backend's.
pub(crate) struct RoWalAdaptor {
    channel: ChannelInfo,
    backend: Arc<dyn RoWalImpls>,
    handle: Arc<Handle>,
    availability: watch::Sender<Availability>,
}

impl RoWalAdaptor {
    pub(crate) fn new(
        backend: Arc<dyn RoWalImpls>,
        key: Key,
        option: &OpenOption,
        opener: Arc<OpenerAdaptor>,
    ) -> Arc<Self> {
        let backend: Arc<dyn RoWalImpls> = Metered::new(backend, &option.limits);
        let channel = ChannelInfo::read_only(option.channel.clone());
        let hooks = option.interceptors.clone().into();
        let presence = Presence::new(&channel, None, key.backend);
        let log = Log::of_reader(key, Arc::clone(&backend), option, hooks, presence);
        Arc::new(Self {
            channel,
            handle: Handle::new(log, Arc::clone(&backend), option, opener),
            backend,
            availability: watch::Sender::new(Availability::Available),
        })
    }
}

#[async_trait]
impl RoWal for RoWalAdaptor {
    fn channel(&self) -> &ChannelInfo {
        &self.channel
    }

    async fn scan(&self, option: ScanOption) -> Result<Box<dyn Scanner>> {
        self.handle.scan(option).await
    }

    async fn bounds(&self) -> Result<Bounds> {
        self.handle.bounds().await
    }

    async fn tail(&self) -> Result<Tail> {
        let _inside = self.handle.enter("tail")?;
        let looked = look(self.backend.as_ref()).await;
        let looked = looked.map_err(|error| self.handle.named(error, "tail"))?;
        Ok(tail(&looked))
    }

    async fn newest_tick(&self, virtual_channel: &VirtualChannel) -> Result<Option<Tick>> {
        let _inside = self.handle.enter("newest tick")?;
        let search = async {
            let newest = patiently(|| self.backend.bounds()).await?.newest;
            newest::search(self.backend.as_ref(), newest, virtual_channel).await
        };
        search
            .await
            .map_err(|error| self.handle.named(error, "newest tick"))
    }

    fn availability(&self) -> Availability {
        self.availability.borrow().clone()
    }

    async fn unavailable(&self) -> Availability {
        let mut watch = self.availability.subscribe();
        // The sender lives in `self`.
        let _ = watch.wait_for(|now| !now.is_available()).await;
        Availability::Closed
    }

    async fn close(&self) -> Result<()> {
        self.availability.send_replace(Availability::Closed);
        self.handle.close(ready(())).await
    }
}

#[async_trait]
impl Child for RoWalAdaptor {
    async fn close_alone(&self) -> Result<()> {
        self.availability.send_replace(Availability::Closed);
        self.handle.close_alone(ready(())).await
    }

    fn truncated(&self, _channel: &ChannelName, _id: MessageId) {
        // A reader's scans start in the backend, which knows.
    }

    fn scanners(&self, channel: &ChannelName, earliest: Lsn, tail: Lsn) -> Vec<ScannerInfo> {
        self.handle.scanners(channel, earliest, tail)
    }
}
