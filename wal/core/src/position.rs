use std::time::SystemTime;

use crate::{Lsn, MessageId, ResumeToken, Tick};

/// Where a scan starts: what stands there or behind it is delivered. A transaction stands at its commit, a message of
/// many records at the last of them; what of them lies before the start is read as well.
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
    /// The first message whose lsn is at least this one; may lie beyond the tail. A transaction whose commit lies right
    /// before that message has its lsn, and is delivered too.
    Lsn(Lsn),
    /// The first message whose tick is at least this one; may lie beyond the tail.
    Tick(Tick),
    /// The first message that took its place at this time or later.
    Time(SystemTime),
    /// So many messages before the tail, those of transactions included; fewer where the log has fewer.
    Last(u64),
    /// Right behind the entry that the token was taken from.
    Resume(ResumeToken),
}
