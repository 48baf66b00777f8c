//! The folder that a repair copies to what it is about to change.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use walx_core::{Error, ErrorKind, Progress, Result};

use super::inspect::UNFINISHED;
use crate::disk::Disk;
use crate::fault;
use crate::full;
use crate::segment::CHUNK;

/// What a repair writes besides its copies: a segment's head, manifests, notes.
const MARGIN: u64 = 2 << 20;

/// A folder that isn't there yet, and what goes there.
pub(super) struct Copy {
    pub(super) folder: PathBuf,
    files: Vec<PathBuf>,
}

impl Copy {
    pub(super) fn new(dir: &Path, unix_ms: u64, mut files: Vec<PathBuf>) -> Self {
        files.sort();
        files.dedup();
        files.retain(|file| file.is_file());
        let name = format!("repair-{}", utc(unix_ms / 1000));
        let taken = |folder: &PathBuf| folder.exists();
        let again = (2_u32..).map(|count| dir.join(format!("{name}-{count}")));
        let mut names = std::iter::once(dir.join(&name)).chain(again);
        let folder = names.find(|folder| !taken(folder));
        Self {
            folder: folder.unwrap_or_else(|| dir.join(&name)),
            files,
        }
    }

    /// Makes the folder with the mark that the repair isn't done, and copies the files, durably.
    ///
    /// # Errors
    /// `Unavailable` where there is no room for it; nothing is there then.
    pub(super) fn make(&self, dir: &Path, disk: &dyn Disk, progress: &Progress) -> Result<()> {
        let sizes = self.files.iter().map(|file| {
            let meta = fs::metadata(file);
            meta.map(|meta| meta.len())
                .map_err(|error| fault::refused("looking at a damaged file", file, error))
        });
        let sizes = sizes.collect::<Result<Vec<_>>>()?;
        let needed = sizes.iter().sum::<u64>() + MARGIN;
        if let Some(free) = full::free(dir).filter(|free| *free < needed) {
            let text = format!(
                "a repair copies what it changes first and needs {needed} bytes for it, and {free} are free in {}; free \
                 space there, then repair again",
                dir.display()
            );
            return Err(Error::new(ErrorKind::Unavailable, text));
        }
        progress.expect(needed - MARGIN);
        let refused = |error| fault::refused("copying what is damaged", &self.folder, error);
        self.begin(dir, disk).map_err(refused)?;
        for (file, bytes) in self.files.iter().zip(sizes) {
            self.file(file, disk).map_err(refused)?;
            progress.advance(bytes);
        }
        disk.sync_dir(&self.folder).map_err(refused)
    }

    fn begin(&self, dir: &Path, disk: &dyn Disk) -> io::Result<()> {
        disk.create_dir(&self.folder)?;
        let mark = disk.create(&self.folder.join(UNFINISHED))?;
        disk.sync(&mark)?;
        disk.sync_dir(&self.folder)?;
        disk.sync_dir(dir)
    }

    fn file(&self, from: &Path, disk: &dyn Disk) -> io::Result<()> {
        let name = from.file_name().unwrap_or_default();
        let to = self.folder.join(name);
        let (from, to) = (File::open(from)?, disk.create(&to)?);
        let (mut piece, mut offset) = (vec![0; CHUNK], 0);
        loop {
            let read = from.read_at(&mut piece, offset)?;
            if read == 0 {
                break disk.sync(&to);
            }
            disk.write(&to, &piece[..read], offset)?;
            offset += read as u64;
        }
    }
}

/// Seconds since 1970 as a name: 20261121T130640Z.
fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut day) = (1970, days);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    loop {
        let length = 365 + u64::from(is_leap(year));
        if day < length {
            break;
        }
        (year, day) = (year + 1, day - length);
    }
    let february = 28 + u64::from(is_leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        (month, day) = (month + 1, day - length);
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!(
        "{year:04}{month:02}{:02}T{hour:02}{minute:02}{second:02}Z",
        day + 1
    )
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        assert_eq!(utc(0), "19700101T000000Z");
        assert_eq!(utc(951_782_399), "20000228T235959Z");
        assert_eq!(utc(951_782_400), "20000229T000000Z");
        assert_eq!(utc(1_795_266_400), "20261121T130640Z");
        assert_eq!(utc(4_107_542_400), "21000301T000000Z");
    }
}
