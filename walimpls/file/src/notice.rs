//! Tells readers that another process has changed a store, by inotify. One thread a process watches all directories.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, Weak};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::sync::watch;
use walx_utility::spawn;
use walx_utility::sync::lock;

/// What a writer does that readers want to know of; closing is what the end of its process does.
const CHANGES: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ONLYDIR);

/// `None` where the system has no more room for watches: readers look often then.
static WATCHER: LazyLock<Option<Watcher>> = LazyLock::new(|| {
    let started = Watcher::start();
    started
        .inspect_err(|error| {
            tracing::warn!(%error, "no notification of changes; readers in this process look each 5 ms");
        })
        .ok()
});

/// One subscription to the changes of a directory.
#[derive(Debug)]
pub(crate) struct Notice {
    changed: watch::Receiver<()>,
    /// The watch ends with its last subscription.
    _directory: Arc<Directory>,
}

impl Notice {
    /// Subscribes to a directory; `None` where that can't be had.
    pub(crate) fn of(dir: &Path) -> Option<Self> {
        let directory = WATCHER.as_ref()?.watch(dir).ok()?;
        Some(Self {
            changed: directory.changed.subscribe(),
            _directory: directory,
        })
    }

    /// What is changed from now on counts.
    pub(crate) fn reset(&mut self) {
        self.changed.mark_unchanged();
    }

    /// Waits for a change since the last reset.
    pub(crate) async fn changed(&mut self) {
        // The sender lives in the directory, which `self` holds.
        let _ = self.changed.changed().await;
    }
}

struct Watcher {
    inotify: Arc<OwnedFd>,
    directories: Arc<Directories>,
}

/// The directories by their watches.
type Directories = Mutex<HashMap<i32, Weak<Directory>>>;

/// A directory that is watched.
#[derive(Debug)]
struct Directory {
    watch: i32,
    changed: watch::Sender<()>,
    inotify: Arc<OwnedFd>,
    directories: Arc<Directories>,
}

impl Watcher {
    fn start() -> io::Result<Self> {
        let inotify = Arc::new(inotify::init(CreateFlags::CLOEXEC)?);
        let directories = Arc::<Directories>::default();
        let (events, known) = (Arc::clone(&inotify), Arc::clone(&directories));
        spawn::thread("walx-file-notice", move || listen(&events, &known))?;
        Ok(Self {
            inotify,
            directories,
        })
    }

    fn watch(&self, dir: &Path) -> io::Result<Arc<Directory>> {
        let mut directories = lock(&self.directories);
        // The same directory has the same watch, however it is spelled.
        let watch = inotify::add_watch(&self.inotify, dir, CHANGES)?;
        if let Some(directory) = directories.get(&watch).and_then(Weak::upgrade) {
            return Ok(directory);
        }
        let directory = Arc::new(Directory {
            watch,
            changed: watch::Sender::new(()),
            inotify: Arc::clone(&self.inotify),
            directories: Arc::clone(&self.directories),
        });
        directories.insert(watch, Arc::downgrade(&directory));
        Ok(directory)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let mut directories = lock(&self.directories);
        // Somebody may have subscribed anew meanwhile.
        if directories
            .get(&self.watch)
            .is_some_and(|it| it.strong_count() == 0)
        {
            directories.remove(&self.watch);
            // A directory that was removed has no watch any more.
            let _ = inotify::remove_watch(&self.inotify, self.watch);
        }
    }
}

/// Hands events on, as long as the process lives.
fn listen(inotify: &OwnedFd, directories: &Directories) {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(inotify, &mut buffer);
    loop {
        let changed: Vec<_> = match events.next() {
            Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => lock(directories)
                .values()
                .filter_map(Weak::upgrade)
                .collect(),
            // What is written to segments is told by ACKED, once it may be read.
            Ok(event)
                if event
                    .file_name()
                    .is_some_and(|it| it.to_bytes().ends_with(b".wal")) =>
            {
                continue;
            }
            Ok(event) => {
                let directory = lock(directories).get(&event.wd()).and_then(Weak::upgrade);
                directory.into_iter().collect()
            }
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => {
                tracing::warn!(%error, "no more notification of changes; readers look each 100 ms");
                return;
            }
        };
        for directory in changed {
            directory.changed.send_replace(());
        }
    }
}
