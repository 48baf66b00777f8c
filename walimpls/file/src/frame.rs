//! A frame: what one write puts into a segment. A header, a directory (what each record is), the records.
//!
//! ```text
//!  0 magic u32 | 4 version u8 | 5 kind u8 | 6 flags u16 | 8 directory bytes u32 | 12 body bytes u32 | 16 records u32
//! 20 header crc of the frame before u32 | 24 first serial u64 | 32 acked serial u64 | 40 directory crc u32
//! 44 crc of bytes 0..44, seeded with (uuid, epoch, segment, offset)
//! ```
//!
//! The seed binds a frame to its place: one that is stale or misplaced never verifies. The directory's own crc and
//! one a record keep a damaged record from taking its neighbours with it. All numbers are little-endian.

use crate::varint::{self, get_u32, get_u64};

/// Bytes of a header.
pub(crate) const HEADER: usize = 48;
/// Frames start at multiples of this.
pub(crate) const ALIGN: u64 = 8;
/// The size that frames aim at; one record or batch may be larger.
pub(crate) const TARGET: usize = 1 << 20;
/// The most bytes of records in a frame.
pub(crate) const MAX_BODY: usize = 1 << 30;

const MAGIC: u32 = u32::from_le_bytes(*b"WXFR");
const VERSION: u8 = 1;

/// What a frame is for. A number that this version doesn't know is refused, never skipped.
pub(crate) mod kind {
    /// Records.
    pub(crate) const RECORDS: u8 = 1;
    /// The summary at the end of a sealed segment.
    pub(crate) const FOOTER: u8 = 2;
}

/// Where a segment's frames are bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(u32);

impl Seed {
    pub(crate) fn new(uuid: &[u8; 16], epoch: u64, segment: u64) -> Self {
        let crc = crc32c::crc32c(uuid);
        let crc = crc32c::crc32c_append(crc, &epoch.to_le_bytes());
        Self(crc32c::crc32c_append(crc, &segment.to_le_bytes()))
    }

    /// What the checksum of a head at this offset begins with.
    pub(crate) fn at(self, offset: u64) -> u32 {
        crc32c::crc32c_append(self.0, &offset.to_le_bytes())
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) version: u8,
    pub(crate) kind: u8,
    pub(crate) dir_len: u32,
    pub(crate) body_len: u32,
    pub(crate) count: u32,
    /// The header crc of the frame before: the chain.
    pub(crate) previous: u32,
    pub(crate) first_serial: u64,
    /// Every record below this serial was durable when the frame was written.
    pub(crate) acked: u64,
    pub(crate) dir_crc: u32,
    pub(crate) crc: u32,
}

impl FrameHeader {
    /// The head of a frame of this version.
    pub(crate) fn new(kind: u8, dir: &[u8], body_len: usize, count: u32) -> Self {
        Self {
            version: VERSION,
            kind,
            dir_len: dir.len() as u32,
            body_len: body_len as u32,
            count,
            dir_crc: crc32c::crc32c(dir),
            ..Self::default()
        }
    }

    /// The bytes at their place; keeps their crc.
    pub(crate) fn encode(&mut self, seed: Seed, offset: u64) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4] = self.version;
        bytes[5] = self.kind;
        bytes[8..12].copy_from_slice(&self.dir_len.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.body_len.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.count.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.previous.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_serial.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.acked.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.dir_crc.to_le_bytes());
        self.crc = crc32c::crc32c_append(seed.at(offset), &bytes[..44]);
        bytes[44..48].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    /// The head at the front of `bytes`, if there is a sound one for this place.
    pub(crate) fn decode(bytes: &[u8], seed: Seed, offset: u64) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        if get_u32(bytes, 0) != MAGIC
            || get_u32(bytes, 44) != crc32c::crc32c_append(seed.at(offset), &bytes[..44])
        {
            return None;
        }
        let header = Self {
            // Flags of which this version knows none count as a newer version.
            version: if bytes[6] == 0 && bytes[7] == 0 {
                bytes[4]
            } else {
                u8::MAX
            },
            kind: bytes[5],
            dir_len: get_u32(bytes, 8),
            body_len: get_u32(bytes, 12),
            count: get_u32(bytes, 16),
            previous: get_u32(bytes, 20),
            first_serial: get_u64(bytes, 24),
            acked: get_u64(bytes, 32),
            dir_crc: get_u32(bytes, 40),
            crc: get_u32(bytes, 44),
        };
        varint::are_possible(&[header.first_serial, header.acked]).then_some(header)
    }

    /// Whether this version can read it.
    pub(crate) fn is_known(&self) -> bool {
        self.version == VERSION && matches!(self.kind, kind::RECORDS | kind::FOOTER)
    }

    /// From the frame's start to the end of its records.
    pub(crate) fn bytes(&self) -> usize {
        HEADER + self.dir_len as usize + self.body_len as usize
    }

    /// From the frame's start to the next one's.
    pub(crate) fn stride(&self) -> u64 {
        (self.bytes() as u64).next_multiple_of(ALIGN)
    }

    /// The serial behind its last record.
    pub(crate) fn end_serial(&self) -> u64 {
        self.first_serial.saturating_add(u64::from(self.count))
    }
}

/// What the directory says of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) channel: u32,
    pub(crate) number: u64,
    pub(crate) len: usize,
    pub(crate) crc: u32,
}

impl Line {
    pub(crate) fn put(&self, dir: &mut Vec<u8>) {
        varint::put(dir, u64::from(self.channel));
        varint::put(dir, self.number);
        varint::put(dir, self.len as u64);
        dir.extend_from_slice(&self.crc.to_le_bytes());
    }

    fn take(dir: &mut &[u8]) -> Option<Self> {
        let channel = u32::try_from(varint::take(dir)?).ok()?;
        let number = varint::take(dir).filter(|it| *it < varint::END)?;
        let len = usize::try_from(varint::take(dir)?).ok()?;
        let (crc, rest) = dir.split_first_chunk::<4>()?;
        *dir = rest;
        Some(Self {
            channel,
            number,
            len,
            crc: u32::from_le_bytes(*crc),
        })
    }
}

/// The lines of a directory that fits its header; `None` where it doesn't.
pub(crate) fn directory(header: &FrameHeader, mut dir: &[u8]) -> Option<Vec<Line>> {
    if dir.len() != header.dir_len as usize || crc32c::crc32c(dir) != header.dir_crc {
        return None;
    }
    let mut lines = Vec::with_capacity((header.count as usize).min(dir.len() / 7));
    let mut body = 0_usize;
    for _ in 0..header.count {
        let line = Line::take(&mut dir)?;
        body = body.checked_add(line.len)?;
        lines.push(line);
    }
    (dir.is_empty() && body == header.body_len as usize).then_some(lines)
}

/// The crc of a record at its place: of its bytes, then of its serial.
pub(crate) fn bind(content_crc: u32, serial: u64) -> u32 {
    crc32c::crc32c_append(content_crc, &serial.to_le_bytes())
}
