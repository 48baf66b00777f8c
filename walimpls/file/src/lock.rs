use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::FlockOperation;
use walx_core::{Error, ErrorKind, Result};
use walx_utility::clock;

use crate::fault;
use crate::full;

const NAME: &str = "LOCK";
/// Bytes of the file; two numbers of 64 bits and what they are called need fewer.
const SIZE: usize = 64;
/// How long lies between two tries, and how often a writer tries: readers hold the lock for an instant only, and a
/// writer of this process that is ending needs as long as its last sync.
const PAUSE: Duration = Duration::from_millis(2);
const TRIES: u32 = 250;
const TRIES_FOR_OWN: u32 = 2_500;

/// The exclusive lock of a store. The operating system releases it when the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    right: Right,
}

/// The right to write in a directory: it lasts as long as the file that was locked is the one that others lock.
#[derive(Clone, Debug)]
pub(crate) struct Right {
    path: Arc<Path>,
    /// Device and inode; no other file gets them while the lock is open.
    file: (u64, u64),
}

impl Right {
    /// # Errors
    /// `Fenced` where somebody removed or replaced the directory or its lock.
    pub(crate) fn check(&self) -> Result<()> {
        if std::fs::metadata(&self.path).is_ok_and(|there| identity(&there) == self.file) {
            return Ok(());
        }
        let dir = self.path.parent().unwrap_or(&self.path).display();
        Err(Error::new(
            ErrorKind::Fenced,
            format!(
                "{dir} was removed or replaced while it was open, or its {NAME} was; nothing more is written to it; \
                 leave the files of a store alone while it is open, and open it again"
            ),
        )
        .with_context("directory", dir))
    }
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

impl Lock {
    /// Takes the lock and writes down who has it.
    pub(crate) fn take(dir: &Path) -> Result<Self> {
        for _ in 0..TRIES {
            let lock = Self::take_once(dir)?;
            if lock.right.check().is_ok() {
                return Ok(lock);
            }
            // It was removed between the opening and the locking: others lock another file by now.
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "the lock of {} is removed again and again; find out who does, then open again",
                dir.display()
            ),
        ))
    }

    /// What it gives, as long as it does.
    pub(crate) fn right(&self) -> &Right {
        &self.right
    }

    fn take_once(dir: &Path) -> Result<Self> {
        let path = dir.join(NAME);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| fault::refused("opening the lock", &path, error))?;
        let mut tries = 0;
        while !try_lock(&file, FlockOperation::NonBlockingLockExclusive, &path)? {
            tries += 1;
            let own = holder(&file) == std::process::id().to_string();
            if tries >= if own { TRIES_FOR_OWN } else { TRIES } {
                return Err(held(dir, &file));
            }
            std::thread::park_timeout(PAUSE);
        }
        let locked = file
            .metadata()
            .map_err(|error| fault::refused("looking at the lock", &path, error))?;
        let right = Right {
            path: path.as_path().into(),
            file: identity(&locked),
        };
        match write(&file) {
            // Who has it is told to people only.
            Err(error) if full::is_full(&error) => {
                tracing::warn!(file = %path.display(), "the disk is full: the lock does not say who has it");
            }
            written => written.map_err(|error| fault::refused("writing the lock", &path, error))?,
        }
        Ok(Self { _file: file, right })
    }
}

/// Writes down who has the lock, over what was there: on a full disk there is no room for it anew.
fn write(file: &File) -> io::Result<()> {
    let (pid, now) = (std::process::id(), clock::unix_time().as_millis());
    let text = format!("pid {pid}\nstarted {now}\n");
    let mut bytes = [b'\n'; SIZE];
    bytes[..text.len()].copy_from_slice(text.as_bytes());
    file.write_all_at(&bytes, 0)?;
    file.set_len(SIZE as u64)
}

/// Whether a writer lives, seen from outside. Nothing is created, and the lock is free again at once, so that readers
/// keep no writer out.
pub(crate) fn is_held(dir: &Path) -> Result<bool> {
    let path = dir.join(NAME);
    let file = match File::open(&path) {
        Ok(file) => file,
        // A copy or a backup without its lock: nobody writes there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(fault::refused("opening the lock", &path, error)),
    };
    Ok(!try_lock(
        &file,
        FlockOperation::NonBlockingLockShared,
        &path,
    )?)
}

/// The process that is written in the lock of a directory: the one that holds it, or the last one that did.
pub(crate) fn said(dir: &Path) -> Option<u32> {
    holder(&File::open(dir.join(NAME)).ok()?).parse().ok()
}

fn try_lock(file: &File, operation: FlockOperation, path: &Path) -> Result<bool> {
    loop {
        match rustix::fs::flock(file, operation) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(false),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(fault::refused("locking the store", path, error.into())),
        }
    }
}

/// The pid that is written in the lock.
fn holder(file: &File) -> String {
    let mut bytes = [0; SIZE];
    let read = file.read_at(&mut bytes, 0).unwrap_or(0);
    let text = String::from_utf8_lossy(&bytes[..read]);
    text.lines()
        .find_map(|line| line.strip_prefix("pid "))
        .unwrap_or("unknown")
        .to_owned()
}

fn held(dir: &Path, file: &File) -> Error {
    let pid = holder(file);
    Error::new(
        ErrorKind::Conflict,
        format!(
            "process {pid} has the store {} open for writing; end that process, or open read-only",
            dir.display()
        ),
    )
    .with_context("pid", pid)
    .with_context("directory", dir.display())
}
