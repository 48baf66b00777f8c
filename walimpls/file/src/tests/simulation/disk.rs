//! A machine with a disk that forgets: files lie in a scratch directory as the system has them in memory, and what was
//! not synced is remembered as it was before.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use walx_utility::random::{self, Stream};

use super::process::Process;
use super::unsynced::Unsynced;
use crate::acked::Acked;
use crate::disk::{Disk, RealDisk};
use crate::planted::{self, Bug};

/// How a life ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    /// The machine loses power, and with it what was not synced.
    Power,
    /// The process is killed; the system keeps what it wrote.
    Kill,
}

/// The machine, over all lives of its processes.
pub(super) struct Machine {
    state: Mutex<State>,
    pub(super) moved: Condvar,
}

pub(super) struct State {
    /// Files whose removal is not synced lie here.
    pub(super) grave: PathBuf,
    pub(super) chance: Stream,
    /// Each file that was made has a number: inodes differ from run to run.
    ids: HashMap<u64, u64>,
    next_id: u64,
    /// Where each file lies now.
    pub(super) places: HashMap<u64, PathBuf>,
    /// The files with something that is not synced.
    pub(super) files: BTreeMap<u64, Unsynced>,
    /// Names with changes that are not synced: the file that had it at the last sync, and after each change since.
    pub(super) names: BTreeMap<PathBuf, Vec<Option<u64>>>,
    /// Renames that are not synced: both names, each with its place among the changes above.
    pub(super) renames: Vec<[(PathBuf, usize); 2]>,
    /// Directories whose names are not synced.
    pub(super) dirs: Vec<PathBuf>,
    /// What was written lately, somewhere: a block that was never written may hold it.
    pub(super) stale: Vec<Vec<u8>>,
    /// The process that lives.
    pub(super) living: Option<u64>,
    processes: u64,
    /// After so many more operations it ends.
    pub(super) fuse: Option<(u64, End)>,
    pub(super) ended: Option<End>,
    /// What was said to be durable: a serial.
    claimed: u64,
    /// The same as it was said last, and how far appends are acknowledged.
    said: (u64, u64),
    bug: Option<Bug>,
    /// The writer is held up before it writes; it stands there.
    pub(super) gate: (bool, bool),
    pub(super) hash: DefaultHasher,
    pub(super) operations: u64,
}

impl Machine {
    pub(super) fn new(root: &Path, seed: u64, bug: Option<Bug>) -> Arc<Self> {
        let grave = root.join("grave");
        std::fs::create_dir(&grave).unwrap();
        let state = State {
            grave,
            chance: Stream::seeded(seed ^ 0x6469_736b),
            ids: HashMap::new(),
            next_id: 0,
            places: HashMap::new(),
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            renames: Vec::new(),
            dirs: Vec::new(),
            stale: Vec::new(),
            living: None,
            processes: 0,
            fuse: None,
            ended: None,
            claimed: 0,
            said: (0, 0),
            bug,
            gate: (false, false),
            hash: DefaultHasher::new(),
            operations: 0,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            moved: Condvar::new(),
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Starts a process; this thread is its main one.
    pub(super) fn start(self: &Arc<Self>) -> Arc<Process> {
        let mut state = self.state();
        state.processes += 1;
        (state.living, state.ended, state.fuse) = (Some(state.processes), None, None);
        (state.gate, state.said) = ((false, false), (0, 0));
        state.settle_thread();
        Arc::new(Process {
            machine: Arc::clone(self),
            number: state.processes,
        })
    }

    /// After so many more operations it is over.
    pub(super) fn arm(&self, fuse: Option<(u64, End)>) {
        let mut state = self.state();
        if state.living.is_some() {
            state.fuse = fuse;
        }
    }

    /// It is over now.
    pub(super) fn end(&self, end: End) {
        self.state().die(end);
        self.moved.notify_all();
    }

    /// How the process ended, if it did.
    pub(super) fn ended(&self) -> Option<End> {
        self.state().ended
    }

    /// Whether all that there is lies on the disk.
    pub(super) fn is_settled(&self) -> bool {
        let state = self.state();
        state.files.is_empty() && state.names.is_empty() && state.dirs.is_empty()
    }

    /// The largest serial of which `ACKED` ever said that all below it is synced.
    pub(super) fn claimed(&self) -> u64 {
        self.state().claimed
    }

    /// Holds the writer up before its next write, or lets it go.
    pub(super) fn hold(&self, hold: bool) {
        self.state().gate.0 = hold;
        self.moved.notify_all();
    }

    /// Waits until the writer stands at the gate, or the process is over.
    pub(super) fn held(&self) {
        self.wait(|state| state.gate.1 || state.ended.is_some());
    }

    /// Waits until the writer said that all it acknowledged is synced, or the process is over.
    pub(super) fn quiet(&self, serial: u64) {
        self.wait(|state| state.said == (serial, serial) || state.ended.is_some());
    }

    fn wait(&self, until: impl Fn(&State) -> bool) {
        let deadline = Duration::from_secs(20);
        let waited = self
            .moved
            .wait_timeout_while(self.state(), deadline, |state| !until(state));
        assert!(!waited.unwrap().1.timed_out(), "the writer never came");
    }

    /// All that was done, as a number, and how much it was.
    pub(super) fn trace(&self) -> (u64, u64) {
        let state = self.state();
        (state.hash.finish(), state.operations)
    }
}

impl State {
    pub(super) fn die(&mut self, end: End) {
        if self.living.take().is_some() {
            self.ended = Some(end);
        }
    }

    /// What this thread draws is decided by the seed from here on, and it has the bugs of the run.
    pub(super) fn settle_thread(&mut self) {
        random::seed(self.chance.number());
        planted::plant(self.bug);
    }

    pub(super) fn id(&self, file: &File) -> io::Result<(u64, u64)> {
        let meta = file.metadata()?;
        Ok((self.ids[&meta.ino()], meta.len()))
    }

    fn id_of(&self, path: &Path) -> io::Result<u64> {
        Ok(self.ids[&std::fs::symlink_metadata(path)?.ino()])
    }

    /// Notes a change of a name; its place among the changes.
    fn name(&mut self, path: &Path, before: Option<u64>, now: Option<u64>) -> usize {
        let versions = self.names.entry(path.to_owned());
        let versions = versions.or_insert_with(|| vec![before]);
        versions.push(now);
        versions.len() - 1
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<File> {
        let file = RealDisk.create(path)?;
        let id = self.next_id;
        self.next_id += 1;
        self.ids.insert(file.metadata()?.ino(), id);
        self.places.insert(id, path.to_owned());
        self.files.insert(id, Unsynced::new(0));
        self.name(path, None, Some(id));
        Ok(file)
    }

    pub(super) fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let (id, len) = self.id(file)?;
        let unsynced = self.files.entry(id).or_insert_with(|| Unsynced::new(len));
        unsynced.remember(file, offset, bytes.len() as u64)?;
        unsynced.grow(offset + bytes.len() as u64);
        if bytes.len() >= 64 {
            self.stale.truncate(3);
            self.stale.insert(0, bytes[..bytes.len().min(512)].to_vec());
        }
        if self.places[&id].ends_with("ACKED")
            && let Some(acked) = Acked::decode(bytes)
        {
            self.claimed = self.claimed.max(acked.durable);
            self.said = (acked.acked, acked.durable);
        }
        file.write_all_at(bytes, offset)
    }

    pub(super) fn set_len(&mut self, file: &File, len: u64) -> io::Result<()> {
        let (id, before) = self.id(file)?;
        let unsynced = self
            .files
            .entry(id)
            .or_insert_with(|| Unsynced::new(before));
        if len < before {
            unsynced.remember(file, len, before - len)?;
        }
        unsynced.resize(len);
        file.set_len(len)
    }

    fn bury(&mut self, path: &Path) -> io::Result<u64> {
        let id = self.id_of(path)?;
        let grave = self.grave.join(id.to_string());
        std::fs::rename(path, &grave)?;
        self.places.insert(id, grave);
        Ok(id)
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        let id = self.bury(path)?;
        self.name(path, Some(id), None);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let id = self.id_of(from)?;
        let replaced = if to.exists() {
            Some(self.bury(to)?)
        } else {
            None
        };
        std::fs::rename(from, to)?;
        self.places.insert(id, to.to_owned());
        let from = (from.to_owned(), self.name(from, Some(id), None));
        let to = (to.to_owned(), self.name(to, replaced, Some(id)));
        self.renames.push([from, to]);
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, path: &Path) {
        self.names.retain(|name, _| name.parent() != Some(path));
        self.renames
            .retain(|[from, _]| from.0.parent() != Some(path));
        self.dirs.retain(|dir| dir.parent() != Some(path));
    }
}
