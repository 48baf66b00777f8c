//! What a user's wal is, however it was opened: its life, its scanners, its close.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use tracing::Instrument;
use walx_core::{
    Bounds, ChannelName, Error, ErrorKind, Lsn, OpenOption, Opener, Result, ScanOption, Scanner,
    ScannerInfo,
};
use walx_impls::RoWalImpls;
use walx_utility::lifetime::{Inside, Lifetime};
use walx_utility::{clock, metric};

use crate::close::CloseOnce;
use crate::gauge::mode;
use crate::interceptor::outcome;
use crate::opener::OpenerAdaptor;
use crate::patience::patiently;
use crate::scan_defaults::ScanDefaults;
use crate::scanner::{self, Log};

pub(crate) struct Handle {
    log: Arc<Log>,
    backend: Arc<dyn RoWalImpls>,
    lifetime: Lifetime,
    close: CloseOnce,
    /// Where the store closes with this wal.
    close_both: CloseOnce,
    timeout: Duration,
    /// The opener lives as long as its wals.
    opener: Arc<OpenerAdaptor>,
    /// Whether the store closes with this wal.
    close_store: bool,
    scan_defaults: ScanDefaults,
}

impl Handle {
    pub(crate) fn new(
        log: Arc<Log>,
        backend: Arc<dyn RoWalImpls>,
        option: &OpenOption,
        opener: Arc<OpenerAdaptor>,
    ) -> Arc<Self> {
        for watched in log.watched() {
            opener.watch().add(watched);
        }
        Arc::new(Self {
            log,
            backend,
            lifetime: Lifetime::new(),
            close: CloseOnce::new(),
            close_both: CloseOnce::new(),
            timeout: option.close_timeout,
            opener,
            close_store: option.close_store,
            scan_defaults: ScanDefaults::of(option),
        })
    }

    pub(crate) fn enter(&self, operation: &'static str) -> Result<Inside> {
        self.lifetime
            .enter()
            .ok_or_else(|| self.named(closed(), operation))
    }

    pub(crate) fn named(&self, error: Error, operation: &'static str) -> Error {
        error
            .with_operation(operation)
            .with_channel(self.backend.channel())
    }

    pub(crate) async fn scan(&self, option: ScanOption) -> Result<Box<dyn Scanner>> {
        let _inside = self.enter("scan")?;
        let option = self.scan_defaults.apply(option);
        let asked = clock::now();
        let started = match scanner::check_ids(self.opener.backend(), &option) {
            Ok(()) => patiently(|| scanner::start(&self.log, option.clone())).await,
            Err(error) => Err(error),
        };
        counter!(metric::SCAN_START_TOTAL, "outcome" => outcome(&started)).increment(1);
        if started.is_ok() {
            histogram!(metric::SCAN_START_SECONDS).record(asked.elapsed());
        }
        started.map_err(|error| self.named(error, "scan"))
    }

    pub(crate) async fn bounds(&self) -> Result<Bounds> {
        let _inside = self.enter("bounds")?;
        patiently(|| self.backend.bounds())
            .await
            .map_err(|error| self.named(error, "bounds"))
    }

    /// Its scanners, where it is a wal of `channel`.
    pub(crate) fn scanners(
        &self,
        channel: &ChannelName,
        earliest: Lsn,
        tail: Lsn,
    ) -> Vec<ScannerInfo> {
        match self.log.channel().name == *channel {
            true => self.log.scanners(earliest, tail),
            false => Vec::new(),
        }
    }

    /// Lets nobody in any more; `true` for the first call.
    pub(crate) fn begin_close(&self) -> bool {
        self.lifetime.begin_close()
    }

    /// Closes the wal, and the store if it is to close with it.
    pub(crate) async fn close(
        self: &Arc<Self>,
        first: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        if !self.close_store {
            return self.close_alone(first).await;
        }
        let this = Arc::clone(self);
        let both = async move {
            let closed = this.close_alone(first).await;
            closed.and(this.opener.close().await)
        };
        self.close_both.run(both).await
    }

    /// Closes the wal: `first`, then the scanners, then the backend.
    pub(crate) async fn close_alone(
        &self,
        first: impl Future<Output = ()> + Send + 'static,
    ) -> Result<()> {
        self.begin_close();
        let (log, backend) = (Arc::clone(&self.log), Arc::clone(&self.backend));
        let (lifetime, timeout) = (self.lifetime.clone(), self.timeout);
        // The store waits for a close that runs, also where nobody holds the wal any more.
        let inside = self.opener.enter();
        let mode = mode(self.log.channel().access);
        let closing = async move {
            let _inside = inside;
            let asked = clock::now();
            first.await;
            log.end();
            // Truncations and starts of scans that run end by themselves; those that hang are left behind.
            let _ = clock::timeout(timeout, lifetime.emptied()).await;
            let ended = clock::timeout(timeout, backend.close()).await;
            let ended = ended.unwrap_or_else(|_| {
                let message = "the backend did not end in the time of close_timeout";
                Err(Error::new(ErrorKind::Unavailable, message))
            });
            counter!(metric::CLOSE_TOTAL, "mode" => mode, "outcome" => outcome(&ended))
                .increment(1);
            histogram!(metric::CLOSE_SECONDS, "mode" => mode).record(asked.elapsed());
            ended
        };
        let closed = self.close.run(closing.instrument(self.log.span()));
        closed.await.map_err(|error| self.named(error, "close"))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.log.end();
    }
}

/// What calls on a closed wal get.
pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the wal is closed; open it anew")
}
