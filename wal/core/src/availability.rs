use crate::Error;

/// Whether an open wal can be used.
#[derive(Clone, Debug)]
pub enum Availability {
    /// It can.
    Available,
    /// An append failed, or another owner came: the reason. Scans of what is confirmed go on; open anew to append.
    Unavailable(Error),
    /// It was closed.
    Closed,
}

impl Availability {
    /// Whether appends are taken.
    pub fn is_available(&self) -> bool {
        matches!(self, Self::Available)
    }
}
