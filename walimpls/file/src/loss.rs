//! Damage that a repair took note of: the file `LOSSES`. It lets a strict store open and be read with exactly these
//! places damaged, each told as a gap; anything else is `Corrupt` as before.
//!
//! One line with the version and a checksum, then JSON. It is replaced as a whole, never changed in place.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use walx_core::{Error, ErrorKind, Result};

use crate::disk::Disk;
use crate::fault::{self, Damage};
use crate::setting::FileDamage;

pub(crate) const NAME: &str = "LOSSES";
pub(crate) const TEMPORARY: &str = "LOSSES.new";
const MAGIC: &str = "walx-losses";
const VERSION: u32 = 1;
/// The most places that are noted; their file stays below [`LARGEST`].
pub(crate) const MOST: usize = 1 << 16;
/// A larger file is none of ours.
const LARGEST: u64 = 64 << 20;
/// Where a loss ends that takes the end of its segment with it.
pub(crate) const TO_THE_END: u64 = u64::MAX;

/// A place where records are lost, as everybody who meets it names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Loss {
    /// The segment.
    pub(crate) segment: u64,
    /// The segment's epoch; `None` where it has no sound header, or no file, and is lost as a whole.
    pub(crate) epoch: Option<u64>,
    /// Where the damage starts in the file.
    pub(crate) offset: u64,
    /// Where it ends.
    pub(crate) end: u64,
    /// The first serial that is lost; of a lost segment only as near as the reader knows.
    pub(crate) first: u64,
    /// The serial behind the last one that is lost.
    pub(crate) behind: u64,
}

impl Loss {
    /// A segment, and those that follow it, up to one that starts with the serial `behind`.
    pub(crate) fn of_segment(segment: u64, first: u64, behind: u64) -> Self {
        Self {
            segment,
            epoch: None,
            offset: 0,
            end: TO_THE_END,
            first,
            behind,
        }
    }

    /// Whether nothing is lost here beyond what was lost when the other one was noted: a reader may enter a hole in its
    /// middle, and a place may be mended in part.
    fn is_within(&self, noted: &Self) -> bool {
        self.segment == noted.segment
            && self.epoch == noted.epoch
            && self.behind <= noted.behind
            && (self.epoch.is_none()
                || (noted.offset <= self.offset
                    && self.end <= noted.end
                    && noted.first <= self.first))
    }

    /// The serials, in words.
    pub(crate) fn serials(&self) -> String {
        match self.behind.saturating_sub(self.first) {
            0 => "no record is lost".to_owned(),
            1 => format!("the record with the serial {} is lost", self.first),
            _ => format!(
                "the records with the serials {} to {} are lost",
                self.first,
                self.behind - 1
            ),
        }
    }
}

/// A loss, and since when it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    #[serde(flatten)]
    pub(crate) loss: Loss,
    /// Milliseconds since 1970.
    pub(crate) noted_unix_ms: u64,
}

/// What is noted of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Losses {
    /// The store's uuid, as hex.
    uuid: String,
    /// By segment and offset.
    notes: Vec<Note>,
}

impl Losses {
    pub(crate) fn new(uuid: &str, mut notes: Vec<Note>) -> Self {
        notes.sort_unstable_by_key(|note| (note.loss.segment, note.loss.offset));
        notes.dedup_by_key(|note| note.loss);
        Self {
            uuid: uuid.to_owned(),
            notes,
        }
    }

    pub(crate) fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The note that a loss belongs to.
    pub(crate) fn note(&self, loss: &Loss) -> Option<&Note> {
        let behind = self.notes.partition_point(|note| {
            (note.loss.segment, note.loss.offset) <= (loss.segment, loss.offset)
        });
        let before = self.notes[..behind].iter().rev();
        // They don't overlap, but a loss of no records may share its offset with another.
        before.take(3).find(|note| loss.is_within(&note.loss))
    }

    /// What is noted of the store with this uuid. A damaged file counts for nothing: what it noted is `Corrupt` again.
    ///
    /// # Errors
    /// `Unsupported` for a newer version.
    pub(crate) fn load(dir: &Path, uuid: &str) -> Result<Self> {
        Ok(match Self::read(dir, uuid)? {
            Found::Sound(losses) => losses,
            Found::Nothing => Self::default(),
            Found::Damaged => {
                tracing::warn!(
                    file = %dir.join(NAME).display(),
                    "the list of noted losses is damaged and counts for nothing; repair the store to write it anew"
                );
                Self::default()
            }
        })
    }

    /// What the file says.
    pub(crate) fn read(dir: &Path, uuid: &str) -> Result<Found> {
        let path = dir.join(NAME);
        let read = || {
            if std::fs::metadata(&path)?.len() > LARGEST {
                return Ok(Vec::new());
            }
            std::fs::read(&path)
        };
        match read() {
            Ok(bytes) => match Self::decode(&bytes) {
                Ok(Some(losses)) if losses.uuid == uuid => Ok(Found::Sound(losses)),
                Ok(_) => Ok(Found::Damaged),
                Err(version) => {
                    let what = format!("version {version} of the list of noted losses");
                    Err(fault::newer(&path, 0, &what))
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(fault::refused("reading the noted losses", &path, error)),
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let body = serde_json::to_vec(self).map_err(|error| {
            let text = "the noted losses have no text form; report it";
            Error::new(ErrorKind::Internal, text).with_source(error)
        })?;
        let crc = crc32c::crc32c(&body);
        let mut bytes = format!("{MAGIC} {VERSION} {crc:08x}\n").into_bytes();
        bytes.extend_from_slice(&body);
        Ok(bytes)
    }

    /// `None` where it is damaged, and the version of a newer one as the error.
    pub(crate) fn decode(bytes: &[u8]) -> std::result::Result<Option<Self>, u32> {
        let Some(at) = bytes.iter().take(64).position(|byte| *byte == b'\n') else {
            return Ok(None);
        };
        let (head, body) = (String::from_utf8_lossy(&bytes[..at]), &bytes[at + 1..]);
        let mut words = head.split(' ');
        let ours = words.next() == Some(MAGIC);
        let version = words.next().and_then(|word| word.parse::<u32>().ok());
        let crc = words
            .next()
            .and_then(|word| u32::from_str_radix(word, 16).ok());
        match version {
            Some(version) if ours && crc == Some(crc32c::crc32c(body)) => {
                if version > VERSION {
                    return Err(version);
                }
                Ok(serde_json::from_slice(body).ok())
            }
            _ => Ok(None),
        }
    }

    /// Replaces the file, durably; an empty list needs none.
    pub(crate) fn store(&self, dir: &Path, disk: &dyn Disk) -> Result<()> {
        let (path, temporary) = (dir.join(NAME), dir.join(TEMPORARY));
        let bytes = self.encode()?;
        let write = || {
            disk.remove_any(&temporary)?;
            if self.notes.is_empty() {
                disk.remove_any(&path)?;
            } else {
                let file = disk.create(&temporary)?;
                disk.write(&file, &bytes, 0)?;
                disk.sync(&file)?;
                disk.rename(&temporary, &path)?;
            }
            disk.sync_dir(dir)
        };
        write().map_err(|error| fault::refused("noting losses", &path, error))
    }
}

/// What `LOSSES` is.
pub(crate) enum Found {
    Sound(Losses),
    /// No file.
    Nothing,
    /// Not what a repair wrote, or another store's.
    Damaged,
}

/// Decides what becomes of damage that reading meets.
pub(crate) trait Judge {
    /// Says whether a repair took note of it, and lets the reading go on.
    ///
    /// # Errors
    /// Ends the reading.
    fn damaged(&mut self, loss: &Loss, damage: Damage) -> Result<bool>;

    /// So many bytes more were read.
    ///
    /// # Errors
    /// Ends the reading.
    fn passed(&mut self, bytes: u64) -> Result<()> {
        let _ = bytes;
        Ok(())
    }
}

/// Judges as the store is configured.
#[derive(Debug)]
pub(crate) struct ByConfig {
    pub(crate) damage: FileDamage,
    pub(crate) losses: Losses,
}

impl Judge for ByConfig {
    fn damaged(&mut self, loss: &Loss, damage: Damage) -> Result<bool> {
        if self.losses.note(loss).is_some() {
            return Ok(true);
        }
        match self.damage {
            FileDamage::Strict => Err(damage.error()),
            FileDamage::Salvage => {
                tracing::warn!(
                    file = damage.file,
                    offset = damage.offset,
                    "salvaging: {}",
                    damage.what
                );
                Ok(false)
            }
        }
    }
}
