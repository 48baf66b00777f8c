//! The manifest: what is true of a store whatever happens to its log. Two files written in turn, in place.
//!
//! Everything in it is a lower bound that only grows (marks, floors, the first segment), so an older generation,
//! which is all that is left when a write of the newer one was torn, is never wrong.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use walx_core::{ChannelName, Error, ErrorKind, Result};

use crate::fault;
use crate::varint::{get_u32, get_u64};

pub(crate) const NAMES: [&str; 2] = ["MANIFEST.a", "MANIFEST.b"];
const MAGIC: &[u8; 8] = b"WALXMAN1";
const VERSION: u32 = 1;
const HEADER: usize = 32;
const LEAST: usize = 64 << 10;
/// How often two files that don't fit together are read again, and what lies between two tries.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(1);

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
            uuid: uuid.iter().map(|byte| format!("{byte:02x}")).collect(),
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
            (None, true) => Err(lost(dir)),
            (best, _) => Ok(best),
        }
    }

    /// The newest sound one, and whether a file is there that is none.
    fn load_once(dir: &Path) -> Result<(Option<Self>, bool)> {
        let mut best: Option<Self> = None;
        let (mut torn, mut newer) = (false, None);
        for name in NAMES {
            let path = dir.join(name);
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(fault::refused("reading the manifest", &path, error)),
            };
            match Self::decode(&bytes) {
                Decoded::Sound(manifest) => {
                    if best
                        .as_ref()
                        .is_none_or(|best| best.generation < manifest.generation)
                    {
                        best = Some(manifest);
                    }
                }
                Decoded::Newer(version) => newer = Some((path, version)),
                Decoded::Blank => {}
                Decoded::Damaged => torn = true,
            }
        }
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

    fn decode(bytes: &[u8]) -> Decoded {
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
            Ok(manifest) => Decoded::Sound(Self {
                generation: get_u64(bytes, 16),
                ..manifest
            }),
            Err(_) => Decoded::Damaged,
        }
    }

    /// How often it was written.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Writes the next generation over the older file, and syncs it.
    pub(crate) fn store(&mut self, dir: &Path) -> Result<()> {
        let next = Self {
            generation: self.generation + 1,
            ..self.clone()
        };
        let path = dir.join(NAMES[(next.generation % 2) as usize]);
        write(dir, &path, &next.encode()?)
            .map_err(|error| fault::refused("writing the manifest", &path, error))?;
        self.generation = next.generation;
        Ok(())
    }
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

enum Decoded {
    Sound(Manifest),
    Newer(u32),
    /// Nothing was ever written to it.
    Blank,
    Damaged,
}

fn write(dir: &Path, path: &PathBuf, bytes: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    let len = file.metadata()?.len() as usize;
    if len < bytes.len().max(LEAST) {
        // Zeros first: a later write in place changes no size.
        let size = bytes.len().next_power_of_two().max(LEAST);
        file.write_all_at(&vec![0; size - len], len as u64)?;
        file.sync_all()?;
        File::open(dir)?.sync_all()?;
    }
    file.write_all_at(bytes, 0)?;
    file.sync_data()
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
