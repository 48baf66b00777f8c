//! What all tasks of a run share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use walx_adaptor::adapt_opener;
use walx_core::{
    ChannelName, Config, Entry, IdempotencyOption, Lsn, Opener, Owner, Place, Result, ResumeToken,
    Tick, TickSource,
};
use walx_impls::OpenerBuilderImpls;
use walx_memory::{MemoryStore, NAME};
use walx_testkit::history::Recorder;
use walx_utility::clock::{self, Instant};
use walx_utility::spawn::{self, Task};
use walx_utility::sync::lock;

use crate::chance::{percent, pick, up_to};
use crate::network::Network;
use crate::trace::Trace;

/// In simulated time every call has ended by then, whatever the faults: they heal within seconds, and owners end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The largest record that the store takes.
pub(crate) const MAX_RECORD: usize = 4 << 10;

/// So many places and tokens of a channel are remembered.
const REMEMBERED: usize = 200;

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) network: Network,
    pub(crate) recorder: Recorder,
    pub(crate) trace: Trace,
    pub(crate) channels: Vec<Channel>,
    begin: Instant,
    over: AtomicBool,
    tasks: Mutex<Vec<(String, Task<()>)>>,
}

/// A channel, and what anybody has learned of it.
pub(crate) struct Channel {
    pub(crate) name: ChannelName,
    /// How many messages in a hundred have a key.
    pub(crate) keyed: u64,
    /// How long its owners remember keys.
    pub(crate) keys: Option<IdempotencyOption>,
    /// How many of its owners in a hundred do so.
    pub(crate) remembers: u64,
    pub(crate) known: Mutex<Known>,
}

#[derive(Default)]
pub(crate) struct Known {
    pub(crate) places: Vec<Place>,
    pub(crate) tokens: Vec<ResumeToken>,
    /// The last message that each owner was told to be durable.
    told: BTreeMap<Owner, Lsn>,
    /// The largest term that was heard of.
    pub(crate) term: u64,
}

impl World {
    pub(crate) fn new(channels: Vec<ChannelName>) -> Arc<Self> {
        let hour = Duration::from_secs(3_600);
        let windows = [
            Some(IdempotencyOption::new(64 << 20, hour)),
            Some(IdempotencyOption::new(4_000, Duration::from_secs(2))),
            None,
        ];
        let channels = channels.into_iter().map(|name| Channel {
            name,
            keyed: pick(&[10, 70]),
            keys: pick(&[windows[0], windows[0], windows[1], windows[2]]),
            remembers: pick(&[100, 100, 80]),
            known: Mutex::default(),
        });
        Arc::new(Self {
            store: MemoryStore::new(),
            network: Network::default(),
            recorder: Recorder::new(0),
            trace: Trace::new(),
            channels: channels.collect(),
            begin: clock::now(),
            over: AtomicBool::new(false),
            tasks: Mutex::default(),
        })
    }

    /// An opener as another process would have one.
    pub(crate) async fn opener(&self) -> Result<Arc<dyn Opener>> {
        let config = Config::new().with("max_record", MAX_RECORD.to_string());
        let inner = self.store.builder().build(config).await?;
        let adapted = adapt_opener(NAME, self.network.opener(inner));
        Ok(self.recorder.opener(adapted))
    }

    /// Waits for a call, but not for ever.
    pub(crate) async fn soon<T>(&self, what: &str, call: impl Future<Output = T>) -> Option<T> {
        let ended = clock::timeout(PATIENCE, call).await.ok();
        if ended.is_none() {
            self.trace
                .wrong(format_args!("{what} has no end in {PATIENCE:?}"));
        }
        ended
    }

    /// Starts a task that must end by itself.
    pub(crate) fn spawn(
        &self,
        name: impl fmt::Display,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        lock(&self.tasks).push((name.to_string(), spawn::task(task)));
    }

    /// Waits until all tasks have ended, those too that they start meanwhile.
    pub(crate) async fn join(&self) {
        loop {
            let tasks = std::mem::take(&mut *lock(&self.tasks));
            if tasks.is_empty() {
                return;
            }
            for (name, task) in tasks {
                if self.soon(&name, task).await.is_some_and(|it| it.is_err()) {
                    self.trace.wrong(format_args!("{name} panicked"));
                }
            }
        }
    }

    /// From now on nothing new begins.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// A clock of a process, which is ahead by up to so much, and may jump within that.
    pub(crate) fn ticks(&self, most_ahead_ms: u64, jumps: bool) -> Arc<dyn TickSource> {
        Arc::new(Ticks {
            begin: self.begin,
            ahead_ms: AtomicU64::new(up_to(most_ahead_ms)),
            jumps_ms: jumps.then_some(most_ahead_ms),
        })
    }

    /// The simulated wall clock.
    pub(crate) fn unix_time(&self) -> Duration {
        EPOCH + self.begin.elapsed()
    }
}

/// When runs begin.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

struct Ticks {
    begin: Instant,
    ahead_ms: AtomicU64,
    jumps_ms: Option<u64>,
}

impl TickSource for Ticks {
    fn now(&self) -> Tick {
        if let Some(most) = self.jumps_ms.filter(|_| percent(5)) {
            self.ahead_ms.store(up_to(most), Ordering::Relaxed);
        }
        let ahead = Duration::from_millis(self.ahead_ms.load(Ordering::Relaxed));
        let now = EPOCH + self.begin.elapsed() + ahead;
        Tick::from_unix_ms(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Channel {
    pub(crate) fn met(&self, entries: &[Entry]) {
        let mut known = lock(&self.known);
        for place in entries.iter().filter_map(Entry::place) {
            known.place(place);
        }
    }

    pub(crate) fn acknowledged(&self, places: &[Place]) {
        let mut known = lock(&self.known);
        for place in places {
            known.place(*place);
            // With keys it may be another owner who hears of it.
            if self.keys.is_some() {
                continue;
            }
            let told = known.told.entry(place.owner).or_insert(place.lsn);
            *told = place.lsn.max(*told);
        }
    }
}

impl Known {
    pub(crate) fn place(&mut self, place: Place) {
        remember(&mut self.places, place);
        self.term = self.term.max(place.owner.term.get());
    }

    pub(crate) fn acknowledged(&self, owner: Owner) -> Option<Lsn> {
        self.told.get(&owner).copied()
    }

    pub(crate) fn token(&mut self, token: ResumeToken) {
        remember(&mut self.tokens, token);
    }
}

fn remember<T>(all: &mut Vec<T>, one: T) {
    if all.len() < REMEMBERED {
        all.push(one);
    } else {
        let at = up_to(REMEMBERED as u64 - 1) as usize;
        all[at] = one;
    }
}
