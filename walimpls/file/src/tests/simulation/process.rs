//! One process of the machine, and how its life may end at any operation.

use std::fs::File;
use std::hash::Hash;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::disk::{Machine, State};
use crate::disk::{Disk, RealDisk};

/// One process of the machine, as the backend sees its disk.
pub(super) struct Process {
    pub(super) machine: Arc<Machine>,
    pub(super) number: u64,
}

impl Process {
    /// One operation. Where the process ends at it, `cut` does as much of it as chance wants.
    fn act<T>(
        &self,
        what: impl Hash,
        act: impl FnOnce(&mut State) -> io::Result<T>,
        cut: impl FnOnce(&mut State),
    ) -> io::Result<T> {
        let mut state = self.machine.state();
        if std::thread::current().name() == Some("walx-file") {
            while state.gate.0 && state.living == Some(self.number) {
                state.gate.1 = true;
                self.machine.moved.notify_all();
                state = self.machine.moved.wait(state).unwrap();
            }
            state.gate.1 = false;
        }
        if state.living != Some(self.number) {
            return Err(over());
        }
        state.settle_thread();
        what.hash(&mut state.hash);
        state.operations += 1;
        let outcome = match state.fuse {
            Some((0, end)) => {
                cut(&mut state);
                end.hash(&mut state.hash);
                state.die(end);
                Err(over())
            }
            Some((left, end)) => {
                state.fuse = Some((left - 1, end));
                act(&mut state)
            }
            None => act(&mut state),
        };
        drop(state);
        self.machine.moved.notify_all();
        outcome
    }

    /// One that is done as a whole or not at all.
    fn whole<T>(
        &self,
        what: impl Hash,
        act: impl Fn(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        self.act(what, &act, |state| {
            if state.chance.within(0..2) == 0 {
                let _ = act(state);
            }
        })
    }

    /// A file's number, and whether the time stands in it.
    fn file(&self, file: &File) -> io::Result<(u64, bool)> {
        let state = self.machine.state();
        let id = state.id(file)?.0;
        let name = state.places[&id].file_name().unwrap_or_default();
        Ok((id, name.as_encoded_bytes().starts_with(b"LOSSES")))
    }
}

/// What a process meets that isn't there any more.
fn over() -> io::Error {
    io::Error::other("it is over")
}

impl Disk for Process {
    fn create(&self, path: &Path) -> io::Result<File> {
        let what = ("create", path.file_name());
        self.whole(what, |state| state.create(path))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.whole(("create_dir", path.components().count()), |state| {
            RealDisk.create_dir(path)?;
            state.dirs.push(path.to_owned());
            Ok(())
        })
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (id, timed) = self.file(file)?;
        // A note has the time in it.
        let crc = if timed { 0 } else { crc32c::crc32c(bytes) };
        self.act(
            ("write", id, crc, bytes.len(), offset),
            |state| state.write(file, bytes, offset),
            |state| {
                let part = state.chance.within(0..=bytes.len() as u64) as usize;
                let part = [0, part, bytes.len()][state.chance.within(0..3) as usize];
                let _ = state.write(file, &bytes[..part], offset);
            },
        )
    }

    fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        let what = ("set_len", self.file(file)?.0, len);
        self.whole(what, |state| state.set_len(file, len))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let what = ("rename", from.file_name(), to.file_name());
        self.whole(what, |state| state.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let what = ("remove", path.file_name());
        self.whole(what, |state| state.remove(path))
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.whole(("sync", self.file(file)?.0), |state| {
            // Its name is another matter: POSIX promises it to those only who sync the directory.
            let id = state.id(file)?.0;
            state.files.remove(&id);
            Ok(())
        })
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.whole(("sync_dir", path.components().count()), |state| {
            state.sync_dir(path);
            Ok(())
        })
    }
}
