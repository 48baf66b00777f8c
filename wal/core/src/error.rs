use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{ChannelName, MessageId};

/// The result of every fallible call of walx.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, told by how to react to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A larger owner has the channel. This handle can never append again: open anew, or step back.
    Fenced,
    /// The handle was closed. Open a new one.
    Closed,
    /// The thing that was named does not exist. Nothing was created.
    NotFound,
    /// Somebody else holds it, and is named. Wait for its end, or take over.
    Conflict,
    /// The call can never succeed as it was made. Correct it.
    InvalidInput,
    /// The message is larger than the backend's largest record.
    TooLarge,
    /// A limit of memory is reached. Nothing was written; call again after the time given.
    Overloaded {
        /// When a new try makes sense.
        retry_after: Duration,
    },
    /// The position is no longer kept. The earliest one that is, if anything is left, is named.
    PositionLost {
        /// The earliest record that can still be read.
        earliest: Option<MessageId>,
    },
    /// Stored data is damaged. It was not delivered; repair or salvage the store.
    Corrupt,
    /// The append may have been written, or not; walx will not write it any more. Scan to find out.
    OutcomeUnknown,
    /// The append was not written and never will be. Safe to append again.
    NotWritten,
    /// The backend can't answer now. Open again later.
    Unavailable,
    /// The backend, or this version, can't do it.
    Unsupported,
    /// Rights are missing.
    Denied,
    /// A defect in walx or in a backend. Report it.
    Internal,
}

/// Whether the same call can succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The same call fails again.
    Permanent,
    /// The same call may succeed later.
    Temporary,
    /// The call may have taken effect.
    Unknown,
}

impl ErrorKind {
    /// The status that follows from the kind; [`Error::with_status`] changes it where more is known.
    pub fn status(self) -> Status {
        match self {
            Self::Overloaded { .. } | Self::NotWritten | Self::Unavailable | Self::Conflict => {
                Status::Temporary
            }
            Self::OutcomeUnknown => Status::Unknown,
            _ => Status::Permanent,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::Closed => "closed",
            Self::NotFound => "not found",
            Self::Conflict => "conflict",
            Self::InvalidInput => "invalid input",
            Self::TooLarge => "too large",
            Self::Overloaded { .. } => "overloaded",
            Self::PositionLost { .. } => "position lost",
            Self::Corrupt => "corrupt",
            Self::OutcomeUnknown => "outcome unknown",
            Self::NotWritten => "not written",
            Self::Unavailable => "unavailable",
            Self::Unsupported => "unsupported",
            Self::Denied => "denied",
            Self::Internal => "internal",
        }
    }
}

/// An error of walx: a kind to react to, and a text that says what was tried, on what, why not, and what to do.
///
/// Cheap to clone, because one failed batch fails every append in it.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    status: Status,
    operation: &'static str,
    channel: Option<ChannelName>,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `message` says why not and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            status: kind.status(),
            operation: "",
            channel: None,
            message: message.into(),
            context: Vec::new(),
            source: None,
        }))
    }

    /// Names the operation that was tried. The innermost name stays.
    #[must_use]
    pub fn with_operation(mut self, operation: &'static str) -> Self {
        if self.0.operation.is_empty() {
            Arc::make_mut(&mut self.0).operation = operation;
        }
        self
    }

    /// Names the channel. The innermost name stays.
    #[must_use]
    pub fn with_channel(mut self, channel: &ChannelName) -> Self {
        if self.0.channel.is_none() {
            Arc::make_mut(&mut self.0).channel = Some(channel.clone());
        }
        self
    }

    /// Adds a fact, such as the file and the offset.
    #[must_use]
    pub fn with_context(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        Arc::make_mut(&mut self.0)
            .context
            .push((key, value.to_string()));
        self
    }

    /// Says that the same call may, or may not, succeed later.
    #[must_use]
    pub fn with_status(mut self, status: Status) -> Self {
        Arc::make_mut(&mut self.0).status = status;
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::new(source));
        self
    }

    /// How to react.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call can succeed later.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// The operation that was tried.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The channel it was tried on.
    pub fn channel(&self) -> Option<&ChannelName> {
        self.0.channel.as_ref()
    }

    /// Why not, and what to do, without operation, channel and context.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.write_str(inner.kind.text())?;
        if !inner.operation.is_empty() {
            write!(f, ": {}", inner.operation)?;
        }
        if let Some(channel) = &inner.channel {
            write!(f, " on channel '{channel}'")?;
        }
        write!(f, ": {}", inner.message)?;
        for (i, (key, value)) in inner.context.iter().enumerate() {
            write!(f, "{}{key}: {value}", if i == 0 { " (" } else { ", " })?;
        }
        if !inner.context.is_empty() {
            f.write_str(")")?;
        }
        if let Some(source) = &inner.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} [{:?}, {:?}]", self.0.kind, self.0.status)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_kind_operation_channel_reason_and_context() {
        let error = Error::new(
            ErrorKind::Corrupt,
            "checksum differs; run with damage=salvage to read the rest",
        )
        .with_operation("scan")
        .with_channel(&ChannelName::new("orders").unwrap())
        .with_context("file", "1.wal")
        .with_context("offset", 4096);
        assert_eq!(
            error.to_string(),
            "corrupt: scan on channel 'orders': checksum differs; run with damage=salvage to read the rest \
             (file: 1.wal, offset: 4096)"
        );
        assert_eq!(error.status(), Status::Permanent);
    }

    #[test]
    fn innermost_operation_and_channel_stay() {
        let inner = ChannelName::new("a").unwrap();
        let error = Error::new(ErrorKind::NotFound, "no such channel")
            .with_operation("bounds")
            .with_channel(&inner)
            .with_operation("open")
            .with_channel(&ChannelName::new("b").unwrap());
        assert_eq!(error.operation(), "bounds");
        assert_eq!(error.channel(), Some(&inner));
    }
}
