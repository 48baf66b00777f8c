//! A disk that decays: what a repair is for.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::world::World;
use crate::manifest::{self, NAMES, Slot};
use crate::tests::segments;

impl World {
    /// Damages something that lies on the disk. Whether all can still be read; `None` where nothing was damaged.
    pub(super) fn damage(&mut self) -> Option<bool> {
        if !self.dir.is_dir() {
            return None;
        }
        match self.chance.within(0..4) {
            0 => self.flip("ACKED", 40).then_some(true),
            1 => {
                let older = match manifest::slots(&self.dir) {
                    [Slot::Sound(a), Slot::Sound(b)] => NAMES[usize::from(b < a)],
                    _ => return None,
                };
                self.flip(older, 40).then_some(true)
            }
            _ => self.lose_record().then_some(false),
        }
    }

    /// Changes a bit of a file, if it is that long.
    fn flip(&self, name: &str, at: u64) -> bool {
        let path = self.dir.join(name);
        let Ok(file) = File::options().read(true).write(true).open(path) else {
            return false;
        };
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).is_ok() && file.write_all_at(&[byte[0] ^ 1], at).is_ok()
    }

    /// A record in a segment that a sound one follows, so that it can't be taken for a torn tail: the last file may be
    /// the begin of a segment.
    fn lose_record(&mut self) -> bool {
        let mut sealed = segments(&self.dir);
        sealed.truncate(sealed.len().saturating_sub(2));
        let marks = &self.model.marks;
        let large: Vec<_> = (0..self.model.entries.len())
            .filter(|at| {
                let entry = &self.model.entries[*at];
                let kept = entry.number >= Some(marks[entry.channel].asked);
                entry.len >= 24 && kept && !entry.lost
            })
            .collect();
        if large.is_empty() {
            return false;
        }
        let at = large[self.chance.within(0..large.len() as u64) as usize];
        let payload = self.model.entries[at].record().payload;
        for path in sealed {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(24).position(|it| it == &payload[..24]);
            if let Some(offset) = found {
                let name = path.file_name().unwrap().to_str().unwrap();
                self.model.entries[at].lost = true;
                return self.flip(name, offset as u64 + 12);
            }
        }
        false
    }
}
