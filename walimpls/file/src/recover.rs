//! Making a store ready for its writer: what a crash left is cut off, what is kept is synced, a new store is made.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use walx_core::Result;
use walx_utility::random;

use crate::acked::Acked;
use crate::config::FileConfig;
use crate::disk::Disk;
use crate::fault;
use crate::footer;
use crate::frame::kind;
use crate::lock::Right;
use crate::making::Making;
use crate::manifest::{self, Manifest};
use crate::planted::{self, Bug};
use crate::segment::{self, BLOCK, CHUNK, Found, Segment};
use crate::summary::Summary;
use crate::survey::{Last, LastEnd, Look, Sealed, Survey};
use crate::walk::{self, Spot};

/// A store that is ready to be written.
pub(crate) struct Ready {
    pub(crate) manifest: Manifest,
    pub(crate) sealed: Vec<Sealed>,
    pub(crate) segment: Segment,
    /// Where the next frame goes.
    pub(crate) spot: Spot,
    pub(crate) summary: Summary,
}

/// Recovers a store, or makes a new one. The caller has the lock.
pub(crate) fn recover(
    dir: &Path,
    config: &FileConfig,
    disk: &dyn Disk,
    right: &Right,
) -> Result<Ready> {
    let how = Look {
        damage: config.damage,
        live: false,
        writable: true,
    };
    let found = Survey::look(dir, how)?;
    right.check()?;
    // A process that was killed may have left names that only the system knows. What is written from now on relies on
    // them, and no sync of a file makes its name durable.
    if !planted::is(Bug::TrustsTheNames) {
        disk.sync_dir(dir)
            .map_err(|error| fault::refused("syncing the directory", dir, error))?;
    }
    if let Some(survey) = found.as_ref().filter(|it| it.manifest.generation() > 0) {
        survey.manifest.keep_on(dir, disk)?;
    }
    match found {
        Some(survey) if survey.manifest.first_segment.is_some() => {
            Recovery { dir, disk, right }.run(survey)
        }
        Some(survey) => create(dir, disk, right, survey.manifest, survey.stub),
        None => create(dir, disk, right, Manifest::new(uuid()), None),
    }
}

fn uuid() -> [u8; 16] {
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&random::number().to_be_bytes());
    uuid[8..].copy_from_slice(&random::number().to_be_bytes());
    uuid
}

/// Makes the first segment of a store. The manifest names it only after it is synced, so that a first segment that
/// is missing later is damage.
fn create(
    dir: &Path,
    disk: &dyn Disk,
    right: &Right,
    mut manifest: Manifest,
    stub: Option<u64>,
) -> Result<Ready> {
    for parent in dir.ancestors().skip(1) {
        // Somebody may have made these as well, and ended. Where they may not be read, they are not ours.
        if disk.sync_dir(parent).is_err() {
            break;
        }
    }
    if let Some(number) = stub {
        let begun = std::fs::metadata(segment::path(dir, number)).is_ok_and(|it| it.len() <= BLOCK);
        if !begun {
            // More than a crash leaves of a first segment: the manifest is older than the log.
            return Err(manifest::lost(dir));
        }
        remove(dir, disk, number)?;
    }
    if manifest.generation() == 0 {
        // What a killed process began may be in memory only, and files that are large enough are taken as they are.
        for name in manifest::NAMES {
            let path = dir.join(name);
            disk.remove_any(&path)
                .map_err(|error| fault::refused("removing an empty manifest", &path, error))?;
        }
    }
    manifest.reserve(dir, disk)?;
    if planted::is(Bug::NamesEarly) {
        manifest.first_segment = Some(0);
    }
    manifest.store_on(dir, disk)?;
    let previous = Spot {
        offset: BLOCK,
        serial: 0,
        chain: Some(0),
    };
    let segment = Making::new(dir, manifest.uuid(), 0, 0, previous).make(dir, disk)?;
    manifest.first_segment = Some(0);
    right.check()?;
    manifest.store_on(dir, disk)?;
    let spot = Spot::start(&segment);
    Ok(Ready {
        manifest,
        sealed: Vec::new(),
        segment,
        spot,
        summary: Summary::default(),
    })
}

struct Recovery<'a> {
    dir: &'a Path,
    disk: &'a dyn Disk,
    right: &'a Right,
}

impl Recovery<'_> {
    fn run(&self, mut survey: Survey) -> Result<Ready> {
        let first = survey.manifest.first_segment.unwrap_or_default();
        self.remove_truncated(first)?;
        if let Some(stub) = survey.stub {
            remove(self.dir, self.disk, stub)?;
            let others = segment::list(self.dir)
                .map_err(|error| fault::refused("listing the segments", self.dir, error))?;
            survey.highest = others.last().copied();
        }
        if let Some(last) = survey.last.as_ref().filter(|it| it.spot.offset == BLOCK)
            && !planted::is(Bug::TrustsTheHeader)
        {
            // Its header may be in memory only, and it must be there before the segment in front of it is sealed.
            self.write_anew(&last.segment.file, 0, BLOCK)
                .map_err(|error| fault::refused("syncing a segment", &last.segment.path, error))?;
        }
        let end = survey.end_serial();
        let mut sealed = std::mem::take(&mut survey.sealed);
        for segment in &mut sealed {
            self.seal(segment, survey.manifest.uuid())?;
        }
        self.keep_footer(sealed.last(), survey.manifest.uuid())?;
        let (segment, spot, summary) = match survey.last.take() {
            Some(last) if last.end != LastEnd::Damaged && last.spot.serial >= survey.floor => {
                self.adopt(&last, survey.acked.as_ref(), &survey.manifest)?;
                (last.segment, last.spot, last.summary)
            }
            // Damaged bytes stay as they are: the log goes on in the next segment, at a serial never given out.
            last => {
                let number = survey.highest.map_or(first, |highest| highest + 1);
                let previous = last.as_ref().map_or(
                    Spot {
                        offset: BLOCK,
                        serial: end,
                        chain: Some(0),
                    },
                    |l| l.spot,
                );
                let floor = end.max(survey.floor);
                let making = Making::new(self.dir, survey.manifest.uuid(), number, floor, previous);
                let segment = making.make(self.dir, self.disk)?;
                let carry = last.map_or_else(Summary::default, |last| {
                    self.seal_as_it_is(last, &mut sealed)
                });
                let spot = Spot::start(&segment);
                (segment, spot, carry.following(floor))
            }
        };
        self.floors(&mut survey, end, spot.serial, &summary)?;
        Ok(Ready {
            manifest: survey.manifest,
            sealed,
            segment,
            spot,
            summary,
        })
    }

    /// Truncated segments whose removal a crash cut short.
    fn remove_truncated(&self, first: u64) -> Result<()> {
        let refused = |error| fault::refused("listing the segments", self.dir, error);
        for number in segment::list(self.dir).map_err(refused)? {
            if number < first {
                remove(self.dir, self.disk, number)?;
            }
        }
        Ok(())
    }

    /// Cuts the last segment at the end of what is sound, and makes sure that this is on the disk: what was read may
    /// have been in memory only, and after a sync that failed a second one may claim success, so it is written anew.
    fn adopt(&self, last: &Last, acked: Option<&Acked>, manifest: &Manifest) -> Result<()> {
        let (path, file, end) = (&last.segment.path, &last.segment.file, last.spot.offset);
        if last.end == LastEnd::Torn && !planted::is(Bug::KeepsTheTail) {
            let len = last.segment.len()?;
            tracing::warn!(
                file = %path.display(),
                offset = end,
                bytes = len.saturating_sub(end),
                "the writer ended within a write that was never acknowledged; its bytes are cut off"
            );
            let few = if planted::is(Bug::CutsTooMuch) { 9 } else { 0 };
            let cut = self.disk.set_len(file, end - few);
            let cut = cut.and_then(|()| self.disk.sync(file));
            cut.map_err(|error| fault::refused("cutting a torn tail off", path, error))?;
        }
        // Of the last frame only padding may be missing.
        let pad = || {
            if file.metadata()?.len() < end {
                self.disk.set_len(file, end)
            } else {
                Ok(())
            }
        };
        pad().map_err(|error| fault::refused("syncing the tail", path, error))?;
        let number = last.segment.header.number;
        let sealed = manifest
            .clean
            .filter(|seal| seal.segment == number)
            .map_or(BLOCK, |seal| seal.offset);
        let acked = acked
            .filter(|acked| acked.segment == number)
            .map_or(BLOCK, |acked| acked.offset);
        let mut from = sealed.max(acked).clamp(BLOCK, end);
        if planted::is(Bug::TrustsTheCache) {
            from = end;
        }
        self.write_anew(file, from, end)
            .map_err(|error| fault::refused("syncing the tail", path, error))
    }

    fn write_anew(&self, file: &File, mut from: u64, end: u64) -> std::io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        while from < end {
            let part = &mut buffer[..CHUNK.min((end - from) as usize)];
            file.read_exact_at(part, from)?;
            self.disk.write(file, part, from)?;
            from += part.len() as u64;
        }
        if planted::is(Bug::TrustsTheCache) {
            return Ok(());
        }
        self.disk.sync(file)
    }

    /// Writes the footer that a writer didn't come to write, so that readers needn't look for the segment's end.
    fn seal(&self, sealed: &mut Sealed, uuid: [u8; 16]) -> Result<()> {
        let (Some(spot), Some(summary)) = (sealed.unsealed.take(), &sealed.summary) else {
            return Ok(());
        };
        let Found::Segment(segment) = Segment::find(self.dir, uuid, sealed.number, true)? else {
            return Ok(());
        };
        if matches!(walk::search(&segment, spot.offset, 0)?, Some((_, frame)) if frame.kind != kind::FOOTER)
        {
            // Nothing that may be a record is cut off.
            return Ok(());
        }
        let bytes = footer::encode(summary, &segment, spot, spot.serial);
        let written = self.disk.set_len(&segment.file, spot.offset);
        let written = written
            .and_then(|()| self.disk.write(&segment.file, &bytes, spot.offset))
            .and_then(|()| self.disk.sync(&segment.file));
        match written {
            Ok(()) => sealed.summary = None,
            // Who finds no footer reads the segment.
            Err(error) => {
                tracing::warn!(file = %segment.path.display(), %error, "a footer could not be written");
            }
        }
        Ok(())
    }

    /// A process that was killed right behind a footer may have left it in memory only; all older ones are synced.
    fn keep_footer(&self, sealed: Option<&Sealed>, uuid: [u8; 16]) -> Result<()> {
        if let Some(sealed) = sealed
            && let Found::Segment(segment) = Segment::find(self.dir, uuid, sealed.number, false)?
            && let Err(error) = self.disk.sync(&segment.file)
        {
            // Who finds no footer reads the segment.
            tracing::warn!(file = %segment.path.display(), %error, "a footer could not be synced");
        }
        Ok(())
    }

    fn seal_as_it_is(&self, last: Last, sealed: &mut Vec<Sealed>) -> Summary {
        let summary = Arc::new(last.summary);
        sealed.push(Sealed {
            number: last.segment.header.number,
            end_serial: last.spot.serial,
            summary: Some(Arc::clone(&summary)),
            unsealed: None,
        });
        summary.as_ref().clone()
    }

    /// No number that was given out is given out again, even where its record is lost.
    fn floors(&self, survey: &mut Survey, end: u64, serial: u64, summary: &Summary) -> Result<()> {
        let given = survey
            .acked
            .map_or(0, |acked| acked.acked)
            .max(survey.floor);
        // Any of the lost records may have been of this channel, unless a clean close wrote down how far it was.
        let lost = given.saturating_sub(end) + survey.holes;
        let manifest = &mut survey.manifest;
        let lost = if manifest.clean.is_some_and(|seal| seal.serial >= given) {
            0
        } else {
            lost
        };
        for (number, line) in &mut manifest.channels {
            let seen = summary.channels.get(number).map_or(0, |span| span.end);
            line.next = line.next.max(seen + lost);
        }
        manifest.floor = manifest.floor.max(serial);
        manifest.clean = None;
        self.right.check()?;
        if let Err(error) = manifest.reserve(self.dir, self.disk) {
            // It is there already, but where an older walx made the store, or a file was lost.
            tracing::warn!(directory = %self.dir.display(), %error, "no room could be reserved for truncations");
        }
        manifest.store_on(self.dir, self.disk)
    }
}

/// Removes a segment's file.
pub(crate) fn remove(dir: &Path, disk: &dyn Disk, number: u64) -> Result<()> {
    let path = segment::path(dir, number);
    disk.remove_any(&path)
        .map_err(|error| fault::refused("removing a segment", &path, error))
}
