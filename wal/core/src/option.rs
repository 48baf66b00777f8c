use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{
    ChannelName, Error, Interceptor, Lsn, MessageId, Position, Result, Term, Tick, TickSource,
    VirtualChannel,
};

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
    /// backends have limits of their own. None by default.
    pub append_timeout: Option<Duration>,
    /// From when on an append is slow, from its call to its acknowledgement: it is logged with the time of each of its
    /// stages. None = never. 1 s by default.
    pub slow_append: Option<Duration>,
    /// Where ticks come from; none = the wall clock.
    pub tick_source: Option<Arc<dyn TickSource>>,
    /// Whether closing this wal closes the whole store that it was opened through. `walx::open` sets it.
    pub close_store: bool,
    /// Hooks around each append and scan, outermost first, behind the built-in metrics and tracing.
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
            cache: CacheOption::default(),
            max_clock_ahead: Duration::from_secs(60),
            close_timeout: Duration::from_secs(3),
            recovery_timeout: Duration::from_secs(30),
            append_timeout: None,
            slow_append: Some(Duration::from_secs(1)),
            tick_source: None,
            close_store: false,
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

/// What a scan does where the place it is to start at is no longer kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LostPolicy {
    /// `scan` fails with `PositionLost`, which names the earliest place there is.
    #[default]
    Error,
    /// The scan starts at the earliest place there is, with a gap before it.
    Gap,
}

/// Where a scan ends; inclusive. A scan without an end follows the log.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum End {
    /// The last message at the time of the call.
    Tail,
    /// The record with this id.
    Id(MessageId),
    /// The last message whose lsn is at most this one.
    Lsn(Lsn),
    /// The last message whose tick is at most this one.
    Tick(Tick),
}

/// How a channel is scanned.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ScanOption {
    /// Where it starts.
    pub from: Position,
    /// Where it ends; none = it follows the log.
    pub until: Option<End>,
    /// What to do where the start is no longer kept.
    pub on_lost: LostPolicy,
    /// Only messages of this logical stream, and those that are meant for all.
    pub virtual_channel: Option<VirtualChannel>,
    /// Bytes that are read ahead of the caller. 4 MiB by default.
    pub read_ahead_bytes: usize,
}

impl ScanOption {
    /// A scan that starts here and follows the log.
    pub fn new(from: Position) -> Self {
        Self {
            from,
            until: None,
            on_lost: LostPolicy::default(),
            virtual_channel: None,
            read_ahead_bytes: 4 << 20,
        }
    }

    /// A scan of all that is kept, which follows the log.
    pub fn earliest() -> Self {
        Self::new(Position::Earliest)
    }

    /// A scan of all that comes after the call.
    pub fn latest() -> Self {
        Self::new(Position::Latest)
    }

    /// Sets where it ends.
    #[must_use]
    pub fn until(mut self, end: End) -> Self {
        self.until = Some(end);
        self
    }

    /// Sets what to do where the start is no longer kept.
    #[must_use]
    pub fn on_lost(mut self, policy: LostPolicy) -> Self {
        self.on_lost = policy;
        self
    }

    /// Only messages of this logical stream, and those that are meant for all.
    #[must_use]
    pub fn with_virtual_channel(mut self, virtual_channel: VirtualChannel) -> Self {
        self.virtual_channel = Some(virtual_channel);
        self
    }

    /// Sets the bytes that are read ahead of the caller.
    #[must_use]
    pub fn with_read_ahead_bytes(mut self, bytes: usize) -> Self {
        self.read_ahead_bytes = bytes;
        self
    }
}
