use std::time::SystemTime;

use crate::{Lsn, MessageId, ResumeToken, Tick};

/// Where a scan starts.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Position {
    /// The first message that is still kept.
    Earliest,
    /// Behind the last message at the time of the call; made concrete at once, so that a re-open skips nothing.
    Latest,
    /// The message with this id.
    At(MessageId),
    /// The first message behind this id.
    After(MessageId),
    /// The first message whose lsn is at least this one; may lie beyond the tail.
    Lsn(Lsn),
    /// The first message whose tick is at least this one; may lie beyond the tail.
    Tick(Tick),
    /// The first message that took its place at this time or later.
    Time(SystemTime),
    /// So many messages before the tail; fewer where the log has fewer.
    Last(u64),
    /// Right behind the message that the token was taken from.
    Resume(ResumeToken),
}
