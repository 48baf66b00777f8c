use std::sync::{Arc, Mutex, Weak};

use walx_core::{
    ChannelInfo, Interceptor, Limits, Lsn, OpenOption, PlacedMessage, Result, ScanContext,
    ScannerInfo, Seq,
};
use walx_impls::RoWalImpls;
use walx_utility::clock::Instant;
use walx_utility::metric;
use walx_utility::sync::lock;

use super::joined::Joined;
use crate::cache::Cache;
use crate::feed::{Feed, Key, Membership};
use crate::fetch::Follow;
use crate::gauge::{Gauges, Presence, labels};
use crate::handle::closed;
use crate::interceptor::{ScanMetrics, Undo};
use crate::watch::Watched;

/// What the scanners of one wal share.
pub(crate) struct Log {
    pub(super) channel: ChannelInfo,
    pub(super) cache: Arc<Cache>,
    pub(super) role: Role,
    hooks: Arc<Hooks>,
    /// The budget of memory that its scanners share with others.
    pub(super) limits: Limits,
    life: Mutex<Life>,
    /// The scanners, to be woken when the wal ends.
    scanners: Mutex<Vec<Weak<Joined>>>,
    pub(super) metrics: ScanMetrics,
    lag: Gauges<1>,
    presence: Presence,
}

/// The hooks of one wal.
pub(super) struct Hooks {
    channel: ChannelInfo,
    undo: Undo,
}

impl Hooks {
    /// Makes a message plain, and lets them see it.
    pub(super) fn run(&self, message: &mut PlacedMessage) -> Result<()> {
        self.undo.scan(&ScanContext::new(&self.channel), message)
    }
}

enum Life {
    Open(Arc<dyn RoWalImpls>),
    /// The wal has ended, and the backend is let go, so that a scanner that is kept does not keep it. What the cache
    /// had until then, before this seq, is still delivered.
    Ended(Option<Seq>),
}

/// Whose cache it is.
pub(super) enum Role {
    /// The owner's: everything that is confirmed goes through it.
    Owner {
        /// The confirmed lsn and tick.
        confirmed: Gauges<2>,
    },
    /// That of all readers in this process: fed by one backend reader while any scanner follows the log.
    Reader {
        /// `None` once the wal has ended.
        membership: Mutex<Option<Membership>>,
        follow: Mutex<Weak<Follow>>,
    },
}

impl Log {
    pub(crate) fn of_owner(
        channel: ChannelInfo,
        backend: Arc<dyn RoWalImpls>,
        cache: Arc<Cache>,
        hooks: Arc<[Arc<dyn Interceptor>]>,
        limits: Limits,
        presence: Presence,
    ) -> Arc<Self> {
        let names = [
            metric::WAL_CONFIRMED_LSN,
            metric::WAL_CONFIRMED_TICK_SECONDS,
        ];
        let confirmed = Gauges::new(names, &labels(&channel)[..1]);
        let role = Role::Owner { confirmed };
        Arc::new(Self::new(
            channel, backend, cache, role, hooks, limits, presence,
        ))
    }

    pub(crate) fn of_reader(
        key: Key,
        backend: Arc<dyn RoWalImpls>,
        option: &OpenOption,
        hooks: Arc<[Arc<dyn Interceptor>]>,
        presence: Presence,
    ) -> Arc<Self> {
        let (channel, limits) = (
            ChannelInfo::read_only(key.channel.clone()),
            option.limits.clone(),
        );
        let span = presence.span.clone();
        let membership = Feed::join(
            key,
            Arc::clone(&backend),
            option.cache,
            &option.limits,
            span,
        );
        let cache = Arc::clone(&membership.feed.cache);
        let role = Role::Reader {
            membership: Mutex::new(Some(membership)),
            follow: Mutex::default(),
        };
        Arc::new(Self::new(
            channel, backend, cache, role, hooks, limits, presence,
        ))
    }

    fn new(
        channel: ChannelInfo,
        backend: Arc<dyn RoWalImpls>,
        cache: Arc<Cache>,
        role: Role,
        hooks: Arc<[Arc<dyn Interceptor>]>,
        limits: Limits,
        presence: Presence,
    ) -> Self {
        Self {
            lag: Gauges::new([metric::SCAN_LAG], &labels(&channel)),
            hooks: Arc::new(Hooks {
                channel: channel.clone(),
                undo: Undo::new(hooks),
            }),
            limits,
            channel,
            cache,
            role,
            life: Mutex::new(Life::Open(backend)),
            scanners: Mutex::default(),
            metrics: ScanMetrics::new(),
            presence,
        }
    }

    pub(crate) fn channel(&self) -> &ChannelInfo {
        &self.channel
    }

    /// The span in which the wal's tasks run.
    pub(crate) fn span(&self) -> tracing::Span {
        self.presence.span.clone()
    }

    /// What the wal's opener watches.
    pub(crate) fn watched(self: &Arc<Self>) -> [Weak<dyn Watched>; 2] {
        let cache = Arc::downgrade(&self.cache);
        let this = Arc::downgrade(self);
        [cache, this]
    }

    /// The backend, while the wal is open.
    pub(super) fn backend(&self) -> Result<Arc<dyn RoWalImpls>> {
        match &*lock(&self.life) {
            Life::Open(backend) => Ok(Arc::clone(backend)),
            Life::Ended(_) => Err(closed()),
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(*lock(&self.life), Life::Ended(_))
    }

    /// Whether the wal has ended, and a scanner that goes on at `place` has delivered what the cache had then.
    pub(super) fn has_delivered(&self, place: Seq) -> bool {
        match *lock(&self.life) {
            Life::Open(_) => false,
            Life::Ended(next) => next.is_none_or(|next| place >= next),
        }
    }

    /// Takes a scanner in.
    pub(super) fn join(&self, joined: Joined) -> Arc<Joined> {
        let joined = Arc::new(joined);
        let mut scanners = lock(&self.scanners);
        scanners.retain(|it| it.strong_count() > 0);
        scanners.push(Arc::downgrade(&joined));
        joined
    }

    /// Where its scanners are, in a log from `earliest` to `tail`.
    pub(crate) fn scanners(&self, earliest: Lsn, tail: Lsn) -> Vec<ScannerInfo> {
        let scanners = lock(&self.scanners);
        let joined = scanners.iter().filter_map(Weak::upgrade);
        joined.filter_map(|it| it.info(earliest, tail)).collect()
    }

    /// What keeps a reader's cache fed; `None` for an owner, whose cache is fed anyway.
    pub(super) fn follow(&self) -> Result<Option<Arc<Follow>>> {
        let Role::Reader { membership, follow } = &self.role else {
            return Ok(None);
        };
        let membership = lock(membership);
        let feed = &membership.as_ref().ok_or_else(closed)?.feed;
        let mut slot = lock(follow);
        let follow = slot.upgrade().unwrap_or_default();
        follow.hold(feed.fetch());
        *slot = Arc::downgrade(&follow);
        Ok(Some(follow))
    }

    /// What sees each message before it is delivered.
    pub(super) fn hooks(&self) -> &Arc<Hooks> {
        &self.hooks
    }

    /// The wal has ended: scanners deliver what the cache has and end.
    pub(crate) fn end(&self) {
        {
            let mut life = lock(&self.life);
            if matches!(*life, Life::Ended(_)) {
                return;
            }
            let next = self.cache.range().map(|(_, next)| next);
            let before = std::mem::replace(&mut *life, Life::Ended(next));
            drop(life);
            drop(before);
        }
        match &self.role {
            Role::Owner { confirmed } => {
                self.cache.end(closed());
                confirmed.end();
            }
            // The others' cache goes on.
            Role::Reader { membership, follow } => {
                let left = lock(membership).take();
                let follow = lock(follow).upgrade();
                if let Some(follow) = follow {
                    follow.stop();
                }
                drop(left);
            }
        }
        self.lag.end();
        self.presence.end();
        let scanners = std::mem::take(&mut *lock(&self.scanners));
        scanners
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|joined| joined.ending.set());
    }
}

impl Watched for Log {
    fn look(&self, _now: Instant) {
        let tail = self.cache.tail();
        if let Role::Owner { confirmed } = &self.role {
            confirmed.set([tail.lsn.get() as f64, tail.tick.unix_ms() as f64 / 1e3]);
        }
        let scanners = self.scanners(Lsn::ZERO, tail.lsn);
        let most = scanners.iter().map(|it| it.lag).max();
        self.lag.set([most.unwrap_or(0) as f64]);
    }
}
