//! The loss of power. What is assumed of file systems is less than Linux's ext4, XFS and btrfs keep in their default
//! modes:
//!
//! - a sync of a file keeps its bytes and its size, but not its name, even where the file is new;
//! - a sync of a directory keeps all changes of its names before it, but nothing of the files;
//! - without one, each name is as it was at the last sync or after any change since, whatever became of other names:
//!   of two removals the later one may be kept alone;
//! - a rename never loses the file: after it, the new name has it, or the old one, or both do;
//! - of the bytes since a file's last sync, each sector is kept or lost by itself, a write may be torn at any byte, and
//!   sizes go their own way.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::disk::State;
use crate::acked::Acked;

/// Where the slots of `ACKED` start.
const SLOTS: [u64; 2] = [0, 512];

impl State {
    /// Leaves in `store` what is on the disk. The process is over, and nothing has a file open any more.
    pub(super) fn lose_power(&mut self, store: &Path) {
        for dir in std::mem::take(&mut self.dirs) {
            if self.chance.within(0..2) == 0 && dir.is_dir() {
                fs::remove_dir_all(&dir).unwrap();
                self.names.retain(|name, _| !name.starts_with(&dir));
            }
        }
        for (id, unsynced) in std::mem::take(&mut self.files) {
            let place = &self.places[&id];
            if let Ok(file) = File::options().read(true).write(true).open(place) {
                unsynced.lose(&file, &mut self.chance, &self.stale).unwrap();
            }
        }
        self.lose_names();
        if self.chance.within(0..4) == 0 {
            let _ = fs::remove_file(store.join("LOCK"));
        }
        start_again(&store.join("ACKED"));
    }

    fn lose_names(&mut self) {
        let names = std::mem::take(&mut self.names);
        let mut chosen: BTreeMap<&PathBuf, usize> = BTreeMap::new();
        for (name, versions) in &names {
            let at = match self.chance.within(0..3) {
                0 => 0,
                1 => versions.len() - 1,
                _ => self.chance.within(0..versions.len() as u64) as usize,
            };
            chosen.insert(name, at);
        }
        for [(from, left), (to, came)] in std::mem::take(&mut self.renames) {
            if let (Some(is_left), Some(has_come)) = (chosen.get(&from), chosen.get(&to))
                && is_left >= &left
                && has_come < &came
            {
                *chosen.get_mut(&to).unwrap() = came;
            }
        }
        for (name, versions) in &names {
            if let Some(Some(id)) = versions.last() {
                let grave = self.grave.join(id.to_string());
                fs::rename(name, &grave).unwrap();
                self.places.insert(*id, grave);
            }
        }
        for (name, at) in chosen {
            if let Some(id) = names[name][at] {
                fs::hard_link(&self.places[&id], name).unwrap();
            }
        }
        for entry in fs::read_dir(&self.grave).unwrap() {
            let grave = entry.unwrap().path();
            let id = grave
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            fs::remove_file(&grave).unwrap();
            // Where it has a name, its place is that one.
            let there = names
                .iter()
                .find(|(name, versions)| versions.contains(&Some(id)) && name.exists());
            match there {
                Some((name, _)) => self.places.insert(id, name.clone()),
                None => self.places.remove(&id),
            };
        }
    }
}

/// The machine starts again: what `ACKED` says was said before.
fn start_again(path: &Path) {
    let Ok(file) = File::options().read(true).write(true).open(path) else {
        return;
    };
    for at in SLOTS {
        let mut slot = [0; 80];
        if file.read_exact_at(&mut slot, at).is_ok()
            && let Some(mut acked) = Acked::decode(&slot)
            && acked.boot != 0
        {
            acked.boot = acked.boot.wrapping_add(1).max(1);
            file.write_all_at(&acked.encode(), at).unwrap();
        }
    }
}
