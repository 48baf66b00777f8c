//! One writer's right to append to a channel.

use std::sync::atomic::{AtomicU8, Ordering};

use walx_core::{ChannelName, Error, ErrorKind};

const LIVE: u8 = 0;
const CLOSED: u8 = 1;
const FENCED: u8 = 2;
const FAILED: u8 = 3;

/// Live until it is closed, fenced by another one, or an append of it failed; never again afterwards.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) name: ChannelName,
    pub(crate) channel: u32,
    /// The how-manieth writer of the channel it is.
    pub(crate) opens: u64,
    state: AtomicU8,
}

impl Handle {
    pub(crate) fn new(name: ChannelName, channel: u32, opens: u64) -> Self {
        Self {
            name,
            channel,
            opens,
            state: AtomicU8::new(LIVE),
        }
    }

    /// Whether it keeps others out: also after a failure, until it is closed.
    pub(crate) fn holds(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), LIVE | FAILED)
    }

    pub(crate) fn is_fenced(&self) -> bool {
        self.state.load(Ordering::Acquire) == FENCED
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Acquire) == CLOSED
    }

    pub(crate) fn close(&self) {
        self.leave(CLOSED);
    }

    pub(crate) fn fail(&self) {
        self.leave(FAILED);
    }

    /// Another writer has the channel.
    pub(crate) fn fence(&self) {
        self.leave(FENCED);
    }

    /// Why it can't append; `None` where it can.
    pub(crate) fn reason(&self) -> Option<Error> {
        let (kind, text) = match self.state.load(Ordering::Acquire) {
            LIVE => return None,
            CLOSED => (ErrorKind::Closed, "the channel was closed; open it again"),
            FENCED => (
                ErrorKind::Fenced,
                "another writer opened the channel since; step back, or open anew",
            ),
            _ => (
                ErrorKind::NotWritten,
                "an append of this writer failed before; open the channel again, then append it",
            ),
        };
        Some(Error::new(kind, text).with_channel(&self.name))
    }

    fn leave(&self, to: u8) {
        // What was first closed or fenced stays so; a failed one can still be closed or fenced.
        let change = |state| (state == LIVE || (state == FAILED && to != FAILED)).then_some(to);
        let _ = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
    }
}
