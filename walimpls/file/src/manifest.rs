//! The manifest: what is true of a store whatever happens to its log. Two files written in turn, in place.
//!
//! Everything in it is a lower bound that only grows (marks, floors, the first segment), so an older generation,
//! which is all that is left when a write of the newer one was torn, is never wrong.

use std::collections::BTreeMap;
pub(crate) mod room;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use walx_core::{ChannelName, Error, ErrorKind, Result};

use crate::disk::Disk;
use crate::fault;
use crate::planted::{self, Bug};
use crate::segment;
use crate::varint::{self, get_u32, get_u64};

pub(crate) const NAMES: [&str; 2] = ["MANIFEST.a", "MANIFEST.b"];
const MAGIC: &[u8; 8] = b"WALXMAN1";
const VERSION: u32 = 1;
/// Bytes before its body.
pub(crate) const HEADER: usize = 32;
/// How often two files that don't fit together are read again, and what lies between two tries.
const TRIES: u32 = 10;
/// A fuzzer reads many that stay so, and nobody writes to them.
const PAUSE: Duration = Duration::from_millis(if cfg!(fuzzing) { 0 } else { 1 });

/// What a manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The store's uuid, as hex.
    pub(crate) uuid: String,
    /// The first segment that is kept; `None` until there is one.
    pub(crate) first_segment: Option<u64>,
    /// Serials below this were given out.
    pub(crate) floor: u64,
    /// Where the log ended when it was closed cleanly; `None` while it is open, or after a crash.
    pub(crate) clean: Option<Seal>,
    /// The channels, by number.
    pub(crate) channels: BTreeMap<u32, ChannelLine>,
    #[serde(skip)]
    generation: u64,
}

/// The end of a log that was closed cleanly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) serial: u64,
}

/// What the manifest says of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChannelLine {
    pub(crate) name: String,
    /// The first number that is not truncated.
    pub(crate) from: u64,
    /// Numbers below this were given out.
    pub(crate) next: u64,
    /// How often it was opened for writing.
    pub(crate) opens: u64,
}

impl Manifest {
    /// The manifest of a new store.
    pub(crate) fn new(uuid: [u8; 16]) -> Self {
        Self {
            uuid: hex(&uuid),
            ..Self::default()
        }
    }

    /// The uuid as bytes.
    pub(crate) fn uuid(&self) -> [u8; 16] {
        let number = u128::from_str_radix(&self.uuid, 16).unwrap_or_default();
        number.to_be_bytes()
    }

    /// The number and the line of a channel.
    pub(crate) fn channel(&self, name: &ChannelName) -> Option<(u32, &ChannelLine)> {
        let found = self
            .channels
            .iter()
            .find(|(_, line)| line.name == name.as_str());
        found.map(|(number, line)| (*number, line))
    }

    /// The newest manifest of a directory; `None` where there is none at all.
    ///
    /// # Errors
    /// `Corrupt` where both files are there and neither is sound; `Unsupported` for a newer version.
    pub(crate) fn load(dir: &Path) -> Result<Option<Self>> {
        for _ in 1..TRIES {
            let before = trace(dir);
            let (best, torn) = Self::load_once(dir)?;
            if !torn && trace(dir) == before {
                return Ok(best);
            }
            // What looks damaged may be on its way: the older file is taken only where it stays so.
            std::thread::park_timeout(PAUSE);
        }
        match Self::load_once(dir)? {
            (None, true) if is_begun(dir) => Ok(None),
            (None, true) => Err(lost(dir)),
            (best, _) => Ok(best),
        }
    }

    /// The newest sound one, and whether a file is there that is none.
    fn load_once(dir: &Path) -> Result<(Option<Self>, bool)> {
        let mut sound: Vec<Self> = Vec::new();
        let (mut torn, mut newer) = (false, None);
        for name in NAMES {
            let path = dir.join(name);
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(fault::refused("reading the manifest", &path, error)),
            };
            match Self::decode(&bytes) {
                Decoded::Sound(manifest) => sound.push(manifest),
                Decoded::Newer(version) => newer = Some((path, version)),
                Decoded::Blank => {}
                Decoded::Damaged => torn = true,
            }
        }
        if sound.len() > 1 && sound.iter().any(|it| it.uuid != sound[0].uuid) {
            // One was put there from another store: the segments tell which.
            let uuid = segment::store(dir).ok_or_else(|| lost(dir))?;
            sound.retain(|manifest| manifest.uuid() == uuid);
            if sound.is_empty() {
                return Err(lost(dir));
            }
        }
        let best = sound.into_iter().max_by_key(|it| it.generation);
        match (best, newer) {
            (_, Some((path, version))) => Err(fault::newer(
                &path,
                8,
                &format!("version {version} of the manifest"),
            )),
            (best, None) => Ok((best, torn)),
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let body = serde_json::to_vec(self).map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                "the manifest has no text form; report it",
            )
            .with_source(error)
        })?;
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&body);
        let crc = crc32c::crc32c(&bytes);
        bytes[24..28].copy_from_slice(&crc.to_le_bytes());
        Ok(bytes)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Decoded {
        if bytes.iter().all(|byte| *byte == 0) {
            return Decoded::Blank;
        }
        if bytes.len() < HEADER || &bytes[..8] != MAGIC {
            return Decoded::Damaged;
        }
        let version = get_u32(bytes, 8);
        let Some(body) = bytes[HEADER..].get(..get_u32(bytes, 12) as usize) else {
            return Decoded::Damaged;
        };
        let mut head = [0; HEADER];
        head.copy_from_slice(&bytes[..HEADER]);
        head[24..28].fill(0);
        if crc32c::crc32c_append(crc32c::crc32c(&head), body) != get_u32(bytes, 24) {
            return Decoded::Damaged;
        }
        if version != VERSION {
            return Decoded::Newer(version);
        }
        match serde_json::from_slice::<Self>(body) {
            Ok(manifest) if manifest.is_possible() => Decoded::Sound(Self {
                generation: get_u64(bytes, 16),
                ..manifest
            }),
            Ok(_) | Err(_) => Decoded::Damaged,
        }
    }

    fn is_possible(&self) -> bool {
        let seal = self.clean.map(|it| [it.segment, it.offset, it.serial]);
        let mut lines = self.channels.values();
        hex(&self.uuid()) == self.uuid
            && varint::are_possible(&[self.floor, self.first_segment.unwrap_or_default()])
            && varint::are_possible(&seal.unwrap_or_default())
            && lines.all(|it| varint::are_possible(&[it.from, it.next, it.opens]))
    }

    /// How often it was written.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Writes the next generation over the older file, and syncs it.
    #[cfg(test)]
    pub(crate) fn store(&mut self, dir: &Path) -> Result<()> {
        self.store_on(dir, &crate::disk::RealDisk)
    }

    /// The same on a disk of the caller's choice.
    pub(crate) fn store_on(&mut self, dir: &Path, disk: &dyn Disk) -> Result<()> {
        let next = Self {
            generation: self.generation + 1,
            ..self.clone()
        };
        let turn = if planted::is(Bug::WritesInPlace) {
            0
        } else {
            next.generation
        };
        let path = dir.join(NAMES[(turn % 2) as usize]);
        let bytes = next.encode()?;
        let write = || {
            let file = room::make(dir, &path, disk, bytes.len())?;
            disk.write(&file, &bytes, 0)?;
            if planted::is(Bug::LeavesTheManifest) {
                return Ok(());
            }
            disk.sync(&file)
        };
        write().map_err(|error| fault::refused("writing the manifest", &path, error))?;
        self.generation = next.generation;
        Ok(())
    }

    /// Makes sure that what was read is on the disk: it may have been in memory only, and after a sync that failed a
    /// second one may claim success, so it is written anew, over itself. Until then nothing may act on it, nor may the
    /// other file be written over.
    pub(crate) fn keep_on(&self, dir: &Path, disk: &dyn Disk) -> Result<()> {
        let path = dir.join(NAMES[(self.generation % 2) as usize]);
        let bytes = self.encode()?;
        let write = || {
            let file = disk.open(&path)?;
            disk.write(&file, &bytes, 0)?;
            disk.sync(&file)
        };
        write().map_err(|error| fault::refused("syncing the manifest", &path, error))
    }

    /// Makes room in both files for whatever will be said of these channels, so that a truncation and a close need no
    /// more of a full disk.
    pub(crate) fn reserve(&self, dir: &Path, disk: &dyn Disk) -> Result<()> {
        let most = room::most(self).encode()?.len();
        for name in NAMES {
            let path = dir.join(name);
            room::make(dir, &path, disk, most)
                .map_err(|error| fault::refused("making room for the manifest", &path, error))?;
        }
        Ok(())
    }
}

/// Whether this is what a writer left that ended while it made a new store: halves of manifests, zeros that came to the
/// disk in part, and nothing of what comes later. The first segment is there, synced, before a manifest names it.
fn is_begun(dir: &Path) -> bool {
    let others = segment::list(dir).map_or(true, |numbers| !numbers.is_empty());
    !others && !dir.join("ACKED").exists()
}

/// Something that changes with each write of a manifest, and costs little to look at: the two heads.
pub(crate) type Trace = [Option<[u8; HEADER]>; 2];

/// The present one.
pub(crate) fn trace(dir: &Path) -> Trace {
    NAMES.map(|name| {
        let mut head = [0; HEADER];
        let file = File::open(dir.join(name)).ok()?;
        file.read_exact_at(&mut head, 0).ok()?;
        Some(head)
    })
}

/// What a file of a manifest holds.
pub(crate) enum Decoded {
    Sound(Manifest),
    Newer(u32),
    /// Nothing was ever written to it.
    Blank,
    Damaged,
}

/// What one of the two files is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Sound, or a newer version's; how often the manifest was written.
    Sound(u64),
    /// Not there, or nothing was ever written to it.
    Blank,
    Damaged,
}

/// What the two files are now.
pub(crate) fn slots(dir: &Path) -> [Slot; 2] {
    NAMES.map(|name| match std::fs::read(dir.join(name)) {
        Ok(bytes) => match Manifest::decode(&bytes) {
            Decoded::Sound(manifest) => Slot::Sound(manifest.generation),
            Decoded::Newer(_) => Slot::Sound(0),
            Decoded::Blank => Slot::Blank,
            Decoded::Damaged => Slot::Damaged,
        },
        Err(_) => Slot::Blank,
    })
}

/// A store's uuid as text.
pub(crate) fn hex(uuid: &[u8; 16]) -> String {
    uuid.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Neither file is sound.
pub(crate) fn lost(dir: &Path) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!(
            "{} has segments, but neither {} nor {} is sound; restore one of them",
            dir.display(),
            NAMES[0],
            NAMES[1]
        ),
    )
    .with_context("file", dir.join(NAMES[0]).display())
    .with_context("offset", 0)
}
