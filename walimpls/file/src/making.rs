//! Making the file of a segment.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walx_core::Result;
use walx_utility::random;

use crate::disk::Disk;
use crate::fault;
use crate::planted::{self, Bug};
use crate::segment::{self, Segment, SegmentHeader};
use crate::walk::Spot;

/// A segment that isn't there yet.
pub(crate) struct Making {
    header: SegmentHeader,
    path: PathBuf,
}

impl Making {
    pub(crate) fn new(
        dir: &Path,
        uuid: [u8; 16],
        number: u64,
        first_serial: u64,
        previous: Spot,
    ) -> Self {
        let header = SegmentHeader {
            uuid,
            number,
            epoch: random::number(),
            first_serial,
            previous_end: previous.serial,
            previous_crc: previous.chain.unwrap_or_default(),
        };
        Self {
            header,
            path: segment::path(dir, number),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the file and writes its header. Where that is refused nothing stays behind, so that it can be tried
    /// again.
    pub(crate) fn write(&self, disk: &dyn Disk) -> io::Result<File> {
        let file = disk.create(&self.path)?;
        match disk.write(&file, &self.header.encode(), 0) {
            Ok(()) => Ok(file),
            Err(error) => {
                // What can't be removed is taken for what a crash left, by the next open.
                let _ = disk.remove(&self.path);
                Err(error)
            }
        }
    }

    /// Syncs the file and its name.
    pub(crate) fn sync(self, dir: &Path, disk: &dyn Disk, file: File) -> Result<Segment> {
        let synced = disk.sync(&file).and_then(|()| {
            if planted::is(Bug::ForgetsTheName) {
                return Ok(());
            }
            disk.sync_dir(dir)
        });
        synced.map_err(|error| refused(&self.path, error))?;
        Ok(Segment {
            header: self.header,
            file: Arc::new(file),
            path: self.path.into(),
        })
    }

    /// All of it.
    pub(crate) fn make(self, dir: &Path, disk: &dyn Disk) -> Result<Segment> {
        let file = self
            .write(disk)
            .map_err(|error| refused(&self.path, error))?;
        self.sync(dir, disk, file)
    }
}

pub(crate) fn refused(path: &Path, error: io::Error) -> walx_core::Error {
    fault::refused("making a segment", path, error)
}
