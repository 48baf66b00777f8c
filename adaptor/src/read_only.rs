//! A channel that is open for reading, as its user holds it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use walx_core::{
    Availability, Bounds, ChannelInfo, Error, ErrorKind, Lsn, OpenOption, Opener, Result, RoWal,
    ScanOption, Scanner, Tail, Tick,
};
use walx_impls::RoWalImpls;
use walx_utility::clock;
use walx_utility::lifetime::{Inside, Lifetime};

use crate::close::{Child, CloseOnce};
use crate::interceptor;
use crate::look::look;
use crate::scanner::{self, Log};
use crate::sweep::Sweeper;
use crate::wal::closed;

/// A user's read-only wal over a backend's.
pub(crate) struct RoWalAdaptor {
    channel: ChannelInfo,
    backend: Arc<dyn RoWalImpls>,
    log: Arc<Log>,
    lifetime: Lifetime,
    close: CloseOnce,
    close_timeout: Duration,
    availability: watch::Sender<Availability>,
    /// The store, where it closes with this wal.
    store: Option<Arc<dyn Opener>>,
    /// The opener lives as long as its wals.
    _opener: Option<Arc<dyn Opener>>,
}

impl RoWalAdaptor {
    pub(crate) fn new(
        backend: Arc<dyn RoWalImpls>,
        sweeper: &Sweeper,
        option: &OpenOption,
        store: Option<Arc<dyn Opener>>,
        opener: Option<Arc<crate::opener::OpenerAdaptor>>,
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
            backend,
            log,
            lifetime: Lifetime::new(),
            close: CloseOnce::new(),
            close_timeout: option.close_timeout,
            availability: watch::Sender::new(Availability::Available),
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
            .with_channel(&self.channel.name)
    }
}

#[async_trait]
impl RoWal for RoWalAdaptor {
    fn channel(&self) -> &ChannelInfo {
        &self.channel
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
        let looked = look(self.backend.as_ref())
            .await
            .map_err(|error| self.named(error, "tail"))?;
        let header = looked.numbered.map(|it| it.record.header);
        let lsn = header
            .as_ref()
            .and_then(|header| header.next_lsn())
            .unwrap_or(Lsn::ZERO);
        Ok(Tail::new(
            lsn,
            looked.newest,
            header.map_or(Tick::ZERO, |header| header.tick),
        ))
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
        let closed = self.close_alone().await;
        match &self.store {
            Some(store) => closed.and(store.close().await),
            None => closed,
        }
    }
}

#[async_trait]
impl Child for RoWalAdaptor {
    async fn close_alone(&self) -> Result<()> {
        self.lifetime.begin_close();
        self.availability.send_replace(Availability::Closed);
        let (backend, lifetime, log) = (
            Arc::clone(&self.backend),
            self.lifetime.clone(),
            Arc::clone(&self.log),
        );
        let timeout = self.close_timeout;
        let closed = self.close.run(async move {
            log.end();
            let _ = clock::timeout(timeout, lifetime.emptied()).await;
            clock::timeout(timeout, backend.close())
                .await
                .unwrap_or_else(|_| {
                    Err(Error::new(
                        ErrorKind::Unavailable,
                        "the backend did not end in the time of close_timeout",
                    ))
                })
        });
        closed.await.map_err(|error| self.named(error, "close"))
    }
}

impl Drop for RoWalAdaptor {
    fn drop(&mut self) {
        self.log.end();
    }
}
