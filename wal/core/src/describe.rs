use crate::{Bounds, Capability, ChannelName, Lsn, MessageId, Owner, ScanMode, Tail};

/// What is known of a channel at one moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Description {
    /// The channel.
    pub channel: ChannelName,
    /// What the backend can do as this store is configured.
    pub capability: Capability,
    /// The earliest and the newest record that are kept.
    pub bounds: Bounds,
    /// The lsn of the first message that is kept; `None` where there is none.
    pub earliest: Option<Lsn>,
    /// The end of the log.
    pub tail: Tail,
    /// The newest record that a truncation can drop; what lies behind it stays, so that the numbering survives, and
    /// so that a transaction that is open stays whole. `None` where nothing can be dropped.
    pub last_droppable: Option<MessageId>,
    /// The last owner; `None` where nobody ever owned the channel.
    pub owner: Option<LastOwner>,
    /// What it takes in the store.
    pub usage: Usage,
    /// The processes that have the store open, as far as this one may see them.
    pub processes: Vec<StoreProcess>,
    /// The scanners of this channel in this process, opened through the same opener.
    pub scanners: Vec<ScannerInfo>,
}

impl Description {
    /// A description of a channel of which nothing else is known.
    pub fn new(channel: ChannelName, capability: Capability, tail: Tail) -> Self {
        Self {
            channel,
            capability,
            bounds: Bounds::default(),
            earliest: None,
            tail,
            last_droppable: None,
            owner: None,
            usage: Usage::default(),
            processes: Vec::new(),
            scanners: Vec::new(),
        }
    }
}

/// The last owner of a channel, as its records tell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastOwner {
    /// Its term and incarnation.
    pub owner: Owner,
    /// Whether it ended cleanly. An owner that did not may live, or have been killed.
    pub released: bool,
    /// The host and process that it said to be.
    pub who: Option<String>,
}

impl LastOwner {
    /// An owner, and how it ended.
    pub const fn new(owner: Owner, released: bool, who: Option<String>) -> Self {
        Self {
            owner,
            released,
            who,
        }
    }
}

/// What a channel takes in its store; `None` where the backend can't tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The records that are kept, walx's own ones included.
    pub records: Option<u64>,
    /// Their bytes, headers and properties included.
    pub bytes: Option<u64>,
    /// The bytes of storage that this channel keeps from being freed, other channels' records in them included.
    pub retained_bytes: Option<u64>,
}

/// A process that has a store open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreProcess {
    /// Its number.
    pub pid: u32,
    /// Its name, where this process may see it.
    pub name: Option<String>,
    /// Whether it owns the store for writing.
    pub writes: bool,
}

impl StoreProcess {
    /// A process.
    pub const fn new(pid: u32, name: Option<String>, writes: bool) -> Self {
        Self { pid, name, writes }
    }
}

/// Where a scanner is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScannerInfo {
    /// From where it reads.
    pub mode: ScanMode,
    /// The last message that it delivered; `None` before the first.
    pub lsn: Option<Lsn>,
    /// How many lsns lie between what it has read and the tail; a filter may have kept some of them back.
    pub lag: u64,
}

impl ScannerInfo {
    /// A scanner at a place.
    pub const fn new(mode: ScanMode, lsn: Option<Lsn>, lag: u64) -> Self {
        Self { mode, lsn, lag }
    }
}
