//! Keeps the messages of a large open transaction in unnamed files, which are gone with their last user, however that
//! ends.
//!
//! They are written and read in the call that needs them, so they belong on a local disk. What is stored are the
//! messages as the log has them: hooks see them when they are read, so nothing that one of them decrypts gets here.

mod codec;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walx_core::{
    BackendName, Bodies, Error, ErrorKind, PlacedMessage, Result, TransactionId, VirtualChannel,
};

use super::log::Hooks;

/// Bytes of one entry of the index: where a message ends.
const ENTRY: u64 = 8;

/// Where transactions are spilled to.
#[derive(Debug)]
pub(super) struct Spilling(Arc<Path>);

/// The messages of one transaction, one behind the other, and where each of them ends.
pub(super) struct Spill {
    directory: Arc<Path>,
    messages: File,
    index: File,
    count: usize,
    end: u64,
    backend: Option<BackendName>,
}

/// The messages of a committed transaction.
pub(super) struct Spilled {
    pub(super) spill: Spill,
    pub(super) id: TransactionId,
    pub(super) virtual_channel: Option<VirtualChannel>,
    pub(super) hooks: Arc<Hooks>,
}

impl Spilling {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self(directory.into())
    }

    /// Two empty files without names.
    pub(super) fn create(&self) -> Result<Spill> {
        let create = || tempfile::tempfile_in(&self.0);
        let refused = |error| refused(&self.0, error);
        Ok(Spill {
            directory: Arc::clone(&self.0),
            messages: create().map_err(refused)?,
            index: create().map_err(refused)?,
            count: 0,
            end: 0,
            backend: None,
        })
    }
}

impl Spill {
    /// How many messages there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn push(&mut self, body: &PlacedMessage) -> Result<()> {
        self.backend = Some(body.place.id.backend());
        let mut bytes = Vec::new();
        codec::encode(body, &mut bytes);
        let end = self.end + bytes.len() as u64;
        let written = self.messages.write_all_at(&bytes, self.end);
        let entry = self.count as u64 * ENTRY;
        written
            .and_then(|()| self.index.write_all_at(&end.to_le_bytes(), entry))
            .map_err(|error| refused(&self.directory, error))?;
        (self.count, self.end) = (self.count + 1, end);
        Ok(())
    }

    fn read(&self, index: usize) -> Result<Option<PlacedMessage>> {
        let refused = |error| refused(&self.directory, error);
        let from = match index.checked_sub(1) {
            Some(before) => self.end_of(before).map_err(refused)?,
            None => 0,
        };
        let to = self.end_of(index).map_err(refused)?;
        let mut bytes = vec![0; to.saturating_sub(from) as usize];
        self.messages
            .read_exact_at(&mut bytes, from)
            .map_err(refused)?;
        Ok(self
            .backend
            .and_then(|backend| codec::decode(backend, bytes.into())))
    }

    fn end_of(&self, index: usize) -> io::Result<u64> {
        let mut end = [0; ENTRY as usize];
        self.index.read_exact_at(&mut end, index as u64 * ENTRY)?;
        Ok(u64::from_le_bytes(end))
    }
}

impl Bodies for Spilled {
    fn count(&self) -> usize {
        self.spill.count()
    }

    fn read(&self, index: usize) -> Result<PlacedMessage> {
        let read = self.spill.read(index)?;
        let mut body = read.ok_or_else(|| {
            let text = "a message that was spilled to the directory is not what was written there";
            Error::new(ErrorKind::Corrupt, text)
                .with_context("directory", self.spill.directory.display())
        })?;
        body.message
            .virtual_channel
            .clone_from(&self.virtual_channel);
        body.transaction = Some(self.id);
        self.hooks.run(&mut body)?;
        Ok(body)
    }
}

/// What the operating system refused.
fn refused(directory: &Path, error: io::Error) -> Error {
    let (kind, way_out) = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            (ErrorKind::Denied, "this user may not write there")
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => (
            ErrorKind::NotFound,
            "there is no such directory; create it first",
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            (ErrorKind::Unavailable, "the disk is full; free space there")
        }
        _ => (ErrorKind::Unavailable, "look at the disk"),
    };
    let text = format!(
        "messages of an open transaction could not be spilled to the directory, or read from it: {way_out}, or raise \
         transaction_buffer_bytes"
    );
    Error::new(kind, text)
        .with_context("directory", directory.display())
        .with_source(error)
}
