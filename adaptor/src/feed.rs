//! One cache for all read-only wals of a channel on one runtime, fed by one backend reader, whichever opener they came
//! through.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, Weak};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::watch;
use tracing::Span;
use walx_core::{BackendName, CacheOption, ChannelInfo, ChannelName, Limits, Lsn, Tail, Tick};
use walx_impls::RoWalImpls;
use walx_utility::clock::{self, Instant};
use walx_utility::sync::lock;

use crate::cache::Cache;
use crate::fetch::Fetcher;

/// After an error that ended a feed nobody starts it again for so long.
const REST: Duration = Duration::from_secs(5);

/// The feeds of this process. A feed takes its entry out when its last wal goes.
static FEEDS: LazyLock<Mutex<HashMap<Key, Weak<Feed>>>> = LazyLock::new(Mutex::default);

/// Which records a feed reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) backend: BackendName,
    pub(crate) storage: Storage,
    pub(crate) channel: ChannelName,
    /// Where the wals were opened. A runtime that nobody drives for a while, as a blocked single-threaded one, must not
    /// hold up the readers of the others.
    pub(crate) runtime: Option<runtime::Id>,
}

/// What openers must have in common to share a feed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Storage {
    /// The storage that the backend named.
    Named(String),
    /// One opener's own, by the opener's number.
    OfOpener(u64),
}

/// A cache, the wals that share it, and what feeds it while any of their scanners follows the log.
pub(crate) struct Feed {
    key: Key,
    pub(crate) cache: Arc<Cache>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The one whose handle is read from comes first.
    members: Vec<Member>,
    next_number: u64,
    fetcher: Weak<Fetcher>,
    /// When an error ended it.
    failed: Option<Instant>,
}

/// A wal that shares the feed.
struct Member {
    number: u64,
    backend: Arc<dyn RoWalImpls>,
    option: CacheOption,
    span: Span,
    /// Dropped when the wal leaves: then its handle is no longer read from.
    staying: watch::Sender<()>,
}

/// A wal's share in a feed. Dropped, the wal has left it.
pub(crate) struct Membership {
    pub(crate) feed: Arc<Feed>,
    number: u64,
}

/// A handle to read from, as long as its wal stays.
pub(crate) struct Lent {
    pub(crate) number: u64,
    pub(crate) backend: Arc<dyn RoWalImpls>,
    pub(crate) span: Span,
    pub(crate) staying: watch::Receiver<()>,
}

impl Feed {
    /// Joins the feed of these records, which is made where there is none, with the budget of its first wal.
    pub(crate) fn join(
        key: Key,
        backend: Arc<dyn RoWalImpls>,
        option: CacheOption,
        limits: &Limits,
        span: Span,
    ) -> Membership {
        let feed = {
            let mut feeds = lock(&FEEDS);
            let entry = feeds.entry(key.clone()).or_default();
            entry.upgrade().unwrap_or_else(|| {
                let feed = Arc::new(Self::new(key, option, limits));
                *entry = Arc::downgrade(&feed);
                feed
            })
        };
        let mut state = lock(&feed.state);
        let number = state.next_number;
        state.next_number += 1;
        state.members.push(Member {
            number,
            backend,
            option,
            span,
            staying: watch::Sender::new(()),
        });
        feed.fit(&state);
        drop(state);
        Membership { feed, number }
    }

    fn new(key: Key, option: CacheOption, limits: &Limits) -> Self {
        let channel = ChannelInfo::read_only(key.channel.clone());
        let tail = Tail::new(Lsn::ZERO, None, Tick::ZERO);
        Self {
            key,
            cache: Cache::new(&channel, option, limits.clone(), None, tail),
            state: Mutex::default(),
        }
    }

    /// What feeds the cache as long as it is held; started where it does not run.
    pub(crate) fn fetch(self: &Arc<Self>) -> Arc<Fetcher> {
        let mut state = lock(&self.state);
        if let Some(fetcher) = state.fetcher.upgrade()
            && (!fetcher.has_ended() || state.failed.is_some_and(|at| at.elapsed() < REST))
        {
            return fetcher;
        }
        let fetcher = Arc::new(Fetcher::start(Arc::clone(self)));
        (state.fetcher, state.failed) = (Arc::downgrade(&fetcher), None);
        fetcher
    }

    /// A handle to read from; `None` where every wal has left.
    pub(crate) fn lend(&self) -> Option<Lent> {
        let state = lock(&self.state);
        state.members.first().map(|member| Lent {
            number: member.number,
            backend: Arc::clone(&member.backend),
            span: member.span.clone(),
            staying: member.staying.subscribe(),
        })
    }

    /// How many wals share it.
    pub(crate) fn members(&self) -> usize {
        lock(&self.state).members.len()
    }

    /// The next one's handle is to be read from, since this one's doesn't answer.
    pub(crate) fn pass_on(&self, number: u64) {
        let mut state = lock(&self.state);
        if state.members.first().is_some_and(|it| it.number == number) {
            state.members.rotate_left(1);
        }
    }

    /// An error ends it.
    pub(crate) fn fail(&self) {
        lock(&self.state).failed = Some(clock::now());
    }

    /// A wal leaves, or its handle was closed.
    pub(crate) fn leave(&self, number: u64) {
        let mut state = lock(&self.state);
        let at = state.members.iter().position(|it| it.number == number);
        let left = at.map(|at| state.members.remove(at));
        self.fit(&state);
        let empty = state.members.is_empty();
        drop(state);
        // Freed outside of the lock.
        drop(left);
        if empty {
            self.cache.reset();
        }
    }

    /// The cache is as large as the largest that any of its wals asked for.
    fn fit(&self, state: &State) {
        let largest = state.members.iter().map(|it| it.option).reduce(|a, b| {
            let bytes = a.capacity_bytes.max(b.capacity_bytes);
            CacheOption::new(bytes, a.keep.max(b.keep))
        });
        if let Some(largest) = largest {
            self.cache.set_option(largest);
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.cache.retire();
        let mut feeds = lock(&FEEDS);
        // Somebody may have made the next feed of this key meanwhile.
        if feeds
            .get(&self.key)
            .is_some_and(|it| it.strong_count() == 0)
        {
            feeds.remove(&self.key);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.feed.leave(self.number);
    }
}
