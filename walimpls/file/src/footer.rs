//! The end of a sealed segment: a frame that holds its summary.

use walx_core::Result;

use crate::frame::{ALIGN, FrameHeader, HEADER, Seed, kind};
use crate::segment::{BLOCK, Segment};
use crate::summary::Summary;
use crate::walk::{self, Spot};
use crate::window::Window;

const TRAILER: usize = 16;
const TRAILER_MAGIC: &[u8; 8] = b"WALXEND1";

/// A footer as it is written at `spot`: a frame whose last 16 bytes, which end the file, say where it starts.
pub(crate) fn encode(summary: &Summary, segment: &Segment, spot: Spot, acked: u64) -> Vec<u8> {
    encode_for(summary, segment.header.seed(), spot, acked)
}

/// The same for a segment that only its seed is known of.
pub(crate) fn encode_for(summary: &Summary, seed: Seed, spot: Spot, acked: u64) -> Vec<u8> {
    let mut dir = summary.encode();
    // The trailer must end at a multiple of 8, where the file ends.
    let size = (HEADER + dir.len() + TRAILER) as u64;
    dir.resize(
        dir.len() + (size.next_multiple_of(ALIGN) - size) as usize,
        0,
    );
    let mut header = FrameHeader::new(kind::FOOTER, &dir, TRAILER, 0);
    header.previous = spot.chain.unwrap_or_default();
    header.first_serial = spot.serial;
    header.acked = acked;
    let mut bytes = header.encode(seed, spot.offset).to_vec();
    bytes.extend_from_slice(&dir);
    bytes.extend_from_slice(&spot.offset.to_le_bytes());
    bytes.extend_from_slice(TRAILER_MAGIC);
    bytes
}

/// A sealed segment's footer: its head, where it stands, what it says. `None` where there is no sound one.
pub(crate) fn read(segment: &Segment) -> Result<Option<(FrameHeader, Spot, Summary)>> {
    let len = segment.len()?;
    let mut window = Window::new(segment.file.clone(), 0);
    let Some(at) = len.checked_sub(TRAILER as u64).filter(|at| *at >= BLOCK) else {
        return Ok(None);
    };
    let Some(trailer) = segment.get(&mut window, at, TRAILER)? else {
        return Ok(None);
    };
    let (offset, magic) = trailer.split_at(8);
    let offset = u64::from_le_bytes(offset.try_into().unwrap_or_default());
    if magic != TRAILER_MAGIC || offset < BLOCK || offset >= at {
        return Ok(None);
    }
    let Some(bytes) = segment.get(&mut window, offset, (len - offset) as usize)? else {
        return Ok(None);
    };
    let Some(header) = FrameHeader::decode(&bytes, segment.header.seed(), offset) else {
        return Ok(None);
    };
    if !header.is_known() {
        return Err(walk::unknown(segment, offset, &header));
    }
    if header.kind != kind::FOOTER || header.bytes() != bytes.len() {
        return Ok(None);
    }
    let spot = Spot {
        offset,
        serial: header.first_serial,
        chain: Some(header.previous),
    };
    Ok(body(&header, &bytes).map(|summary| (header, spot, summary)))
}

/// What a footer says.
pub(crate) fn body(header: &FrameHeader, frame: &[u8]) -> Option<Summary> {
    let dir = frame.get(HEADER..HEADER + header.dir_len as usize)?;
    let summary = if crc32c::crc32c(dir) == header.dir_crc {
        Summary::decode(dir)
    } else {
        None
    };
    summary.filter(|summary| summary.end_serial == header.first_serial)
}
