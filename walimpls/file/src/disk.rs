//! What is asked of the operating system that changes a store, behind a trait so that tests can refuse it, or lose what
//! was not synced.
//!
//! Everything goes through it but `LOCK`: who holds the lock the system forgets with the process, and what the file
//! says is for people. Readers change nothing; where nobody writes they sync what they read, by themselves.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The changing half of file access.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Creates a file that must not be there yet.
    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
    }

    /// Creates a directory that must not be there yet.
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir(path)
    }

    /// Writes all of `bytes`.
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    /// Cuts a file, or makes it larger by zeros.
    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    /// Gives a file another name; one that had it before is gone.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    /// Syncs the data and what is needed to find it.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Syncs the names in a directory.
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

impl dyn Disk {
    /// Opens a file for writing; one that is not there is created.
    pub(crate) fn open(&self, path: &Path) -> io::Result<File> {
        match OpenOptions::new().read(true).write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.create(path),
            opened => opened,
        }
    }

    /// Removes a file if it is there.
    pub(crate) fn remove_any(&self, path: &Path) -> io::Result<()> {
        match self.remove(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}

/// The operating system itself.
#[derive(Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {}
