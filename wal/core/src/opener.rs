use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    BackendName, Bounds, Capability, ChannelName, Check, Config, Description, MessageId,
    OpenOption, Progress, RepairMode, Repaired, Result, RoWal, Verified, Wal,
};

/// Makes openers of one backend. Lives as long as the program.
#[async_trait]
pub trait OpenerBuilder: Send + Sync + 'static {
    /// The backend's name, by which the registry knows it.
    fn name(&self) -> BackendName;

    /// What the backend can do with its defaults.
    fn capability(&self) -> Capability;

    /// Opens a store.
    ///
    /// # Errors
    /// `InvalidInput` for a key or a value that the backend doesn't know; whatever the backend can't open with.
    async fn build(&self, config: Config) -> Result<Arc<dyn Opener>>;

    /// Looks at everything that a store needs to work, and changes nothing. What it can't look at is a check of its
    /// own, with the reason, so that it always answers.
    async fn doctor(&self, config: Config) -> Vec<Check>;
}

/// An open store: what all its channels share. Closing it closes every wal that was opened through it.
#[async_trait]
pub trait Opener: Send + Sync + 'static {
    /// The backend's name.
    fn backend(&self) -> BackendName;

    /// What the backend can do as this store is configured.
    fn capability(&self) -> Capability;

    /// The largest message, headers included, of a wal that is opened like this: one record, or as many as it may have.
    fn max_message_bytes(&self, option: &OpenOption) -> usize {
        let chunked = option.max_chunked_bytes.unwrap_or(0);
        self.capability().max_record_bytes.max(chunked)
    }

    /// Becomes the owner of a channel, which is created where it is missing.
    ///
    /// # Order
    /// After it has answered, no append of a smaller owner can ever be acknowledged. Where two open a free channel at
    /// the same moment, it can happen that one is answered, the other refused, and the first one fenced all the same:
    /// a refused open may have come too far. It then opens again.
    ///
    /// # Cancel
    /// Dropping the future leaves nothing open; the channel may have seen a new owner.
    ///
    /// # Errors
    /// `Conflict` where another owner holds the channel, named; `Fenced` where the term given is not larger than the
    /// last one; `PositionLost` where the numbering was lost; `Corrupt`; `Closed`.
    async fn open(&self, option: OpenOption) -> Result<Arc<dyn Wal>>;

    /// Opens a channel for reading. Creates nothing.
    ///
    /// # Errors
    /// `NotFound` where there is no such channel; `InvalidInput` where the option asks for ownership; `Closed`.
    async fn open_read_only(&self, option: OpenOption) -> Result<Arc<dyn RoWal>>;

    /// As [`Wal::truncate`], without owning the channel, where the backend can.
    ///
    /// # Errors
    /// `Unsupported` where it can't; else as [`Wal::truncate`].
    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()>;

    /// The earliest and the newest record of a channel.
    ///
    /// # Errors
    /// `NotFound` where there is no such channel.
    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds>;

    /// What is known of a channel, without owning it.
    ///
    /// # Errors
    /// `NotFound` where there is no such channel; whatever the backend can't answer with.
    async fn describe(&self, channel: &ChannelName) -> Result<Description>;

    /// Reads everything that is confirmed, of one channel or of all, and checks it: each record's checksum, seq, lsn,
    /// tick and owner, and what else the backend stores. Damage is a finding, not an error. An owner may append
    /// meanwhile; what it appends is not looked at.
    ///
    /// # Cancel
    /// Dropping the future ends it.
    ///
    /// # Errors
    /// `NotFound` where there is no such channel; what can't be read at all.
    async fn verify(&self, channel: Option<&ChannelName>, progress: &Progress) -> Result<Verified>;

    /// Makes a damaged store usable again, without giving anything up that can be read: what is lost becomes a gap
    /// that scanners tell. Nobody may have the store open for writing.
    ///
    /// # Cancel
    /// Dropping the future does not stop a repair that changes the store; another one completes it.
    ///
    /// # Errors
    /// `Unsupported` where the backend can't; `Conflict` where the store is open; `Corrupt` where nothing can be
    /// repaired.
    async fn repair(&self, mode: RepairMode, progress: &Progress) -> Result<Repaired>;

    /// The store's channels, by name.
    ///
    /// # Errors
    /// Whatever the backend can't answer with.
    async fn list(&self) -> Result<Vec<ChannelName>>;

    /// Closes every wal, then the store. Closing twice is closing once.
    ///
    /// # Errors
    /// What could not be ended cleanly; everything is freed all the same.
    async fn close(&self) -> Result<()>;
}
