//! An open store: its wals live inside it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use metrics::{counter, histogram};
use walx_core::{
    Access, BackendName, Bounds, Capability, ChannelName, Description, Error, ErrorKind, Lsn,
    MessageId, OpenOption, Opener, Progress, RepairMode, Repaired, Result, RoWal, Verified, Wal,
};
use walx_impls::{OpenerImpls, RoWalImpls};
use walx_utility::lifetime::{Inside, Lifetime};
use walx_utility::sync::lock;
use walx_utility::{clock, metric, spawn};

use crate::close::{Child, CloseOnce};
use crate::describe::describe;
use crate::feed::{Key, Storage};
use crate::gauge::mode;
use crate::interceptor::{check_order, outcome};
use crate::open;
use crate::patience::patiently;
use crate::read_only::RoWalAdaptor;
use crate::search::Searching;
use crate::truncation::limit;
use crate::verify::verify;
use crate::wal::WalAdaptor;
use crate::watch::Watch;

/// The number of the next opener.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// An opener of users' wals over a backend's opener.
pub(crate) struct OpenerAdaptor {
    backend: BackendName,
    inner: Arc<dyn OpenerImpls>,
    lifetime: Lifetime,
    wals: Arc<Mutex<Vec<Weak<dyn Child>>>>,
    watch: Watch,
    /// Tells it from the other openers of this process.
    number: u64,
    close: CloseOnce,
    this: Weak<Self>,
}

impl OpenerAdaptor {
    pub(crate) fn new(backend: BackendName, inner: Arc<dyn OpenerImpls>) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            backend,
            inner,
            lifetime: Lifetime::new(),
            wals: Arc::default(),
            watch: Watch::default(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            close: CloseOnce::new(),
            this: Weak::clone(this),
        })
    }

    /// What looks at its wals once a second.
    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Which records a reader of this channel reads.
    fn key(&self, channel: &ChannelName) -> Key {
        let of_opener = || Storage::OfOpener(self.number);
        Key {
            backend: self.backend,
            storage: self.inner.identity().map_or_else(of_opener, Storage::Named),
            channel: channel.clone(),
            runtime: spawn::runtime(),
        }
    }

    /// Itself, as its wals hold it.
    fn this(&self) -> Result<Arc<Self>> {
        self.this.upgrade().ok_or_else(closed)
    }

    pub(crate) fn enter(&self) -> Result<Inside> {
        self.lifetime.enter().ok_or_else(closed)
    }

    /// The wals that are open.
    fn open_wals(&self) -> Vec<Arc<dyn Child>> {
        lock(&self.wals).iter().filter_map(Weak::upgrade).collect()
    }

    /// Gives up on an open when the store closes.
    async fn until_closing<T>(&self, opening: impl Future<Output = Result<T>>) -> Result<T> {
        let (mut opening, mut closing) = (pin!(opening), pin!(self.lifetime.closing()));
        poll_fn(|context| {
            if let Poll::Ready(opened) = opening.as_mut().poll(context) {
                return Poll::Ready(opened);
            }
            closing.as_mut().poll(context).map(|()| Err(closed()))
        })
        .await
    }

    fn keep(&self, wal: Weak<dyn Child>) {
        let mut wals = lock(&self.wals);
        wals.retain(|wal| wal.strong_count() > 0);
        wals.push(wal);
    }
}

impl OpenerAdaptor {
    async fn open_owner(&self, option: OpenOption) -> Result<Arc<WalAdaptor>> {
        let named = |error: Error| error.with_operation("open").with_channel(&option.channel);
        let _inside = self.enter().map_err(named)?;
        check(&option).map_err(named)?;
        let opening = open::open(&self.inner, self.backend, &option);
        let opened = self.until_closing(opening).await.map_err(named)?;
        let wal = WalAdaptor::new(opened, &option, self.this()?);
        let kept: Weak<dyn Child> = Arc::downgrade(&wal) as _;
        self.keep(kept);
        Ok(wal)
    }

    async fn open_reader(&self, option: OpenOption) -> Result<Arc<RoWalAdaptor>> {
        let named = |error: Error| {
            error
                .with_operation("open read-only")
                .with_channel(&option.channel)
        };
        let _inside = self.enter().map_err(named)?;
        if option.term.is_some() || option.take_over {
            let message =
                "a reader owns nothing: leave term and take_over out, or open for writing";
            return Err(named(Error::new(ErrorKind::InvalidInput, message)));
        }
        check_order(&option.interceptors).map_err(named)?;
        let opening = patiently(|| self.inner.open_read_only(&option.channel));
        let backend: Arc<dyn RoWalImpls> = self.until_closing(opening).await.map_err(named)?;
        let backend = match self.inner.capability().start_by_time {
            true => backend,
            false => Arc::new(Searching(backend)) as _,
        };
        let wal = RoWalAdaptor::new(backend, self.key(&option.channel), &option, self.this()?);
        let kept: Weak<dyn Child> = Arc::downgrade(&wal) as _;
        self.keep(kept);
        Ok(wal)
    }

    /// A reader for one look.
    async fn reader(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        patiently(|| self.inner.open_read_only(channel)).await
    }

    async fn truncate_to(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        let named = |error: Error| error.with_operation("truncate").with_channel(channel);
        let _inside = self.enter().map_err(named)?;
        let reader = self.reader(channel).await.map_err(named)?;
        let limit = limit(reader.as_ref(), id).await;
        let closed = reader.close().await;
        let limit = limit.map_err(named)?;
        closed.map_err(named)?;
        match limit {
            Some(id) => {
                self.inner.truncate(channel, id).await.map_err(named)?;
                for wal in self.open_wals() {
                    wal.truncated(channel, id);
                }
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Opener for OpenerAdaptor {
    fn backend(&self) -> BackendName {
        self.backend
    }

    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn open(&self, option: OpenOption) -> Result<Arc<dyn Wal>> {
        let asked = clock::now();
        let opened = self.open_owner(option).await;
        count_open(&opened, mode(Access::ReadWrite), asked.elapsed());
        Ok(opened?)
    }

    async fn open_read_only(&self, option: OpenOption) -> Result<Arc<dyn RoWal>> {
        let asked = clock::now();
        let opened = self.open_reader(option).await;
        count_open(&opened, mode(Access::ReadOnly), asked.elapsed());
        Ok(opened?)
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        let truncated = self.truncate_to(channel, id).await;
        counter!(metric::TRUNCATE_TOTAL, "outcome" => outcome(&truncated)).increment(1);
        truncated
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        let named = |error: Error| error.with_operation("bounds").with_channel(channel);
        let _inside = self.enter().map_err(named)?;
        patiently(|| self.inner.bounds(channel))
            .await
            .map_err(named)
    }

    async fn describe(&self, channel: &ChannelName) -> Result<Description> {
        let named = |error: Error| error.with_operation("describe").with_channel(channel);
        let _inside = self.enter().map_err(named)?;
        let reader = self.reader(channel).await.map_err(named)?;
        let described = describe(self.inner.as_ref(), reader.as_ref()).await;
        let closed = reader.close().await;
        let mut described = described.map_err(named)?;
        closed.map_err(named)?;
        let (earliest, tail) = (described.earliest.unwrap_or(Lsn::ZERO), described.tail.lsn);
        for wal in self.open_wals() {
            let scanners = wal.scanners(channel, earliest, tail);
            described.scanners.extend(scanners);
        }
        Ok(described)
    }

    async fn verify(&self, channel: Option<&ChannelName>, progress: &Progress) -> Result<Verified> {
        let named = |error: Error| error.with_operation("verify");
        let _inside = self.enter().map_err(named)?;
        verify(self.inner.as_ref(), channel, progress)
            .await
            .map_err(named)
    }

    async fn repair(&self, mode: RepairMode, progress: &Progress) -> Result<Repaired> {
        let named = |error: Error| error.with_operation("repair");
        let _inside = self.enter().map_err(named)?;
        let Some(maintenance) = self.inner.maintenance() else {
            let text = format!(
                "the backend '{}' has nothing that walx could repair; use its own tools",
                self.backend
            );
            return Err(named(Error::new(ErrorKind::Unsupported, text)));
        };
        maintenance.repair(mode, progress).await.map_err(named)
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        let named = |error: Error| error.with_operation("list");
        let _inside = self.enter().map_err(named)?;
        patiently(|| self.inner.list()).await.map_err(named)
    }

    async fn close(&self) -> Result<()> {
        self.lifetime.begin_close();
        let (inner, lifetime, wals) = (
            Arc::clone(&self.inner),
            self.lifetime.clone(),
            Arc::clone(&self.wals),
        );
        self.close
            .run(async move {
                // Opens that run end first, so that what they open is closed here too. A wal that is being closed
                // takes its own time; one that hangs is left behind.
                let _ = clock::timeout(2 * CLOSE_TIMEOUT, lifetime.emptied()).await;
                let open: Vec<_> = lock(&wals)
                    .drain(..)
                    .filter_map(|wal| wal.upgrade())
                    .collect();
                let closing = open
                    .into_iter()
                    .map(|wal| spawn::task(async move { wal.close_alone().await }));
                let mut first = Ok(());
                for closing in closing.collect::<Vec<_>>() {
                    let lost = || Error::new(ErrorKind::Internal, "closing a wal panicked");
                    first = first.and(closing.await.unwrap_or_else(|_| Err(lost())));
                }
                let ended = clock::timeout(CLOSE_TIMEOUT, inner.close()).await;
                let late = || Error::new(ErrorKind::Unavailable, "the backend did not end in time");
                let ended = ended.unwrap_or_else(|_| Err(late()));
                let ended = ended.map_err(|error| error.with_operation("close the store"));
                first.and(ended)
            })
            .await
    }
}

fn count_open<T>(opened: &Result<T>, mode: &'static str, took: Duration) {
    counter!(metric::OPEN_TOTAL, "mode" => mode, "outcome" => outcome(opened)).increment(1);
    if opened.is_ok() {
        histogram!(metric::OPEN_SECONDS, "mode" => mode).record(took);
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the store is closed; open it anew")
}

/// How long the store's own end may take; its wals have their `close_timeout`.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// Options that can't be meant.
fn check(option: &OpenOption) -> Result<()> {
    check_order(&option.interceptors)?;
    if option.max_in_flight_bytes == 0 {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "max_in_flight_bytes must be at least 1",
        ));
    }
    if let Some(term) = option
        .term
        .filter(|term| matches!(term.get(), 0 | u64::MAX))
    {
        return Err(
            Error::new(ErrorKind::InvalidInput, "terms go from 1 to 2^64 - 2")
                .with_context("term", term),
        );
    }
    Ok(())
}
