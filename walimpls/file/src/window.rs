use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use walx_core::Bytes;

/// A piece of a file in memory, read ahead of those who ask for it.
#[derive(Debug)]
pub(crate) struct Window {
    file: Arc<File>,
    chunk: usize,
    start: u64,
    bytes: Bytes,
}

impl Window {
    pub(crate) fn new(file: Arc<File>, chunk: usize) -> Self {
        Self {
            file,
            chunk,
            start: 0,
            bytes: Bytes::new(),
        }
    }

    /// `len` bytes from `offset`, shared with the piece in memory; `None` where the file ends before.
    pub(crate) fn get(&mut self, offset: u64, len: usize) -> io::Result<Option<Bytes>> {
        if let Some(bytes) = self.kept(offset, len) {
            return Ok(Some(bytes));
        }
        // What a header claims is not believed beyond the file's end: no memory for bytes that are not there.
        let left = self.file.metadata()?.len().saturating_sub(offset);
        let want = len
            .max(self.chunk)
            .min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut bytes = vec![0; want];
        let mut read = 0;
        while read < want {
            match self.file.read_at(&mut bytes[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(read);
        self.start = offset;
        self.bytes = bytes.into();
        Ok(self.kept(offset, len))
    }

    /// Forgets the piece in memory: the file may have grown, or changed behind its sound end.
    pub(crate) fn forget(&mut self) {
        self.bytes = Bytes::new();
    }

    /// How many bytes in memory lie at and behind `offset`.
    pub(crate) fn ahead(&self, offset: u64) -> usize {
        (self.start + self.bytes.len() as u64).saturating_sub(offset.max(self.start)) as usize
    }

    fn kept(&self, offset: u64, len: usize) -> Option<Bytes> {
        let at = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let end = at.checked_add(len)?;
        (end <= self.bytes.len()).then(|| self.bytes.slice(at..end))
    }
}
