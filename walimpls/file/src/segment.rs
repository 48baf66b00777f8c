//! Segment files: their names and their first block.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walx_core::{Bytes, Result};

use crate::fault;
use crate::frame::Seed;
use crate::varint::{are_possible, get_u32, get_u64};
use crate::window::Window;

/// Where the first frame starts.
pub(crate) const BLOCK: u64 = 4096;
/// How much one read asks for.
pub(crate) const CHUNK: usize = 1 << 20;

/// What a segment starts with.
pub(crate) const MAGIC: &[u8; 8] = b"WALXSEG1";
const VERSION: u32 = 1;

/// The first block of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) uuid: [u8; 16],
    pub(crate) number: u64,
    /// Random for each use of a file, so that what an earlier use left never verifies.
    pub(crate) epoch: u64,
    /// The serial of its first record.
    pub(crate) first_serial: u64,
    /// The serial behind the last sound record of the segment before; smaller than `first_serial` where records
    /// were lost and the store was salvaged.
    pub(crate) previous_end: u64,
    /// The header crc of the last frame before.
    pub(crate) previous_crc: u32,
}

/// What the first block of a file is.
pub(crate) enum Head {
    Sound(SegmentHeader),
    Newer(u32),
    Damaged,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut block = vec![0; BLOCK as usize];
        block[0..8].copy_from_slice(MAGIC);
        block[8..12].copy_from_slice(&VERSION.to_le_bytes());
        block[16..32].copy_from_slice(&self.uuid);
        let numbers = [
            self.number,
            self.epoch,
            self.first_serial,
            self.previous_end,
        ];
        for (at, number) in numbers.into_iter().enumerate() {
            block[32 + 8 * at..40 + 8 * at].copy_from_slice(&number.to_le_bytes());
        }
        block[64..68].copy_from_slice(&self.previous_crc.to_le_bytes());
        let end = block.len() - 4;
        let crc = crc32c::crc32c(&block[..end]);
        block[end..].copy_from_slice(&crc.to_le_bytes());
        block
    }

    pub(crate) fn decode(block: &[u8]) -> Head {
        let end = BLOCK as usize - 4;
        if block.len() < end + 4
            || &block[..8] != MAGIC
            || get_u32(block, end) != crc32c::crc32c(&block[..end])
        {
            return Head::Damaged;
        }
        let version = get_u32(block, 8);
        if version != VERSION {
            return Head::Newer(version);
        }
        let header = Self {
            uuid: block[16..32].try_into().unwrap_or_default(),
            number: get_u64(block, 32),
            epoch: get_u64(block, 40),
            first_serial: get_u64(block, 48),
            previous_end: get_u64(block, 56),
            previous_crc: get_u32(block, 64),
        };
        if are_possible(&[header.number, header.first_serial, header.previous_end]) {
            Head::Sound(header)
        } else {
            Head::Damaged
        }
    }

    pub(crate) fn seed(&self) -> Seed {
        Seed::new(&self.uuid, self.epoch, self.number)
    }
}

/// An open segment with a sound header.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) header: SegmentHeader,
    pub(crate) file: Arc<File>,
    pub(crate) path: Arc<Path>,
}

/// What there is under a segment's number.
pub(crate) enum Found {
    Segment(Segment),
    /// No file.
    Missing,
    /// A file without a sound header for this store and number.
    Headless {
        bytes: u64,
    },
}

impl Segment {
    pub(crate) fn find(dir: &Path, uuid: [u8; 16], number: u64, writable: bool) -> Result<Found> {
        let path = path(dir, number);
        let file = match File::options().read(true).write(writable).open(&path) {
            Ok(file) => Arc::new(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
            Err(error) => return Err(fault::refused("opening a segment", &path, error)),
        };
        let mut window = Window::new(Arc::clone(&file), BLOCK as usize);
        let refused = |error| fault::refused("reading a segment", &path, error);
        let head = window.get(0, BLOCK as usize).map_err(refused)?;
        match SegmentHeader::decode(&head.unwrap_or_default()) {
            Head::Sound(header) if header.uuid == uuid && header.number == number => {
                Ok(Found::Segment(Self {
                    header,
                    file,
                    path: path.into(),
                }))
            }
            Head::Newer(version) => Err(fault::newer(
                &path,
                8,
                &format!("version {version} of the segment"),
            )),
            Head::Sound(_) | Head::Damaged => Ok(Found::Headless {
                bytes: file.metadata().map_err(refused)?.len(),
            }),
        }
    }

    /// The directory it lies in.
    pub(crate) fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(&self.path)
    }

    /// The file's present size.
    pub(crate) fn len(&self) -> Result<u64> {
        let meta = self.file.metadata();
        Ok(meta
            .map_err(|error| fault::refused("looking at a segment", &self.path, error))?
            .len())
    }

    /// Bytes of the file; `None` where it ends before.
    pub(crate) fn get(
        &self,
        window: &mut Window,
        offset: u64,
        len: usize,
    ) -> Result<Option<Bytes>> {
        window
            .get(offset, len)
            .map_err(|error| fault::refused("reading a segment", &self.path, error))
    }
}

/// The store that most segments of a directory belong to, as far as their headers are sound.
pub(crate) fn store(dir: &Path) -> Option<[u8; 16]> {
    let mut stores: Vec<([u8; 16], usize)> = Vec::new();
    for number in list(dir).ok()? {
        let mut block = [0; BLOCK as usize];
        let file = File::open(path(dir, number)).ok()?;
        if file.read_exact_at(&mut block, 0).is_ok()
            && let Head::Sound(header) = SegmentHeader::decode(&block)
        {
            match stores.iter_mut().find(|(uuid, _)| *uuid == header.uuid) {
                Some((_, count)) => *count += 1,
                None => stores.push((header.uuid, 1)),
            }
        }
    }
    let most = stores.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(uuid, _)| uuid)
}

/// The name of a segment's file.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016}.wal"))
}

/// The numbers of the segment files in a directory, ascending. Other files are none of ours.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".wal"));
        let digits = digits.filter(|digits| {
            digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
        numbers.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}
