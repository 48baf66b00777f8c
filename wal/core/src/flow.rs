use std::fmt;
use std::time::Duration;

use crate::{BoxFuture, Error};

/// Decides how fast appends may go, for all wals that are opened with it; `FlowControl` is the one that walx has.
pub trait Flow: fmt::Debug + Send + Sync + 'static {
    /// Lets so many bytes pass now, and counts them, or says why not.
    fn try_pass(&self, bytes: usize) -> Passage;

    /// Resolves after the next change, from the call on, that may let somebody pass earlier than they were told, or not
    /// at all.
    fn changed(&self) -> BoxFuture<()>;
}

/// Whether an append may go.
#[derive(Clone, Debug)]
pub enum Passage {
    /// Now.
    Free,
    /// Not before this time is over; then it asks again.
    Wait(Duration),
    /// Not at all: the error that the caller gets, `Overloaded`.
    Refused(Error),
}
