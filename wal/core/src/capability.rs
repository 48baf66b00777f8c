use std::fmt;
use std::time::Duration;

/// What a backend, as it is configured, can do. walx checks it at open and says early what cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capability {
    /// The largest record in bytes: payload, properties and header together.
    pub max_record_bytes: usize,
    /// What keeps an older owner from appending.
    pub fence: Fence,
    /// What truncation does.
    pub truncation: Truncation,
    /// Whether a batch is stored whole or not at all.
    pub atomic_batch: bool,
    /// Whether a scan can start near a time or an lsn by the backend's own index. Where not, walx searches: it looks at
    /// some 20 to 30 places of the log, each a few records, whatever its length.
    pub start_by_time: bool,
    /// When an append is acknowledged.
    pub durability: Durability,
    /// Whether it needs a server.
    pub needs_server: bool,
}

impl Capability {
    /// The least a backend can be: no fence, no truncation, nothing durable.
    pub const fn new(max_record_bytes: usize) -> Self {
        Self {
            max_record_bytes,
            fence: Fence::None,
            truncation: Truncation::Permission,
            atomic_batch: false,
            start_by_time: false,
            durability: Durability::None,
            needs_server: false,
        }
    }

    /// Sets the fence.
    #[must_use]
    pub const fn with_fence(mut self, fence: Fence) -> Self {
        self.fence = fence;
        self
    }

    /// Sets what truncation does.
    #[must_use]
    pub const fn with_truncation(mut self, truncation: Truncation) -> Self {
        self.truncation = truncation;
        self
    }

    /// Sets whether batches are stored whole or not at all.
    #[must_use]
    pub const fn with_atomic_batch(mut self, atomic: bool) -> Self {
        self.atomic_batch = atomic;
        self
    }

    /// Sets whether a scan can start near a time.
    #[must_use]
    pub const fn with_start_by_time(mut self, can: bool) -> Self {
        self.start_by_time = can;
        self
    }

    /// Sets when an append is acknowledged.
    #[must_use]
    pub const fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets whether it needs a server.
    #[must_use]
    pub const fn with_server(mut self, needs: bool) -> Self {
        self.needs_server = needs;
        self
    }
}

/// What keeps an older owner from appending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fence {
    /// The backend itself refuses the older one.
    Native,
    /// A lock that the operating system releases when its holder ends; a live holder can't be pushed out.
    Lock,
    /// The owner reads its own records back before it acknowledges.
    ReadBack,
    /// Nothing.
    None,
}

impl Fence {
    /// What it means, for people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Native => "the backend refuses older owners by itself",
            Self::Lock => "a lock; a live owner can't be pushed out",
            Self::ReadBack => "owners read their records back before they acknowledge",
            Self::None => {
                "nothing keeps an older owner from appending, so nobody may own it: configure a fence"
            }
        }
    }
}

/// What truncation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Truncation {
    /// The earliest record moves at once, to exactly behind the id.
    Exact,
    /// The earliest record moves at once; space comes back by whole segments.
    BySegment,
    /// The backend has leave to drop, and may keep.
    Permission,
}

impl Truncation {
    /// What it means, for people.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Exact => "drops exactly what it is told to",
            Self::BySegment => "at once for readers; space comes back by whole segments",
            Self::Permission => "only gives the backend leave to drop",
        }
    }
}

/// When an append is acknowledged, and so what an acknowledged one survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Kept in the memory of the process.
    None,
    /// Written to the operating system: survives the end of the process, not of the machine.
    OperatingSystem,
    /// As `OperatingSystem`, and synced to the disk each so often.
    Interval(Duration),
    /// Synced to the disk: survives the end of the machine.
    Synced,
    /// Stored by several machines.
    Replicated,
}

impl Durability {
    /// What it means, for people.
    pub fn in_words(self) -> String {
        match self {
            Self::None => "none: records end with the process".to_owned(),
            Self::OperatingSystem => {
                "acknowledged appends survive the process, not the machine".to_owned()
            }
            Self::Interval(every) => format!(
                "acknowledged appends survive the process; the machine but for the last {every:?}"
            ),
            Self::Synced => "acknowledged appends survive the end of the machine".to_owned(),
            Self::Replicated => "acknowledged appends are on several machines".to_owned(),
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::OperatingSystem => f.write_str("os"),
            Self::Interval(every) => write!(f, "interval:{every:?}"),
            Self::Synced => f.write_str("each"),
            Self::Replicated => f.write_str("replicated"),
        }
    }
}
