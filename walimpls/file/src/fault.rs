//! Errors that name the file, the place and the way out.

use std::io;
use std::path::Path;

use walx_core::{Error, ErrorKind};

use crate::full;

/// What the operating system refused.
pub(crate) fn refused(what: &'static str, path: &Path, error: io::Error) -> Error {
    let (kind, way_out) = match error.kind() {
        io::ErrorKind::PermissionDenied => (
            ErrorKind::Denied,
            "this user has no right to; give it the right, or open read-only where that is enough",
        ),
        io::ErrorKind::ReadOnlyFilesystem => (
            ErrorKind::Denied,
            "the file system is mounted read-only; mount it for writing, or open read-only",
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
            ErrorKind::Unavailable,
            "the disk is full; free space there, or truncate channels, then open again",
        ),
        io::ErrorKind::FileTooLarge => (
            ErrorKind::Unavailable,
            "files may not grow so large here; raise the limit (ulimit -f), or use a smaller segment, then open again",
        ),
        _ => (ErrorKind::Unavailable, "look at the disk, then open again"),
    };
    let refusal = Error::new(kind, format!("{what} was refused: {way_out}"))
        .with_context("file", path.display())
        .with_source(error);
    let directory = if path.is_dir() {
        Some(path)
    } else {
        path.parent()
    };
    let free = full::free(directory.unwrap_or(path)).filter(|_| kind == ErrorKind::Unavailable);
    let refusal = match directory {
        Some(directory) => refusal.with_context("directory", directory.display()),
        None => refusal,
    };
    match free {
        Some(free) => refusal.with_context("free_bytes", free),
        None => refusal,
    }
}

/// Damage at a place of a file. The text stands in errors and in what salvaging scanners report.
#[derive(Clone, Debug)]
pub(crate) struct Damage {
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) what: String,
    /// The channel whose record it is, where that is known.
    pub(crate) channel: Option<u32>,
}

impl Damage {
    pub(crate) fn new(path: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self {
            file: path.display().to_string(),
            offset,
            what: what.into(),
            channel: None,
        }
    }

    /// The damage of one channel's record.
    pub(crate) fn of(mut self, channel: u32) -> Self {
        self.channel = Some(channel);
        self
    }

    /// One line, for a salvaging reader.
    pub(crate) fn text(&self) -> String {
        format!("{} at {}: {}", self.file, self.offset, self.what)
    }

    /// The error, for a strict one.
    pub(crate) fn error(&self) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!(
                "{}; restore the file, or repair the store, or open with damage=salvage to read the rest",
                self.what
            ),
        )
        .with_context("file", &self.file)
        .with_context("offset", self.offset)
    }
}

/// A format of a newer version.
pub(crate) fn newer(path: &Path, offset: u64, what: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("{what} is not known to this walx; use a newer one"),
    )
    .with_context("file", path.display())
    .with_context("offset", offset)
}

/// A piece of state was left by a thread that panicked.
pub(crate) fn broken() -> Error {
    Error::new(
        ErrorKind::Internal,
        "a thread of the store ended in a panic; open again, and report it",
    )
}
