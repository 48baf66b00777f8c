//! The channels that one node owns, as a coordinator asks it to: one owner at a time, by term.

mod managed;
mod slot;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use walx_core::{
    Availability, ChannelName, Error, ErrorKind, OpenOption, Opener, Result, Term, Wal,
};
use walx_utility::sync::lock;

use self::managed::Managed;
use self::slot::{Outcome, Slot, Wish};

/// Opens and closes the channels of one node as a coordinator asks it to, who gives each new owner a larger term.
///
/// Requests may come late, twice, or out of order. What counts is the largest: by term, and within a term a removal
/// comes behind an open. A smaller one is answered with `Fenced` and changes nothing. Of one channel, one thing is done
/// at a time: the wal of the old term is closed before the new one opens. What was begun goes on though nobody waits
/// for it any more.
pub struct ChannelManager {
    opener: Arc<dyn Opener>,
    slots: Mutex<BTreeMap<ChannelName, Arc<Slot>>>,
    closed: AtomicBool,
}

/// How a channel of a [`ChannelManager`] stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ManagedChannel {
    /// The channel.
    pub channel: ChannelName,
    /// The term of the last request that was carried out; `None` before the first one was.
    pub term: Option<Term>,
    /// Whether its wal can be used; `None` where it has none.
    pub availability: Option<Availability>,
    /// Whether a request is being carried out.
    pub changing: bool,
}

impl ChannelManager {
    /// Manages the channels that are opened through this opener, and closes it in the end.
    pub fn new(opener: Arc<dyn Opener>) -> Self {
        Self {
            opener,
            slots: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Opens a channel as its owner in the term of the option, which the coordinator gave.
    ///
    /// # Cancel
    /// Dropping the future does not stop the open.
    ///
    /// # Errors
    /// `InvalidInput` without a term; `Fenced` where a request of this term or a larger one came before, or comes
    /// meanwhile; `Closed`; whatever the open fails with: then ask with a larger term.
    pub async fn open(&self, option: OpenOption) -> Result<Arc<dyn Wal>> {
        let named = |error: Error| error.with_operation("open").with_channel(&option.channel);
        let Some(term) = option.term else {
            let text = "a channel is managed by the term that its coordinator gives; set it";
            return Err(named(Error::new(ErrorKind::InvalidInput, text)));
        };
        let slot = self.slot(&option.channel).map_err(named)?;
        let wish = Wish::open(term);
        let request = slot.request(wish, Some(option.clone()), &self.opener);
        request.map_err(named)?;
        match slot.carried_out(wish).await.map_err(named)? {
            Outcome::Open(wal) => Ok(Managed::of(wal)),
            Outcome::Failed(error) => Err(error),
            Outcome::Removed => Err(named(not_open(term))),
        }
    }

    /// Closes a channel, and leaves it closed to requests of this term and smaller ones. One that is not open is no
    /// error.
    ///
    /// # Cancel
    /// Dropping the future does not stop the removal.
    ///
    /// # Errors
    /// `Fenced` where a request came before, or comes meanwhile, that is larger, or the same; `Closed`.
    pub async fn remove(&self, channel: &ChannelName, term: Term) -> Result<()> {
        let named = |error: Error| error.with_operation("remove").with_channel(channel);
        let slot = self.slot(channel).map_err(named)?;
        let wish = Wish::remove(term);
        slot.request(wish, None, &self.opener).map_err(named)?;
        slot.carried_out(wish).await.map_err(named).map(|_| ())
    }

    /// The wal of a channel that is open in this term. Closing it closes nothing: only the manager does.
    ///
    /// # Errors
    /// `NotFound` where the channel is not open, or not yet in this term; `Fenced` where the term is smaller than the
    /// channel's; why it is `Unavailable`; `Closed`.
    pub fn get(&self, channel: &ChannelName, term: Term) -> Result<Arc<dyn Wal>> {
        let named = |error: Error| error.with_operation("get").with_channel(channel);
        self.check_open().map_err(named)?;
        let slot = lock(&self.slots).get(channel).cloned();
        let current = slot.and_then(|slot| slot.current());
        let Some((at, outcome)) = current.filter(|(at, _)| at.term() <= term) else {
            return Err(named(self.why_not(channel, term)));
        };
        match outcome {
            Outcome::Open(wal) if at.term() == term => match wal.availability() {
                Availability::Unavailable(error) => Err(error),
                // Of a store that is closed, or in favour of a larger term.
                Availability::Closed => Err(named(not_open(term))),
                _ => Ok(Managed::of(wal)),
            },
            _ => Err(named(not_open(term))),
        }
    }

    /// All channels that were asked for, ascending.
    pub fn list(&self) -> Vec<ManagedChannel> {
        let slots = lock(&self.slots).clone();
        let told = slots.into_iter().map(|(channel, slot)| {
            let current = slot.current();
            ManagedChannel {
                channel,
                term: current.as_ref().map(|(at, _)| at.term()),
                availability: match current {
                    Some((_, Outcome::Open(wal))) => Some(wal.availability()),
                    Some((_, Outcome::Failed(error))) => Some(Availability::Unavailable(error)),
                    _ => None,
                },
                changing: slot.is_changing(),
            }
        });
        told.collect()
    }

    /// Takes no more requests, and closes all wals and the store. Closing twice is closing once.
    ///
    /// # Cancel
    /// Dropping the future does not stop the close.
    ///
    /// # Errors
    /// What the store could not end cleanly.
    pub async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        // It gives up on opens that run, and closes its wals, in bounded time.
        self.opener.close().await
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::SeqCst) {
            let text = "the manager was closed; ask another node";
            return Err(Error::new(ErrorKind::Closed, text));
        }
        Ok(())
    }

    fn slot(&self, channel: &ChannelName) -> Result<Arc<Slot>> {
        self.check_open()?;
        let mut slots = lock(&self.slots);
        Ok(Arc::clone(slots.entry(channel.clone()).or_default()))
    }

    fn why_not(&self, channel: &ChannelName, term: Term) -> Error {
        let slot = lock(&self.slots).get(channel).cloned();
        match slot.and_then(|slot| slot.current()) {
            Some((at, _)) if at.term() > term => slot::stale(Wish::open(term), at),
            _ => not_open(term),
        }
    }
}

fn not_open(term: Term) -> Error {
    let text = "the channel is not open here in this term; ask the coordinator who owns it";
    Error::new(ErrorKind::NotFound, text).with_context("term", term)
}

impl fmt::Debug for ChannelManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}
