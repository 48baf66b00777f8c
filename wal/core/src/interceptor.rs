use crate::{ChannelInfo, Message, Owner, Place, PlacedMessage, Result, Stage};

/// A synchronous hook around each append and scan of one wal.
///
/// Hooks run on the path of every message: they must be short and must not block; only admission may wait.
/// `before` runs in the order of the list, `after` and `scan` in the reverse one, so that what one hook did on the
/// way in, it undoes on the way out before the hooks outside of it look.
pub trait Interceptor: Send + Sync + 'static {
    /// A name for logs.
    fn name(&self) -> &'static str;

    /// Its place among walx's own hooks; `None` = one without such a place, as hooks of users are.
    fn stage(&self) -> Option<Stage> {
        None
    }

    /// Sees, changes or refuses a message before it takes its place. An error goes to the caller; nothing is written.
    ///
    /// # Errors
    /// Whatever the hook refuses the message with.
    fn before(&self, context: &AppendContext<'_>, message: &mut Message) -> Result<()> {
        let _ = (context, message);
        Ok(())
    }

    /// Sees how the append ended. The record is in the log, or is not: a hook can't change it any more.
    fn after(&self, context: &AppendContext<'_>, result: &Result<Place>) {
        let _ = (context, result);
    }

    /// Sees or changes a message before it is delivered, alone or in its transaction. An error ends the scan.
    ///
    /// # Errors
    /// Whatever the hook ends the scan with.
    fn scan(&self, context: &ScanContext<'_>, message: &mut PlacedMessage) -> Result<()> {
        let _ = (context, message);
        Ok(())
    }
}

/// The append that a hook is called for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AppendContext<'a> {
    /// The wal's channel.
    pub channel: &'a ChannelInfo,
    /// The wal's owner.
    pub owner: Owner,
    /// The message's bytes when it was handed in; in `after`, when it took its place.
    pub bytes: usize,
    /// In `after`: microseconds since the append was called.
    pub elapsed_us: u64,
}

impl<'a> AppendContext<'a> {
    /// A context from its parts.
    pub const fn new(
        channel: &'a ChannelInfo,
        owner: Owner,
        bytes: usize,
        elapsed_us: u64,
    ) -> Self {
        Self {
            channel,
            owner,
            bytes,
            elapsed_us,
        }
    }
}

/// The scan that a hook is called for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ScanContext<'a> {
    /// The wal's channel.
    pub channel: &'a ChannelInfo,
}

impl<'a> ScanContext<'a> {
    /// A context from its parts.
    pub const fn new(channel: &'a ChannelInfo) -> Self {
        Self { channel }
    }
}
