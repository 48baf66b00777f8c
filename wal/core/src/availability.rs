use crate::Error;

/// Whether an open wal can be used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Availability {
    /// It can.
    Available,
    /// An append failed, for this reason: appends wait until it is known what became of it.
    Recovering(Error),
    /// An append failed for good, or found that another owner came: the reason. Scans of what is confirmed go on; close and
    /// open anew to append. An owner that appends nothing is not told that it was overtaken.
    Unavailable(Error),
    /// It was closed.
    Closed,
}

impl Availability {
    /// Whether appends are taken; while a close runs they are not, though this still says so.
    pub fn is_available(&self) -> bool {
        matches!(self, Self::Available | Self::Recovering(_))
    }
}
