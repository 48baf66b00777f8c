//! Reading a segment to its end, and telling a torn tail from damage.

use walx_core::Result;

use crate::fault::Damage;
use crate::frame;
use crate::loss::{Judge, Loss, TO_THE_END};
use crate::segment::{self, Segment, SegmentHeader};
use crate::summary::Summary;
use crate::survey::LastEnd;
use crate::walk::{self, Spot, Stop};

/// How far a segment goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// It is the last one: records below the serial `reach` must be there, those at and behind `limit` are left alone.
    Tail {
        reach: u64,
        limit: u64,
        /// A writer lives, so that what stands behind the tail may still be on its way.
        live: bool,
    },
    /// The next one follows at this serial.
    Next(u64),
    /// The next one is missing.
    Lost,
}

/// Where a segment ends.
#[derive(Debug)]
pub(crate) struct Through {
    pub(crate) spot: Spot,
    pub(crate) end: LastEnd,
    /// Whether a sound footer stands there.
    pub(crate) sealed: bool,
    /// Whether all records up to there are sound.
    pub(crate) whole: bool,
    /// How many records are lost between sound ones, by damage that wasn't noted and whose numbers aren't known.
    pub(crate) holes: u64,
}

/// Walks a segment to its end; what stands behind the tail of the last one proves more. Damage at the end of one that
/// others follow is not told here: [`between`] does.
pub(crate) fn read_through(
    segment: &Segment,
    until: Until,
    summary: &mut Summary,
    judge: &mut dyn Judge,
) -> Result<Through> {
    let mut through = Through {
        spot: Spot::start(segment),
        end: LastEnd::Clean,
        sealed: false,
        whole: true,
        holes: 0,
    };
    let (reach, limit, live, last) = match until {
        Until::Tail { reach, limit, live } => (reach, limit, live, true),
        Until::Next(serial) => (serial, u64::MAX, false, false),
        Until::Lost => (u64::MAX, u64::MAX, false, false),
    };
    loop {
        let walk = walk::walk(segment, through.spot, limit, summary, judge)?;
        through.spot = walk.spot;
        let spot = walk.spot;
        let short = spot.serial < reach;
        let why = match walk.stop {
            Stop::End if !short => return Ok(through),
            Stop::Footer if !last && (!short || matches!(until, Until::Lost)) => {
                through.sealed = true;
                return Ok(through);
            }
            Stop::Footer if live => "the segment was sealed meanwhile",
            Stop::Footer => "the segment is sealed, but the next one is missing",
            Stop::End => "the file ends here",
            Stop::Bad(_) | Stop::Spoilt(_)
                if !short
                    && (!last
                        || live
                        || walk::acked_behind(segment, spot.offset + frame::ALIGN)?
                            <= spot.serial) =>
            {
                through.end = LastEnd::Torn;
                return Ok(through);
            }
            Stop::Bad(why) | Stop::Spoilt(why) => why,
        };
        through.whole = false;
        if matches!(walk.stop, Stop::Spoilt(_)) {
            let (behind, lost) = walk::pass_spoilt(segment, spot, summary, judge)?;
            if behind.offset > spot.offset {
                (through.spot, through.holes) = (behind, through.holes + lost);
                continue;
            }
        }
        let next = walk::search(segment, spot.offset + frame::ALIGN, spot.serial + 1)?;
        let behind = match &next {
            Some((_, header)) => header.first_serial,
            None if !last => {
                through.end = LastEnd::Damaged;
                return Ok(through);
            }
            None => reach.max(spot.serial + 1),
        };
        let loss = Loss {
            segment: segment.header.number,
            epoch: Some(segment.header.epoch),
            offset: spot.offset,
            end: next.map_or(TO_THE_END, |(offset, _)| offset),
            first: spot.serial,
            behind,
        };
        let what = match walk.stop {
            Stop::Footer if !short => why.to_owned(),
            _ => format!("{why}; {}", loss.serials()),
        };
        let noted = judge.damaged(&loss, Damage::new(&segment.path, spot.offset, what))?;
        let Some((offset, header)) = next else {
            through.end = LastEnd::Damaged;
            return Ok(through);
        };
        if !noted {
            through.holes += header.first_serial - spot.serial;
        }
        judge.passed(offset - spot.offset)?;
        through.spot = Spot {
            offset,
            serial: header.first_serial,
            chain: None,
        };
    }
}

/// What is lost between the end of a segment and the next one with a sound header. Where a sound footer says that the
/// segment ends there, it is the segments between them; else the end of the segment belongs to it.
pub(crate) fn between(
    segment: &Segment,
    end: Spot,
    sealed: bool,
    next: &SegmentHeader,
) -> Option<(Loss, Damage)> {
    let adjacent = next.number == segment.header.number + 1;
    let linked = end.chain.is_none_or(|crc| crc == next.previous_crc);
    if adjacent && next.previous_end == end.serial && next.first_serial == end.serial && linked {
        return None;
    }
    if sealed && !adjacent {
        let number = segment.header.number + 1;
        return Some(missing(
            segment.dir(),
            number,
            end.serial,
            next.first_serial,
        ));
    }
    let loss = Loss {
        segment: segment.header.number,
        epoch: Some(segment.header.epoch),
        offset: end.offset,
        end: TO_THE_END,
        first: end.serial,
        behind: next.first_serial.max(end.serial),
    };
    let what = if adjacent && next.previous_end == end.serial && linked {
        loss.serials()
    } else if adjacent {
        format!(
            "the segment ends at serial {}, the next one follows {}; {}",
            end.serial,
            next.previous_end,
            loss.serials()
        )
    } else {
        format!(
            "the segment has no sound end, and the next one is missing; {}",
            loss.serials()
        )
    };
    Some((loss, Damage::new(&segment.path, end.offset, what)))
}

/// A segment without a sound header, or without a file, and those up to one that starts with the serial `behind`.
pub(crate) fn missing(
    dir: &std::path::Path,
    number: u64,
    first: u64,
    behind: u64,
) -> (Loss, Damage) {
    let path = segment::path(dir, number);
    let loss = Loss::of_segment(number, first, behind.max(first));
    let what = if path.exists() {
        "the segment has no sound header of this store"
    } else {
        "the segment is missing"
    };
    let what = format!("{what}; {}", loss.serials());
    (loss, Damage::new(&path, 0, what))
}

/// What is lost before the first segment of a log that was lost as a whole before it was salvaged.
pub(crate) fn before(first: &Segment) -> Option<(Loss, Damage)> {
    let header = &first.header;
    if header.previous_end != 0 || header.first_serial == 0 {
        return None;
    }
    let loss = Loss {
        segment: header.number,
        epoch: Some(header.epoch),
        offset: 0,
        end: segment::BLOCK,
        first: 0,
        behind: header.first_serial,
    };
    Some((loss, Damage::new(&first.path, 0, loss.serials())))
}
