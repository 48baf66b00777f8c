//! A channel that is open for reading, as its user holds it.

use std::future::ready;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;
use walx_core::{
    Availability, Bounds, ChannelInfo, ChannelName, MessageId, OpenOption, Result, RoWal,
    ScanOption, Scanner, Tail,
};
use walx_impls::RoWalImpls;

use crate::close::Child;
use crate::describe::tail;
use crate::handle::Handle;
use crate::interceptor;
use crate::look::look;
use crate::opener::OpenerAdaptor;
use crate::scanner::Log;
use crate::sweep::Sweeper;

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
        sweeper: &Sweeper,
        option: &OpenOption,
        opener: Arc<OpenerAdaptor>,
    ) -> Arc<Self> {
        let channel = ChannelInfo::read_only(option.channel.clone());
        let hooks = interceptor::stack(&option.interceptors);
        let log = Log::of_reader(
            channel.clone(),
            Arc::clone(&backend),
            option.cache,
            sweeper,
            hooks,
        );
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
}
