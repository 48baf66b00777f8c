//! The files of a small store, the same ones each time, and making the checksums of changed ones right.

use std::collections::BTreeMap;
use std::ops::Range;

use walx_core::{Header, Kind, Lsn, Owner, Record, Seq, Term, Tick};

use super::UUID;
use crate::acked::Acked;
use crate::footer;
use crate::frame::{FrameHeader, HEADER, Line, Seed, bind, kind};
use crate::manifest::{self, ChannelLine, Manifest, Seal};
use crate::segment::{BLOCK, Head, SegmentHeader};
use crate::summary::{Summary, marks};
use crate::varint::{self, get_u32, get_u64};
use crate::walk::Spot;

/// The channels, by number.
pub(super) const CHANNELS: [&str; 2] = ["a", "b"];
/// The names of its files, and of some that may come to it.
pub(super) const NAMES: [&str; 8] = [
    "0000000000000000.wal",
    "0000000000000001.wal",
    "MANIFEST.a",
    "MANIFEST.b",
    "ACKED",
    "LOSSES",
    "0000000000000002.wal",
    "LOCK",
];
/// How many records each channel has.
pub(super) const RECORDS: u64 = 6;

/// The files, by name.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// What was appended under a number.
pub(super) fn record(channel: u32, number: u64) -> Record {
    let header = Header::new(
        Kind::Data,
        Owner::new(Term::FIRST),
        Tick::new(number.wrapping_add(100)),
    )
    .numbered(Seq::new(number), Lsn::new(number));
    Record {
        payload: format!("record {number} of {channel}").into(),
        ..Record::marker(header)
    }
}

/// Two segments: a sealed one and the last one; of each channel half the records in each.
pub(super) fn files(closed: bool) -> Files {
    let mut files = Files::new();
    let half = RECORDS / 2;
    let mut summary = Summary::default();
    let mut spot = Spot {
        offset: BLOCK,
        serial: 0,
        chain: Some(0),
    };
    for segment in 0..2 {
        let header = SegmentHeader {
            uuid: UUID,
            number: segment,
            epoch: 7 + segment,
            first_serial: spot.serial,
            previous_end: spot.serial,
            previous_crc: spot.chain.unwrap_or_default(),
        };
        let mut bytes = header.encode();
        spot.offset = BLOCK;
        summary = summary.following(spot.serial);
        for number in segment * half..(segment + 1) * half {
            // One frame of both channels, then frames of one.
            let records = [(0, number), (1, number)];
            let step = if number % half == 0 { 2 } else { 1 };
            for part in records.chunks(step) {
                put(&mut bytes, &header, &mut spot, part, &mut summary);
            }
        }
        if segment == 0 {
            bytes.extend(footer::encode_for(
                &summary,
                header.seed(),
                spot,
                spot.serial,
            ));
        }
        files.insert(NAMES[segment as usize].to_owned(), bytes);
    }
    let acked = Acked {
        uuid: UUID,
        incarnation: 1,
        acked: spot.serial,
        durable: spot.serial,
        segment: 1,
        offset: spot.offset,
        boot: 0,
    };
    let mut slots = acked.encode().to_vec();
    slots.resize(512, 0);
    slots.extend(acked.encode());
    files.insert("ACKED".to_owned(), slots);
    for generation in [1, 2] {
        let seal = Seal {
            segment: 1,
            offset: spot.offset,
            serial: spot.serial,
        };
        let bytes = manifest(closed.then_some(seal), generation);
        let name = manifest::NAMES[generation as usize % 2];
        files.insert(name.to_owned(), bytes);
    }
    files
}

fn put(
    bytes: &mut Vec<u8>,
    segment: &SegmentHeader,
    spot: &mut Spot,
    records: &[(u32, u64)],
    summary: &mut Summary,
) {
    let (mut dir, mut body) = (Vec::new(), Vec::new());
    for (serial, (channel, number)) in (spot.serial..).zip(records) {
        let record = record(*channel, *number);
        let start = body.len();
        walx_helper::frame::encode(&record, &mut body);
        let content = &body[start..];
        let line = Line {
            channel: *channel,
            number: *number,
            len: content.len(),
            crc: bind(crc32c::crc32c(content), serial),
        };
        line.put(&mut dir);
        let place = (spot.serial, spot.offset);
        summary.add(*channel, *number, content.len() as u64, place, || {
            Some(marks(&record.header))
        });
    }
    let mut header = FrameHeader::new(kind::RECORDS, &dir, body.len(), records.len() as u32);
    header.previous = spot.chain.unwrap_or_default();
    header.first_serial = spot.serial;
    header.acked = spot.serial;
    bytes.extend(header.encode(segment.seed(), spot.offset));
    bytes.extend(dir);
    bytes.extend(body);
    *spot = spot.behind(&header);
    bytes.resize(spot.offset as usize, 0);
    summary.end_serial = spot.serial;
}

fn manifest(clean: Option<Seal>, generation: u64) -> Vec<u8> {
    let mut manifest = Manifest::new(UUID);
    manifest.first_segment = Some(0);
    manifest.clean = clean;
    for (number, name) in (0..).zip(CHANNELS) {
        let line = ChannelLine {
            name: name.to_owned(),
            from: 0,
            next: RECORDS,
            opens: 1,
        };
        manifest.channels.insert(number, line);
    }
    let mut bytes = manifest.encode().unwrap_or_default();
    bytes[16..24].copy_from_slice(&u64::to_le_bytes(generation));
    seal_manifest(&mut bytes);
    bytes
}

/// Makes all checksums right, as far as there is something to have one, and links the frames: no damage leaves a sound
/// one that names another one than the one before it. `linked`: footers and segments, too.
pub(super) fn seal(files: &mut Files, linked: bool) {
    let mut chain = None;
    for (name, bytes) in files {
        match name.as_str() {
            "ACKED" => {
                let slot = Acked::default().encode().len();
                for at in [0, 512] {
                    if let Some(slot) = bytes.get_mut(at..at + slot) {
                        let (head, crc) = slot.split_at_mut(slot.len() - 4);
                        crc.copy_from_slice(&crc32c::crc32c(head).to_le_bytes());
                    }
                }
            }
            "LOSSES" => *bytes = losses_of(bytes),
            "MANIFEST.a" | "MANIFEST.b" => seal_manifest(bytes),
            name if name.ends_with(".wal") => chain = seal_segment(bytes, linked, chain),
            _ => {}
        }
    }
}

/// Gives what the next segment names: the checksum of its last frame of records.
fn seal_segment(bytes: &mut [u8], linked: bool, before: Option<u32>) -> Option<u32> {
    let block = bytes.get_mut(..BLOCK as usize)?;
    let (head, crc) = block.split_at_mut(BLOCK as usize - 4);
    if let Some(before) = before.filter(|_| linked) {
        head[64..68].copy_from_slice(&before.to_le_bytes());
    }
    crc.copy_from_slice(&crc32c::crc32c(head).to_le_bytes());
    let Head::Sound(segment) = SegmentHeader::decode(block) else {
        return None;
    };
    let (mut at, mut chain) = (BLOCK as usize, segment.previous_crc);
    while bytes.len() >= at.saturating_add(HEADER) {
        let frame = &mut bytes[at..];
        let dir = HEADER..HEADER + get_u32(frame, 8) as usize;
        if linked || frame[5] != kind::FOOTER {
            frame[20..24].copy_from_slice(&chain.to_le_bytes());
        }
        if frame[5] == kind::RECORDS {
            seal_records(frame, dir.end);
        }
        seal_frame(frame, segment.seed(), at as u64, dir);
        let header = FrameHeader::decode(frame, segment.seed(), at as u64)?;
        if header.kind == kind::FOOTER {
            break;
        }
        (at, chain) = (at.saturating_add(header.stride() as usize), header.crc);
    }
    Some(chain)
}

/// Makes the checksums of the records right, as far as the directory tells where they stand.
fn seal_records(frame: &mut [u8], body: usize) {
    let first = get_u64(frame, 24);
    let (mut at, mut start) = (HEADER, body);
    for serial in (first..=u64::MAX).take(get_u32(frame, 16) as usize) {
        let Some(mut line) = frame.get(at..body) else {
            return;
        };
        let before = line.len();
        let fields = [(); 3].map(|()| varint::take(&mut line));
        at += before - line.len();
        let end = fields[2].and_then(|len| start.checked_add(usize::try_from(len).ok()?));
        let Some(content) = end.and_then(|end| frame.get(start..end)) else {
            return;
        };
        let crc = bind(crc32c::crc32c(content), serial).to_le_bytes();
        start += content.len();
        if at + 4 > body {
            return;
        }
        frame[at..at + 4].copy_from_slice(&crc);
        at += 4;
    }
}

/// Makes a frame's checksums right. A directory that goes beyond the bytes ends with them, and its length says so.
pub(super) fn seal_frame(frame: &mut [u8], seed: Seed, offset: u64, dir: Range<usize>) {
    let end = dir.end.min(frame.len());
    frame[..4].copy_from_slice(b"WXFR");
    let len = (end - HEADER) as u32;
    frame[8..12].copy_from_slice(&len.to_le_bytes());
    let crc = crc32c::crc32c(&frame[HEADER..end]);
    frame[40..44].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32c::crc32c_append(seed.at(offset), &frame[..44]);
    frame[44..48].copy_from_slice(&crc.to_le_bytes());
}

/// Makes length and checksum of a manifest right.
pub(super) fn seal_manifest(bytes: &mut [u8]) {
    if bytes.len() < manifest::HEADER {
        return;
    }
    let body = (bytes.len() - manifest::HEADER) as u32;
    bytes[12..16].copy_from_slice(&body.to_le_bytes());
    bytes[24..28].fill(0);
    let crc = crc32c::crc32c(bytes);
    bytes[24..28].copy_from_slice(&crc.to_le_bytes());
}

/// The file of a list of losses with this body.
pub(super) fn losses_of(body: &[u8]) -> Vec<u8> {
    let head = format!("walx-losses 1 {:08x}\n", crc32c::crc32c(body));
    [head.as_bytes(), body].concat()
}
