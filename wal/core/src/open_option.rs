use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::{ChannelName, Error, Flow, Interceptor, Limits, Result, Term, TickSource};

/// How a channel is opened.
#[derive(Clone)]
#[non_exhaustive]
pub struct OpenOption {
    /// The channel.
    pub channel: ChannelName,
    /// The term that a coordinator gave, which must be larger than the last one; none = the last one + 1.
    pub term: Option<Term>,
    /// Whether to take the channel from an owner that did not release it.
    pub take_over: bool,
    /// Bytes of appends that may be on their way; later ones wait. 64 MiB by default.
    pub max_in_flight_bytes: usize,
    /// The budget of memory that this wal and its scanners share with others, beside their own limits. That of the
    /// process by default.
    pub limits: Limits,
    /// What says how fast appends may go; it may be shared with other wals. None = as fast as they can. None by default.
    pub flow: Option<Arc<dyn Flow>>,
    /// The write-ahead cache. Read-only wals of a channel in one process share one, as large as the largest of them asks
    /// for.
    pub cache: CacheOption,
    /// How far the log's last tick may be ahead of the clock; further is an error. 1 minute by default.
    pub max_clock_ahead: Duration,
    /// How long `close` waits for appends on their way; then they get `OutcomeUnknown`. 3 s by default.
    pub close_timeout: Duration,
    /// How long walx tries to find out what became of an append that failed, and to go on: meanwhile appends wait.
    /// Then those that may have been written get `OutcomeUnknown`, and the wal ends. Zero = it doesn't try. 30 s by
    /// default.
    pub recovery_timeout: Duration,
    /// How long the backend may take for an append before it counts as failed, in whole seconds. None = for ever, as
    /// backends have limits of their own. Also for the first record of an open. None by default.
    pub append_timeout: Option<Duration>,
    /// How long keys of messages are remembered, so that a message with the same key isn't written again. None = not at
    /// all. None by default.
    pub idempotency: Option<IdempotencyOption>,
    /// The most bytes of a message that is stored in several records where it is larger than the backend's largest
    /// one. None = such a message is refused with `TooLarge`. None by default.
    pub max_chunked_bytes: Option<usize>,
    /// From when on an append is slow, from its call to its acknowledgement: it is logged with the time of each of its
    /// stages. None = never. 1 s by default.
    pub slow_append: Option<Duration>,
    /// Where ticks come from; none = the wall clock.
    pub tick_source: Option<Arc<dyn TickSource>>,
    /// Whether closing this wal closes the whole store that it was opened through. `walx::open` sets it.
    pub close_store: bool,
    /// For scans of this wal that leave [`ScanOption::transaction_buffer_bytes`](crate::ScanOption) at its default.
    /// None = that default. None by default.
    pub transaction_buffer_bytes: Option<usize>,
    /// For scans of this wal that name no [`ScanOption::spill`](crate::ScanOption). None by default.
    pub spill: Option<PathBuf>,
    /// Hooks around each append and scan, outermost first, behind the built-in metrics and tracing. Those of walx stand
    /// in the order of their [`Stage`](crate::Stage)s, all others before [`Stage::Checksum`](crate::Stage::Checksum);
    /// an open refuses another order.
    pub interceptors: Vec<Arc<dyn Interceptor>>,
}

impl OpenOption {
    /// The channel, and defaults.
    pub fn new(channel: ChannelName) -> Self {
        Self {
            channel,
            term: None,
            take_over: false,
            max_in_flight_bytes: 64 << 20,
            limits: Limits::process(),
            flow: None,
            cache: CacheOption::default(),
            max_clock_ahead: Duration::from_secs(60),
            close_timeout: Duration::from_secs(3),
            recovery_timeout: Duration::from_secs(30),
            append_timeout: None,
            idempotency: None,
            max_chunked_bytes: None,
            slow_append: Some(Duration::from_secs(1)),
            tick_source: None,
            close_store: false,
            transaction_buffer_bytes: None,
            spill: None,
            interceptors: Vec::new(),
        }
    }

    /// Sets the term that a coordinator gave.
    #[must_use]
    pub fn with_term(mut self, term: Term) -> Self {
        self.term = Some(term);
        self
    }

    /// Takes the channel from an owner that did not release it.
    #[must_use]
    pub fn with_take_over(mut self, take_over: bool) -> Self {
        self.take_over = take_over;
        self
    }

    /// Sets the bytes of appends that may be on their way.
    #[must_use]
    pub fn with_max_in_flight_bytes(mut self, bytes: usize) -> Self {
        self.max_in_flight_bytes = bytes;
        self
    }

    /// Sets the budget of memory that it shares with others.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what says how fast appends may go.
    #[must_use]
    pub fn with_flow(mut self, flow: Arc<dyn Flow>) -> Self {
        self.flow = Some(flow);
        self
    }

    /// Sets the write-ahead cache.
    #[must_use]
    pub fn with_cache(mut self, cache: CacheOption) -> Self {
        self.cache = cache;
        self
    }

    /// Sets how far the log's last tick may be ahead of the clock.
    #[must_use]
    pub fn with_max_clock_ahead(mut self, ahead: Duration) -> Self {
        self.max_clock_ahead = ahead;
        self
    }

    /// Sets how long `close` waits for appends on their way.
    #[must_use]
    pub fn with_close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Sets how long walx tries to recover from an append that failed; zero = not at all.
    #[must_use]
    pub fn with_recovery_timeout(mut self, timeout: Duration) -> Self {
        self.recovery_timeout = timeout;
        self
    }

    /// Sets how long the backend may take for an append before it counts as failed; none = for ever.
    #[must_use]
    pub fn with_append_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.append_timeout = timeout.into();
        self
    }

    /// Sets how long keys of messages are remembered; none = not at all.
    #[must_use]
    pub fn with_idempotency(mut self, option: impl Into<Option<IdempotencyOption>>) -> Self {
        self.idempotency = option.into();
        self
    }

    /// Stores messages of up to so many bytes in several records where one is too small; none = refuses them.
    #[must_use]
    pub fn with_max_chunked_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.max_chunked_bytes = bytes.into();
        self
    }

    /// Sets from when on an append is slow and is logged; none = never.
    #[must_use]
    pub fn with_slow_append(mut self, threshold: impl Into<Option<Duration>>) -> Self {
        self.slow_append = threshold.into();
        self
    }

    /// Sets where ticks come from.
    #[must_use]
    pub fn with_tick_source(mut self, source: Arc<dyn TickSource>) -> Self {
        self.tick_source = Some(source);
        self
    }

    /// Closes the whole store with this wal.
    #[must_use]
    pub fn with_close_store(mut self, close: bool) -> Self {
        self.close_store = close;
        self
    }

    /// Sets the bytes of messages of open transactions that scans of this wal keep by default.
    #[must_use]
    pub fn with_transaction_buffer_bytes(mut self, bytes: impl Into<Option<usize>>) -> Self {
        self.transaction_buffer_bytes = bytes.into();
        self
    }

    /// Sets the directory to which scans of this wal spill by default.
    #[must_use]
    pub fn with_spill(mut self, directory: impl Into<PathBuf>) -> Self {
        self.spill = Some(directory.into());
        self
    }

    /// Adds a hook behind those that are there.
    #[must_use]
    pub fn with_interceptor(mut self, interceptor: Arc<dyn Interceptor>) -> Self {
        self.interceptors.push(interceptor);
        self
    }
}

impl From<ChannelName> for OpenOption {
    fn from(channel: ChannelName) -> Self {
        Self::new(channel)
    }
}

impl TryFrom<&str> for OpenOption {
    type Error = Error;

    fn try_from(channel: &str) -> Result<Self> {
        ChannelName::new(channel).map(Self::new)
    }
}

impl fmt::Debug for OpenOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOption")
            .field("channel", &self.channel)
            .field("term", &self.term)
            .field("take_over", &self.take_over)
            .field("max_in_flight_bytes", &self.max_in_flight_bytes)
            .field("cache", &self.cache)
            .field(
                "interceptors",
                &self
                    .interceptors
                    .iter()
                    .map(|it| it.name())
                    .collect::<Vec<_>>(),
            )
            .finish_non_exhaustive()
    }
}

/// How much of a wal's newest part stays in memory for tailing scanners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheOption {
    /// Bytes, counted as long as any scanner holds them. 64 MiB by default.
    pub capacity_bytes: usize,
    /// How long an entry stays. 30 s by default. The last one stays longer.
    pub keep: Duration,
}

impl CacheOption {
    /// A cache of this many bytes, kept for this long.
    pub const fn new(capacity_bytes: usize, keep: Duration) -> Self {
        Self {
            capacity_bytes,
            keep,
        }
    }
}

impl Default for CacheOption {
    fn default() -> Self {
        Self::new(64 << 20, Duration::from_secs(30))
    }
}

/// How long the keys of messages are remembered: as long as both hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdempotencyOption {
    /// The message lies in the newest so many bytes of its channel, of which an open reads as many back. 16 MiB by default.
    pub bytes: usize,
    /// The message is not older than this, by its tick. 10 minutes by default.
    pub keep: Duration,
}

impl IdempotencyOption {
    /// The keys of the newest so many bytes, for this long.
    pub const fn new(bytes: usize, keep: Duration) -> Self {
        Self { bytes, keep }
    }
}

impl Default for IdempotencyOption {
    fn default() -> Self {
        Self::new(16 << 20, Duration::from_secs(600))
    }
}
