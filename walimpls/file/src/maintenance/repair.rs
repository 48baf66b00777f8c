//! Making a damaged store usable again. What is there twice, or can be found out anew, is written anew; of records
//! that are lost a note is taken, see [`crate::loss`]; damaged bytes stay where they are.
//!
//! Whoever comes after a repair that was killed finds either the damage, or the notes: they are written last, as a
//! whole. Up to then only that was changed which any open that salvages changes.

mod mend;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use walx_core::{Error, ErrorKind, Finding, Progress, RepairMode, RepairStep, Repaired, Result};
use walx_utility::clock;

use super::copy::Copy;
use super::inspect::{Beside, Kind, Trouble, Watcher, inspect, unfinished};
use crate::directory::Directory;
use crate::disk::Disk;
use crate::fault;
use crate::lock::Lock;
use crate::loss::{self, Losses};
use crate::manifest::{self, Manifest};
use crate::network;
use crate::segment;

pub(super) fn repair(
    directory: &Directory,
    mode: RepairMode,
    progress: &Progress,
) -> Result<Repaired> {
    let dir = &directory.config.path;
    if directory.store().is_some() {
        let pid = std::process::id();
        let text = format!(
            "this process ({pid}) has the store {} open for writing; close it, then repair",
            dir.display()
        );
        return Err(Error::new(ErrorKind::Conflict, text).with_context("pid", pid));
    }
    let nothing = segment::list(dir).map_or(true, |numbers| numbers.is_empty());
    if nothing && hopeless(dir, Manifest::load(dir))?.is_none() {
        let text = format!(
            "there is no store in {}; name another directory",
            dir.display()
        );
        return Err(Error::new(ErrorKind::NotFound, text));
    }
    network::refuse(dir)?;
    let lock = Lock::take(dir)?;
    Repair {
        directory,
        dir,
        disk: Arc::clone(&directory.disk),
        lock,
        progress,
    }
    .run(mode)
}

/// Says of a store without a sound manifest what can still be done.
fn hopeless<T>(dir: &Path, outcome: Result<T>) -> Result<T> {
    outcome.map_err(|error| match error.kind() {
        ErrorKind::Corrupt => {
            let text = format!(
                "neither manifest of {} is sound, or none names all channels that the log has: which records are whose is \
                 lost, and no repair and no damage=salvage finds that out; restore {} or {} from a copy of the store, or \
                 from a folder repair-* in it, then repair again",
                dir.display(),
                manifest::NAMES[0],
                manifest::NAMES[1]
            );
            Error::new(ErrorKind::Corrupt, text).with_source(error)
        }
        _ => error,
    })
}

struct Repair<'a> {
    directory: &'a Directory,
    dir: &'a Path,
    disk: Arc<dyn Disk>,
    lock: Lock,
    progress: &'a Progress,
}

/// What an inspection found, up to a bound.
#[derive(Default)]
struct Troubles(Vec<Trouble>);

impl Watcher for Troubles {
    fn found(&mut self, trouble: Trouble) -> Result<()> {
        if self.0.len() >= loss::MOST {
            let text = format!(
                "more than {} places are damaged, too many to note; restore the store from a copy, or open it with \
                 damage=salvage and copy what is left to another one",
                loss::MOST
            );
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        self.0.push(trouble);
        Ok(())
    }
}

impl Repair<'_> {
    fn run(&self, mode: RepairMode) -> Result<Repaired> {
        let now = u64::try_from(clock::unix_time().as_millis()).unwrap_or(u64::MAX);
        let found = self.inspect()?;
        let mut repaired = Repaired::default();
        repaired.steps = found.iter().filter_map(step).collect();
        let outdated = self.outdated(&found)?;
        let is_outdated = outdated.is_some();
        repaired.steps.extend(outdated);
        let marks = |trouble: &Trouble| matches!(trouble.kind, Kind::Unfinished);
        let work = is_outdated || found.iter().any(|it| !it.known && !marks(it));
        if work {
            let copy = Copy::new(self.dir, now, self.files(&found)?);
            repaired.copy = Some(copy.folder.display().to_string());
            if mode == RepairMode::Apply {
                copy.make(self.dir, self.disk.as_ref(), self.progress)?;
                self.mend(now)?;
            }
        }
        if mode == RepairMode::Apply {
            self.remove_marks()?;
        }
        Ok(repaired)
    }

    fn inspect(&self) -> Result<Vec<Trouble>> {
        let mut troubles = Troubles::default();
        let looked = inspect(self.dir, Beside::Nobody, &mut troubles, self.progress);
        let nameless = |trouble: &&Trouble| matches!(trouble.kind, Kind::Nameless);
        if let Some(nameless) = troubles.0.iter().find(nameless) {
            let cause = nameless.damage.error();
            return hopeless(self.dir, Err(cause));
        }
        hopeless(self.dir, looked)?;
        Ok(troubles.0)
    }

    /// A note of what is there again, or was truncated, would hide that it is lost another time.
    fn outdated(&self, found: &[Trouble]) -> Result<Option<RepairStep>> {
        let uuid = Manifest::load(self.dir)?.map(|it| it.uuid);
        let losses = Losses::load(self.dir, &uuid.unwrap_or_default())?;
        let lost = found.iter().filter_map(Trouble::loss);
        let lost: Vec<_> = lost.filter_map(|loss| losses.note(&loss)).collect();
        Ok(
            (losses.notes().iter().any(|note| !lost.contains(&note))).then(|| {
                let place = format!("{} at 0", self.dir.join(loss::NAME).display());
                let finding =
                    Finding::new(place, "it notes losses that were truncated or restored");
                RepairStep::new(finding, "written anew from what is damaged now")
            }),
        )
    }

    /// What is damaged, and what may be changed: recovery seals or cuts the last two segments.
    fn files(&self, found: &[Trouble]) -> Result<Vec<PathBuf>> {
        let refused = |error| fault::refused("listing the segments", self.dir, error);
        let numbers = segment::list(self.dir).map_err(refused)?;
        let last = numbers.iter().rev().take(2);
        let mut files: Vec<_> = last
            .map(|number| segment::path(self.dir, *number))
            .collect();
        let damaged = found
            .iter()
            .filter(|it| !matches!(it.kind, Kind::Unfinished));
        files.extend(damaged.map(|it| PathBuf::from(&it.damage.file)));
        files.extend(manifest::NAMES.map(|name| self.dir.join(name)));
        files.extend(["ACKED", loss::NAME].map(|name| self.dir.join(name)));
        Ok(files)
    }

    /// The marks of this repair and of those before it.
    fn remove_marks(&self) -> Result<()> {
        for mark in unfinished(self.dir) {
            let folder = mark.parent().unwrap_or(self.dir);
            let removed = self.disk.remove(&mark);
            removed
                .and_then(|()| self.disk.sync_dir(folder))
                .map_err(|error| fault::refused("removing the mark of a repair", &mark, error))?;
        }
        Ok(())
    }
}

/// What is done about a trouble; `None` where that was done before.
fn step(trouble: &Trouble) -> Option<RepairStep> {
    let action = match &trouble.kind {
        _ if trouble.known => return None,
        Kind::Lost(_) => {
            "noted in LOSSES: the store opens with it, and whoever reads it gets a gap"
        }
        Kind::Footer { beyond: None, .. } => "written anew from what the segment holds",
        Kind::Footer { .. } => {
            "noted in LOSSES: as records of the segment are lost, it is read to its end at each open instead"
        }
        Kind::Manifest => "written anew from the other one",
        Kind::Acked => "written anew from where the log ends",
        Kind::Losses => "written anew from what is damaged now",
        Kind::Unfinished => "its mark is removed; its folder stays until somebody removes it",
        Kind::Nameless => return None,
    };
    let finding: Finding = trouble.finding();
    Some(RepairStep::new(finding, action))
}
