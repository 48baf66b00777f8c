//! Room for manifests on the disk, made before it is needed.

use std::fs::File;
use std::io;
use std::path::Path;

use super::{Manifest, Seal};
use crate::disk::Disk;
use crate::planted::{self, Bug};

/// The size of a file that has enough for its manifest.
const LEAST: usize = 64 << 10;

/// A manifest of the same channels that no other one exceeds.
pub(crate) fn most(manifest: &Manifest) -> Manifest {
    let mut most = manifest.clone();
    most.first_segment = Some(u64::MAX);
    most.floor = u64::MAX;
    most.clean = Some(Seal {
        segment: u64::MAX,
        offset: u64::MAX,
        serial: u64::MAX,
    });
    for line in most.channels.values_mut() {
        (line.from, line.next, line.opens) = (u64::MAX, u64::MAX, u64::MAX);
    }
    most
}

/// Opens a file for a manifest of so many bytes. One that is too small grows by zeros, which are synced, so that
/// writing to it later changes no size.
pub(super) fn make(dir: &Path, path: &Path, disk: &dyn Disk, bytes: usize) -> io::Result<File> {
    let file = disk.open(path)?;
    let len = file.metadata()?.len() as usize;
    if len < bytes {
        let size = bytes.next_power_of_two().max(LEAST);
        if let Err(error) = disk.write(&file, &vec![0; size - len], len as u64) {
            // A part of the room is of no use; others have it then.
            let _ = disk.set_len(&file, len as u64);
            return Err(error);
        }
        disk.sync(&file)?;
        if !planted::is(Bug::ForgetsTheRoom) {
            disk.sync_dir(dir)?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use crate::manifest::{ChannelLine, NAMES};

    #[test]
    fn no_manifest_of_the_same_channels_needs_more_room_than_was_made() {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = Manifest::new([255; 16]);
        for number in 0..2_000 {
            let line = ChannelLine {
                name: format!("channel {number}"),
                from: 0,
                next: 0,
                opens: 0,
            };
            manifest.channels.insert(number, line);
        }
        manifest.reserve(dir.path(), &RealDisk).unwrap();
        let sizes = || NAMES.map(|name| std::fs::metadata(dir.path().join(name)).unwrap().len());
        let reserved = sizes();
        for _ in 0..2 {
            let mut largest = most(&manifest);
            largest.store(dir.path()).unwrap();
            manifest.store(dir.path()).unwrap();
        }
        assert_eq!(sizes(), reserved);
        let small = manifest.encode().unwrap().len() as u64;
        assert!(reserved.iter().all(|size| *size > small * 3 / 2));
    }
}
