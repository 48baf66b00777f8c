use std::sync::{Arc, Mutex, Weak};

use walx_core::{
    CacheOption, ChannelInfo, Entry, Interceptor, Lsn, Result, ScanContext, Tail, Tick,
};
use walx_impls::RoWalImpls;
use walx_utility::signal::Signal;
use walx_utility::sync::lock;

use crate::cache::Cache;
use crate::fetch::Fetcher;
use crate::handle::closed;
use crate::sweep::Sweeper;

/// What the scanners of one wal share.
pub(crate) struct Log {
    pub(super) channel: ChannelInfo,
    pub(super) cache: Arc<Cache>,
    pub(super) role: Role,
    hooks: Arc<[Arc<dyn Interceptor>]>,
    /// `None` once the wal has ended, so that a scanner that is kept does not keep the backend.
    backend: Mutex<Option<Arc<dyn RoWalImpls>>>,
    /// The scanners, to be woken when the wal ends.
    scanners: Mutex<Vec<Weak<Signal>>>,
}

/// Whose cache it is.
pub(super) enum Role {
    /// The owner's: everything that is confirmed goes through it.
    Owner,
    /// A reader's: fed by one backend reader while any scanner follows the log.
    Reader(Mutex<Weak<Fetcher>>),
}

impl Log {
    pub(crate) fn of_owner(
        channel: ChannelInfo,
        backend: Arc<dyn RoWalImpls>,
        cache: Arc<Cache>,
        hooks: Arc<[Arc<dyn Interceptor>]>,
    ) -> Arc<Self> {
        Arc::new(Self::new(channel, backend, cache, Role::Owner, hooks))
    }

    pub(crate) fn of_reader(
        channel: ChannelInfo,
        backend: Arc<dyn RoWalImpls>,
        option: CacheOption,
        sweeper: &Sweeper,
        hooks: Arc<[Arc<dyn Interceptor>]>,
    ) -> Arc<Self> {
        let cache = Cache::new(option, None, Tail::new(Lsn::ZERO, None, Tick::ZERO));
        sweeper.add(&cache);
        Arc::new(Self::new(
            channel,
            backend,
            cache,
            Role::Reader(Mutex::default()),
            hooks,
        ))
    }

    fn new(
        channel: ChannelInfo,
        backend: Arc<dyn RoWalImpls>,
        cache: Arc<Cache>,
        role: Role,
        hooks: Arc<[Arc<dyn Interceptor>]>,
    ) -> Self {
        Self {
            channel,
            cache,
            role,
            hooks,
            backend: Mutex::new(Some(backend)),
            scanners: Mutex::default(),
        }
    }

    /// The backend, while the wal is open.
    pub(super) fn backend(&self) -> Result<Arc<dyn RoWalImpls>> {
        lock(&self.backend).clone().ok_or_else(closed)
    }

    pub(super) fn is_ended(&self) -> bool {
        lock(&self.backend).is_none()
    }

    /// A signal that is set when the wal ends.
    pub(super) fn join(&self) -> Arc<Signal> {
        let signal = Arc::default();
        let mut scanners = lock(&self.scanners);
        scanners.retain(|it| it.strong_count() > 0);
        scanners.push(Arc::downgrade(&signal));
        signal
    }

    /// What keeps a reader's cache fed; `None` for an owner, whose cache is fed anyway.
    pub(super) fn follow(&self) -> Result<Option<Arc<Fetcher>>> {
        let Role::Reader(fetcher) = &self.role else {
            return Ok(None);
        };
        let mut fetcher = lock(fetcher);
        if let Some(running) = fetcher.upgrade() {
            return Ok(Some(running));
        }
        let started = Arc::new(Fetcher::start(self.backend()?, Arc::clone(&self.cache)));
        *fetcher = Arc::downgrade(&started);
        Ok(Some(started))
    }

    /// Lets the hooks see an entry, the innermost first.
    pub(super) fn hook(&self, entry: &mut Entry) -> Result<()> {
        let context = ScanContext::new(&self.channel);
        self.hooks
            .iter()
            .rev()
            .try_for_each(|hook| hook.scan(&context, entry))
    }

    /// The wal has ended: scanners deliver what the cache has and end.
    pub(crate) fn end(&self) {
        let backend = lock(&self.backend).take();
        drop(backend);
        if let Role::Reader(fetcher) = &self.role
            && let Some(fetcher) = lock(fetcher).upgrade()
        {
            fetcher.stop();
        }
        self.cache.end(closed());
        let scanners = std::mem::take(&mut *lock(&self.scanners));
        scanners
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|signal| signal.set());
    }
}
