use std::fmt;
use std::sync::Arc;

use walx_utility::blocking::Runtime;

use super::{RoWal, Wal};
use crate::{
    BackendName, Bounds, Capability, ChannelName, Description, Error, MessageId, OpenOption, Result,
};

/// An open store: what all its channels share. Clones are the same store; closing it closes every wal that was opened
/// through it.
#[derive(Clone)]
pub struct Opener {
    runtime: Runtime,
    opener: Arc<dyn crate::Opener>,
}

impl Opener {
    pub(super) fn new(runtime: Runtime, opener: Arc<dyn crate::Opener>) -> Self {
        Self { runtime, opener }
    }

    /// The backend's name.
    pub fn backend(&self) -> BackendName {
        self.opener.backend()
    }

    /// What the backend can do as this store is configured.
    pub fn capability(&self) -> Capability {
        self.opener.capability()
    }

    /// Becomes the owner of a channel, which is created where it is missing.
    ///
    /// # Errors
    /// As [`Opener::open`](crate::Opener::open).
    pub fn open<C>(&self, channel: C) -> Result<Wal>
    where
        C: TryInto<OpenOption>,
        Error: From<C::Error>,
    {
        let wal = self.runtime.wait(self.opener.open(channel.try_into()?))?;
        Ok(Wal::new(self.runtime, wal))
    }

    /// Opens a channel for reading. Creates nothing.
    ///
    /// # Errors
    /// As [`Opener::open_read_only`](crate::Opener::open_read_only).
    pub fn open_read_only<C>(&self, channel: C) -> Result<RoWal>
    where
        C: TryInto<OpenOption>,
        Error: From<C::Error>,
    {
        let open = self.opener.open_read_only(channel.try_into()?);
        Ok(RoWal::new(self.runtime, self.runtime.wait(open)?))
    }

    /// The store's channels, by name.
    ///
    /// # Errors
    /// As [`Opener::list`](crate::Opener::list).
    pub fn list(&self) -> Result<Vec<ChannelName>> {
        self.runtime.wait(self.opener.list())
    }

    /// The earliest and the newest record of a channel.
    ///
    /// # Errors
    /// As [`Opener::bounds`](crate::Opener::bounds).
    pub fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        self.runtime.wait(self.opener.bounds(channel))
    }

    /// What is known of a channel, without owning it.
    ///
    /// # Errors
    /// As [`Opener::describe`](crate::Opener::describe).
    pub fn describe(&self, channel: &ChannelName) -> Result<Description> {
        self.runtime.wait(self.opener.describe(channel))
    }

    /// As [`Wal::truncate`], without owning the channel, where the backend can.
    ///
    /// # Errors
    /// As [`Opener::truncate`](crate::Opener::truncate).
    pub fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        self.runtime.wait(self.opener.truncate(channel, id))
    }

    /// Closes every wal, then the store. Closing twice is closing once.
    ///
    /// # Errors
    /// As [`Opener::close`](crate::Opener::close).
    pub fn close(&self) -> Result<()> {
        self.runtime.wait(self.opener.close())
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opener {{ backend: {} }}", self.backend())
    }
}
