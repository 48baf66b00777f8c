use std::fmt;
use std::sync::Arc;

use crate::{Error, ErrorKind, Result, Term};

/// The name of one physical log: 1 to 249 letters, digits, `.`, `_` or `-`, not starting with a dot.
///
/// These are the names that every backend can store (Kafka allows 249 such bytes in a topic's name).
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

impl ChannelName {
    /// The most bytes a name may have.
    pub const MAX_BYTES: usize = 249;

    /// Checks and keeps `name`.
    ///
    /// # Errors
    /// `InvalidInput` where the name is empty, too long or has another character.
    pub fn new(name: impl AsRef<str>) -> Result<Self> {
        let name = name.as_ref();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty()
            || name.len() > Self::MAX_BYTES
            || name.starts_with('.')
            || !name.chars().all(legal)
        {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "{name:?} is no channel name: use 1 to {} letters, digits, '.', '_' or '-', \
                     and no dot at the start",
                    Self::MAX_BYTES
                ),
            ));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::str::FromStr for ChannelName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl TryFrom<&str> for ChannelName {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

/// A logical stream inside a channel: 1 to 65,535 bytes of text. A message without one is meant for all of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualChannel(Arc<str>);

impl VirtualChannel {
    /// Checks and keeps `name`.
    ///
    /// # Errors
    /// `InvalidInput` where the name is empty or longer than 65,535 bytes.
    pub fn new(name: impl Into<Arc<str>>) -> Result<Self> {
        let name = name.into();
        if name.is_empty() || name.len() > usize::from(u16::MAX) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!(
                    "a virtual channel's name has 1 to 65535 bytes, not {}",
                    name.len()
                ),
            ));
        }
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VirtualChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a wal was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The only owner: appends, scans, truncates.
    ReadWrite,
    /// One of any number of readers.
    ReadOnly,
}

/// What an open wal is: its channel, how it was opened, and its term where it owns the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelInfo {
    /// The channel.
    pub name: ChannelName,
    /// How it was opened.
    pub access: Access,
    /// The owner's term; none for a reader.
    pub term: Option<Term>,
}

impl ChannelInfo {
    /// The channel of an owner.
    pub fn read_write(name: ChannelName, term: Term) -> Self {
        Self {
            name,
            access: Access::ReadWrite,
            term: Some(term),
        }
    }

    /// The channel of a reader.
    pub fn read_only(name: ChannelName) -> Self {
        Self {
            name,
            access: Access::ReadOnly,
            term: None,
        }
    }
}

impl fmt::Display for ChannelInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.term {
            Some(term) => write!(f, "{}:rw@{term}", self.name),
            None => write!(f, "{}:ro", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_backend_can_store_are_refused() {
        for good in ["a", "orders", "A.b_c-9", &"x".repeat(249)] {
            assert_eq!(ChannelName::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            ".hidden",
            "a/b",
            "a b",
            "ä",
            "a\0",
            &"x".repeat(250),
        ] {
            let error = ChannelName::new(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad:?}");
        }
    }

    #[test]
    fn text_of_a_channel_shows_access_and_term() {
        let name = ChannelName::new("orders").unwrap();
        assert_eq!(
            ChannelInfo::read_write(name.clone(), Term::new(3)).to_string(),
            "orders:rw@3"
        );
        assert_eq!(ChannelInfo::read_only(name).to_string(), "orders:ro");
    }
}
