use async_trait::async_trait;
use futures_core::Stream;

use crate::{ChannelName, Entry, Result, ResumeToken};

/// From where a scanner reads at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScanMode {
    /// From the backend.
    CatchUp,
    /// From the write-ahead cache.
    Tailing,
}

/// One reader of a channel: a `Stream` of entries, with [`next_batch`](Self::next_batch) beside it for speed.
///
/// It ends (`None`, or an empty batch) where its end bound is reached; an `Err` is its last item. Dropping a scanner
/// frees all it holds.
///
/// # Order
/// Entries come in the order of the log, each once, at its place: a transaction at its commit. Lsns never fall; a
/// transaction has the one of the next message. Every hole is an [`Entry::Gap`], and so is a transaction or a message
/// of many records of which a part is missing.
///
/// # Durability
/// Only confirmed messages are delivered: each one is durable, together with everything before it.
#[async_trait]
pub trait Scanner: Stream<Item = Result<Entry>> + Send + Unpin + 'static {
    /// Waits for the next entries and hands out those that are there, at most `max`; empty at the end of the scan.
    ///
    /// # Cancel
    /// Dropping the future loses nothing: the entries come with the next call.
    ///
    /// # Errors
    /// `Closed` after the wal was closed; `PositionLost` where what comes next is no longer kept and
    /// [`LostPolicy::Error`](crate::LostPolicy) was asked for; `Corrupt` on damage, unless the store salvages;
    /// whatever a hook ended the scan with. After an error the scan has ended.
    async fn next_batch(&mut self, max: usize) -> Result<Vec<Entry>>;

    /// The channel it reads.
    fn channel(&self) -> &ChannelName;

    /// From where it reads at present.
    fn mode(&self) -> ScanMode;

    /// From where a later scan goes on right behind the last entry handed out that has a place; `None` before the first.
    fn token(&self) -> Option<ResumeToken>;
}
