//! Reading a segment frame by frame, every checksum verified.

use walx_core::{Bytes, Error, Result};

use crate::fault::{self, Damage};
use crate::footer;
use crate::frame::{self, ALIGN, FrameHeader, HEADER, Line, kind};
use crate::loss::{Judge, Loss};
use crate::planted::{self, Bug};
use crate::segment::{BLOCK, CHUNK, Segment};
use crate::summary::{Summary, marks};
use crate::window::Window;

/// A place between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) offset: u64,
    /// The serial of the next record.
    pub(crate) serial: u64,
    /// The header crc of the frame before; `None` where it isn't known.
    pub(crate) chain: Option<u32>,
}

/// What stands at a spot.
pub(crate) enum Next {
    /// A frame with a sound header, at its place in the chain. `Bytes` is all of it.
    Frame(FrameHeader, Bytes),
    /// The file ends.
    End,
    /// Something else.
    Bad(&'static str),
}

/// Where a walk ended, and why.
pub(crate) struct Walk {
    pub(crate) spot: Spot,
    pub(crate) stop: Stop,
}

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The file ends, or what may be read does.
    End,
    /// A sound footer stands here.
    Footer,
    /// What stands here is no sound frame.
    Bad(&'static str),
    /// The head of the frame here is sound, but not all of its directory and records.
    Spoilt(&'static str),
}

impl Spot {
    /// The first spot of a segment.
    pub(crate) fn start(segment: &Segment) -> Self {
        let header = &segment.header;
        Self {
            offset: BLOCK,
            serial: header.first_serial,
            chain: Some(header.previous_crc),
        }
    }

    /// The spot behind a frame.
    pub(crate) fn behind(self, header: &FrameHeader) -> Self {
        Self {
            offset: self.offset + header.stride(),
            serial: header.end_serial(),
            chain: Some(header.crc),
        }
    }
}

/// Reads what stands at a spot.
pub(crate) fn next_frame(segment: &Segment, window: &mut Window, spot: Spot) -> Result<Next> {
    let Some(head) = segment.get(window, spot.offset, HEADER)? else {
        let ends = segment.len()? <= spot.offset;
        return Ok(if ends {
            Next::End
        } else {
            Next::Bad("the file ends within the head of a frame")
        });
    };
    let Some(header) = FrameHeader::decode(&head, segment.header.seed(), spot.offset) else {
        return Ok(Next::Bad("no sound frame stands here"));
    };
    if !header.is_known() {
        return Err(unknown(segment, spot.offset, &header));
    }
    if header.first_serial != spot.serial
        || spot.chain.is_some_and(|chain| chain != header.previous)
    {
        return Ok(Next::Bad("the frame here does not follow the one before"));
    }
    Ok(match segment.get(window, spot.offset, header.bytes())? {
        Some(bytes) => Next::Frame(header, bytes),
        None => Next::Bad("the file ends within a frame"),
    })
}

/// A frame that only a newer version can read.
pub(crate) fn unknown(segment: &Segment, offset: u64, header: &FrameHeader) -> Error {
    let what = format!(
        "a frame of kind {} and version {}",
        header.kind, header.version
    );
    fault::newer(&segment.path, offset, &what)
}

/// The lines of a frame of records and the bytes of its records; `None` where the directory is damaged.
pub(crate) fn open_frame(header: &FrameHeader, frame: &Bytes) -> Option<(Vec<Line>, Bytes)> {
    let body = HEADER + header.dir_len as usize;
    let lines = frame::directory(header, &frame[HEADER..body])?;
    Some((lines, frame.slice(body..)))
}

/// Walks from a spot to the end of what is sound, and adds it to the summary.
///
/// Records at and behind the serial `limit` are left alone.
pub(crate) fn walk(
    segment: &Segment,
    mut spot: Spot,
    limit: u64,
    summary: &mut Summary,
    judge: &mut dyn Judge,
) -> Result<Walk> {
    let mut window = Window::new(segment.file.clone(), CHUNK);
    let stop = loop {
        if spot.serial >= limit {
            break Stop::End;
        }
        let (header, frame) = match next_frame(segment, &mut window, spot)? {
            Next::Frame(header, frame) => (header, frame),
            Next::End => break Stop::End,
            Next::Bad(why) => break Stop::Bad(why),
        };
        if header.kind == kind::FOOTER {
            break match footer::body(&header, &frame) {
                Some(_) => Stop::Footer,
                None => Stop::Bad("the footer here is damaged"),
            };
        }
        if header.end_serial() > limit {
            break Stop::End;
        }
        let Some((lines, body)) = open_frame(&header, &frame) else {
            break Stop::Spoilt("the directory of the frame here is damaged");
        };
        if unsound(&header, &lines, &body).next().is_some() {
            break Stop::Spoilt("a record of the frame here is damaged");
        }
        judge.passed(header.stride())?;
        note(summary, &header, spot.offset, &lines, &body);
        spot = spot.behind(&header);
        summary.end_serial = spot.serial;
    };
    Ok(Walk { spot, stop })
}

/// Adds a frame to a summary.
fn note(summary: &mut Summary, header: &FrameHeader, offset: u64, lines: &[Line], body: &Bytes) {
    let mut at = 0;
    for line in lines {
        let record = at..at + line.len;
        at += line.len;
        summary.add(
            line.channel,
            line.number,
            line.len as u64,
            (header.first_serial, offset),
            || {
                walx_helper::frame::decode(body.slice(record))
                    .ok()
                    .map(|record| marks(&record.header))
            },
        );
    }
}

/// The damaged records of a frame: where each starts behind the body's start, its serial, its line.
fn unsound<'a>(
    header: &FrameHeader,
    lines: &'a [Line],
    body: &'a [u8],
) -> impl Iterator<Item = (usize, u64, &'a Line)> {
    let mut at = 0;
    let placed = (header.first_serial..)
        .zip(lines)
        .map(move |(serial, line)| {
            let start = at;
            at += line.len;
            (start, serial, line)
        });
    placed.filter(|(start, serial, line)| {
        let bytes = &body[*start..start + line.len];
        frame::bind(crc32c::crc32c(bytes), *serial) != line.crc
            && !planted::is(Bug::TrustsChecksums)
    })
}

/// Passes a frame whose head is sound, adds what its directory says to the summary, and tells each damage in it: the
/// places are those that a reader names. Gives the spot behind it, and how many serials are lost that weren't noted and
/// whose numbers aren't known.
pub(crate) fn pass_spoilt(
    segment: &Segment,
    spot: Spot,
    summary: &mut Summary,
    judge: &mut dyn Judge,
) -> Result<(Spot, u64)> {
    let mut window = Window::new(segment.file.clone(), 0);
    let Next::Frame(header, frame) = next_frame(segment, &mut window, spot)? else {
        return Ok((spot, 0));
    };
    let behind = spot.behind(&header);
    judge.passed(header.stride())?;
    summary.end_serial = behind.serial;
    let Some((lines, body)) = open_frame(&header, &frame) else {
        let (loss, damage) = spoilt_directory(segment, spot, &header);
        let noted = judge.damaged(&loss, damage)?;
        return Ok((behind, if noted { 0 } else { u64::from(header.count) }));
    };
    for (start, serial, line) in unsound(&header, &lines, &body) {
        let (loss, damage) = spoilt_record(segment, spot, &header, (start, serial, line));
        judge.damaged(&loss, damage)?;
    }
    note(summary, &header, spot.offset, &lines, &body);
    Ok((behind, 0))
}

/// A frame whose directory is damaged: all its records are lost.
pub(crate) fn spoilt_directory(
    segment: &Segment,
    spot: Spot,
    header: &FrameHeader,
) -> (Loss, Damage) {
    let loss = Loss {
        segment: segment.header.number,
        epoch: Some(segment.header.epoch),
        offset: spot.offset,
        end: spot.offset + header.stride(),
        first: header.first_serial,
        behind: header.end_serial(),
    };
    let what = format!("the directory of a frame is damaged; {}", loss.serials());
    (loss, Damage::new(&segment.path, spot.offset, what))
}

/// A damaged record: where it starts in the body of its frame, its serial, its line.
pub(crate) fn spoilt_record(
    segment: &Segment,
    spot: Spot,
    header: &FrameHeader,
    (start, serial, line): (usize, u64, &Line),
) -> (Loss, Damage) {
    let offset = spot.offset + (HEADER + header.dir_len as usize + start) as u64;
    let loss = Loss {
        segment: segment.header.number,
        epoch: Some(segment.header.epoch),
        offset,
        end: offset + line.len as u64,
        first: serial,
        behind: serial + 1,
    };
    let what = format!("record {} (serial {serial}) is damaged", line.number);
    let damage = Damage::new(&segment.path, offset, what).of(line.channel);
    (loss, damage)
}

/// The first frame with a sound head at or behind `from` whose first serial is not below `serial`.
pub(crate) fn search(
    segment: &Segment,
    from: u64,
    serial: u64,
) -> Result<Option<(u64, FrameHeader)>> {
    let mut window = Window::new(segment.file.clone(), CHUNK);
    search_in(segment, &mut window, from, serial)
}

/// One window serves a whole search: a new one reads a large piece again.
fn search_in(
    segment: &Segment,
    window: &mut Window,
    from: u64,
    serial: u64,
) -> Result<Option<(u64, FrameHeader)>> {
    let mut offset = from.next_multiple_of(ALIGN);
    while let Some(head) = segment.get(window, offset, HEADER)? {
        match FrameHeader::decode(&head, segment.header.seed(), offset) {
            Some(header) if header.first_serial >= serial => return Ok(Some((offset, header))),
            // A head is bound to its place, so the next frame stands where it says.
            Some(header) => offset += header.stride(),
            None => offset += ALIGN,
        }
    }
    Ok(None)
}

/// The largest `acked` of all frames with a sound head behind `from`.
pub(crate) fn acked_behind(segment: &Segment, mut from: u64) -> Result<u64> {
    let mut window = Window::new(segment.file.clone(), CHUNK);
    let mut acked = 0;
    while let Some((offset, header)) = search_in(segment, &mut window, from, 0)? {
        acked = acked.max(header.acked);
        from = offset + header.stride();
    }
    Ok(acked)
}
