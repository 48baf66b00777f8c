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

const NAME: &str = "LOCK";
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
        let text = format!(
            "pid {}\nstarted {}\n",
            std::process::id(),
            clock::unix_time().as_millis()
        );
        file.set_len(0)
            .and_then(|()| file.write_all_at(text.as_bytes(), 0))
            .map_err(|error| fault::refused("writing the lock", &path, error))?;
        Ok(Self { _file: file, right })
    }
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
    let mut bytes = [0; 64];
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

/// Network file systems neither lock nor sync as this backend needs it.
pub(crate) fn refuse_network(dir: &Path) -> Result<()> {
    let Ok(stat) = rustix::fs::statfs(dir) else {
        return Ok(());
    };
    // The width of f_type differs between platforms; all these numbers have 32 bits.
    let name = match stat.f_type as u32 {
        0x6969 => "NFS",
        0xff53_4d42 => "CIFS",
        0xfe53_4d42 => "SMB2",
        0x517b => "SMB",
        0x0102_1997 => "9p",
        0x00c3_6400 => "Ceph",
        0x5346_414f => "AFS",
        0x7375_7245 => "Coda",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        // Local file systems and network ones alike.
        0x6573_5546 => match remote_fuse(dir) {
            Some(name) => return Err(network(dir, &name)),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    Err(network(dir, name))
}

/// The name of the FUSE file system that a directory lies on, if it is one of those that reach over a network.
fn remote_fuse(dir: &Path) -> Option<String> {
    const REMOTE: [&str; 12] = [
        "sshfs",
        "s3fs",
        "gcsfuse",
        "glusterfs",
        "ceph",
        "rclone",
        "davfs",
        "goofys",
        "mountpoint-s3",
        "juicefs",
        "curlftpfs",
        "moosefs",
    ];
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let kind = fuse_kind(&mounts, &dir.canonicalize().ok()?)?;
    REMOTE
        .iter()
        .any(|name| kind.contains(name))
        .then_some(kind)
}

/// The type of the mount that a path lies on. A line: id, parent, device, root, mount point, options, "-", type, …
fn fuse_kind(mounts: &str, path: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let (place, rest) = line.split_once(" - ")?;
        Some((Path::new(place.split(' ').nth(4)?), rest.split(' ').next()?))
    });
    let mount = mounts
        .filter(|(place, _)| path.starts_with(place))
        .max_by_key(|(place, _)| place.as_os_str().len());
    mount.map(|(_, kind)| kind.to_owned())
}

fn network(dir: &Path, name: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "{} lies on a {name} file system, where locks and syncs can't be relied on; use a local directory",
            dir.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_that_a_path_lies_on_is_the_longest_one() {
        let mounts = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda rw\n\
                      40 22 0:40 / /mnt/far rw - fuse.sshfs host:/ rw,user_id=0\n\
                      41 22 0:41 / /mnt rw - xfs /dev/sdb rw\n";
        let kind = |path| fuse_kind(mounts, Path::new(path));
        assert_eq!(kind("/mnt/far/store").as_deref(), Some("fuse.sshfs"));
        assert_eq!(kind("/mnt/farther").as_deref(), Some("xfs"));
        assert_eq!(kind("/home").as_deref(), Some("ext4"));
    }
}
