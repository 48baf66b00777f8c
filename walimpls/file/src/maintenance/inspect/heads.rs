//! The small files of a store: what they say is there twice, or can be found out anew.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use walx_core::Result;

use super::{Inspector, Kind, size};
use crate::acked::Acked;
use crate::fault::Damage;
use crate::loss::{self, Found, Losses};
use crate::manifest::{self, Slot};
use crate::segment::BLOCK;

/// The mark in a repair's folder that it didn't end.
pub(crate) const UNFINISHED: &str = "UNFINISHED";
/// How often a file that may be on its way is looked at again, and what lies in between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(2);

impl Inspector<'_> {
    pub(super) fn heads(&mut self, numbers: &[u64]) -> Result<()> {
        for mark in unfinished(self.dir) {
            let damage = Damage::new(&mark, 0, "an earlier repair was interrupted");
            self.teller.tell(Kind::Unfinished, damage, false)?;
        }
        self.manifests()?;
        // A store that ended before its first record needs none.
        if numbers.iter().any(|number| size(self.dir, *number) > BLOCK) {
            self.acked()?;
        }
        if let Found::Damaged = Losses::read(self.dir, &self.scene.manifest.uuid)? {
            let what =
                "the list of noted losses is damaged, or another store's, and counts for nothing";
            let damage = Damage::new(&self.dir.join(loss::NAME), 0, what);
            self.teller.tell(Kind::Losses, damage, false)?;
        }
        Ok(())
    }

    /// Both manifests are sound, but for a new store's second one, and one that is being written.
    fn manifests(&mut self) -> Result<()> {
        let torn = |slots: &[Slot; 2]| {
            let newest = slots.iter().filter_map(|slot| match slot {
                Slot::Sound(generation) => Some(*generation),
                Slot::Damaged | Slot::Blank => None,
            });
            let newest = newest.max();
            slots.iter().position(|slot| match slot {
                Slot::Sound(_) => false,
                Slot::Damaged => true,
                Slot::Blank => newest > Some(1),
            })
        };
        let Some(at) = again(|| torn(&manifest::slots(self.dir))) else {
            return Ok(());
        };
        let what = "this manifest is not sound, and the other one counts, which is one change older or newer; a crash of \
                    the machine within a write does that, and the next open for writing mends it";
        let damage = Damage::new(&self.dir.join(manifest::NAMES[at]), 0, what);
        self.teller.tell(Kind::Manifest, damage, false)
    }

    fn acked(&mut self) -> Result<()> {
        let uuid = self.scene.manifest.uuid();
        let Some(offset) = again(|| Acked::unsound(self.dir, uuid)) else {
            return Ok(());
        };
        let path = self.dir.join("ACKED");
        let what = if path.exists() {
            "this half of the file is not sound; a crash of the machine does that, and the next open for writing mends it"
        } else {
            "the file is missing; what it knew of acknowledged records is known from elsewhere only in part"
        };
        let damage = Damage::new(&path, offset, what);
        self.teller.tell(Kind::Acked, damage, false)
    }
}

/// What stays so.
fn again<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    for _ in 1..TRIES {
        look()?;
        std::thread::park_timeout(PAUSE);
    }
    look()
}

/// The marks of repairs that didn't end.
pub(crate) fn unfinished(dir: &Path) -> Vec<PathBuf> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let mut marks = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let ours = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with("repair-"));
            let mark = entry.path().join(UNFINISHED);
            if ours && mark.exists() {
                marks.push(mark);
            }
        }
        marks.sort();
        Ok(marks)
    };
    list().unwrap_or_default()
}
