//! The file `ACKED`: how far appends were acknowledged. It is written after each sync and never synced itself, so it
//! may be old after the machine ended, but what it says is always true.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use crate::disk::Disk;
use crate::full;
use crate::planted::{self, Bug};
use crate::varint::{are_possible, get_u32, get_u64};

const MAGIC: u32 = u32::from_le_bytes(*b"WXAK");
const VERSION: u32 = 1;
const SLOT: usize = 80;
/// Slots lie in different sectors, so that a torn write of one leaves the other.
const APART: u64 = 512;

/// What the file says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Acked {
    /// The store's uuid.
    pub(crate) uuid: [u8; 16],
    /// Random for each time that the store was opened.
    pub(crate) incarnation: u64,
    /// Every record below this serial was acknowledged.
    pub(crate) acked: u64,
    /// Every record below this serial was synced.
    pub(crate) durable: u64,
    /// Where the record `durable` starts.
    pub(crate) segment: u64,
    /// Its offset in the segment.
    pub(crate) offset: u64,
    /// Which start of the machine it was written in.
    pub(crate) boot: u32,
}

impl Acked {
    pub(crate) fn encode(&self) -> [u8; SLOT] {
        let mut slot = [0; SLOT];
        slot[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        slot[4..8].copy_from_slice(&VERSION.to_le_bytes());
        slot[8..24].copy_from_slice(&self.uuid);
        let numbers = [
            self.incarnation,
            self.acked,
            self.durable,
            self.segment,
            self.offset,
        ];
        for (at, number) in numbers.into_iter().enumerate() {
            slot[24 + 8 * at..32 + 8 * at].copy_from_slice(&number.to_le_bytes());
        }
        slot[64..68].copy_from_slice(&self.boot.to_le_bytes());
        let crc = crc32c::crc32c(&slot[..SLOT - 4]);
        slot[SLOT - 4..].copy_from_slice(&crc.to_le_bytes());
        slot
    }

    pub(crate) fn decode(slot: &[u8]) -> Option<Self> {
        let slot = slot.get(..SLOT)?;
        let sound = get_u32(slot, 0) == MAGIC
            && get_u32(slot, 4) == VERSION
            && get_u32(slot, SLOT - 4) == crc32c::crc32c(&slot[..SLOT - 4]);
        let acked = sound.then(|| Self {
            uuid: slot[8..24].try_into().unwrap_or_default(),
            incarnation: get_u64(slot, 24),
            acked: get_u64(slot, 32),
            durable: get_u64(slot, 40),
            segment: get_u64(slot, 48),
            offset: get_u64(slot, 56),
            boot: get_u32(slot, 64),
        });
        acked.filter(|it| are_possible(&[it.acked, it.durable, it.segment, it.offset]))
    }

    /// The newest valid slot of a store; `None` where the file is missing or says nothing about it.
    pub(crate) fn load(dir: &Path, uuid: [u8; 16]) -> Option<Self> {
        Self::slots(dir, uuid)
            .into_iter()
            .flatten()
            .max_by_key(|slot| (slot.acked, slot.durable))
    }

    /// Where a slot starts that is not a sound one of this store.
    pub(crate) fn unsound(dir: &Path, uuid: [u8; 16]) -> Option<u64> {
        let slots = Self::slots(dir, uuid);
        let at = slots.iter().position(Option::is_none)?;
        Some(at as u64 * APART)
    }

    fn slots(dir: &Path, uuid: [u8; 16]) -> [Option<Self>; 2] {
        let Ok(file) = File::open(dir.join("ACKED")) else {
            return [None; 2];
        };
        let mut bytes = [0; APART as usize + SLOT];
        let mut read = 0;
        while read < bytes.len() {
            match file.read_at(&mut bytes[read..], read as u64) {
                Ok(0) | Err(_) => break,
                Ok(more) => read += more,
            }
        }
        [0, APART as usize]
            .map(|at| Self::decode(&bytes[at..at + SLOT]).filter(|slot| slot.uuid == uuid))
    }

    /// The serial below which records must still be there: what was acknowledged survives the end of a process, what
    /// was synced survives the end of the machine.
    pub(crate) fn evidence(&self) -> u64 {
        if self.boot != 0 && (self.boot == boot() || planted::is(Bug::ForgetsTheBoot)) {
            self.acked.max(self.durable)
        } else {
            self.durable
        }
    }
}

/// Which start of the machine this is; 0 where it can't be told.
pub(crate) fn boot() -> u32 {
    std::fs::read("/proc/sys/kernel/random/boot_id").map_or(0, |id| crc32c::crc32c(&id))
}

/// Writes the slots in turn.
pub(crate) struct AckedFile {
    disk: Arc<dyn Disk>,
    file: File,
    turn: bool,
}

impl AckedFile {
    /// Opens the file and sets both slots, so that nothing older speaks any more, and later writes need no room. Where
    /// the file was lost and the disk is full, the store does without: it says less, and nothing wrong.
    pub(crate) fn open(dir: &Path, disk: Arc<dyn Disk>, acked: &Acked) -> io::Result<Self> {
        let file = disk.open(&dir.join("ACKED"))?;
        let mut this = Self {
            disk,
            file,
            turn: false,
        };
        match this.write(acked).and_then(|()| this.write(acked)) {
            Err(error) if full::is_full(&error) => {
                tracing::warn!(directory = %dir.display(), "the disk is full: there is no room for ACKED");
            }
            written => written?,
        }
        Ok(this)
    }

    pub(crate) fn write(&mut self, acked: &Acked) -> io::Result<()> {
        let at = if self.turn { APART } else { 0 };
        self.turn = !self.turn;
        self.disk.write(&self.file, &acked.encode(), at)
    }
}
