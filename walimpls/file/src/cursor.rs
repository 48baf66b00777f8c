//! One reader's place in the log, and reading on from it. Everything here may block.

use std::path::PathBuf;

use walx_core::{Bytes, Result};
use walx_impls::{Scanned, StoredRecord};

use crate::fault::Damage;
use crate::footer;
use crate::frame::{self, FrameHeader, HEADER, kind};
use crate::id::id;
use crate::segment::{self, CHUNK, Found, Segment};
use crate::setting::FileDamage;
use crate::walk::{self, Next, Spot};
use crate::window::Window;

/// What reading on gave.
pub(crate) enum Step {
    /// At least one.
    Items(Vec<Scanned>),
    /// Nothing that may be read yet.
    Tail,
    /// The file of the next segment is not there: truncated, or lost.
    Missing(u64),
}

pub(crate) struct Cursor {
    dir: PathBuf,
    uuid: [u8; 16],
    channel: u32,
    damage: FileDamage,
    /// The most bytes of records that one step gives, but for the last frame.
    budget: usize,
    /// The lowest number not yet given.
    pub(crate) next: u64,
    /// The segment it reads, or will open.
    pub(crate) number: u64,
    open: Option<(Segment, Window)>,
    spot: Option<Spot>,
}

/// What one step has put together.
#[derive(Default)]
struct Batch {
    items: Vec<Scanned>,
    bytes: usize,
}

/// Whether a step goes on.
enum Flow {
    On,
    Give,
    Missing(u64),
}

impl Cursor {
    pub(crate) fn new(
        dir: PathBuf,
        uuid: [u8; 16],
        channel: u32,
        damage: FileDamage,
        budget: usize,
        start: (u64, Option<Spot>, u64),
    ) -> Self {
        let (number, spot, next) = start;
        Self {
            dir,
            uuid,
            channel,
            damage,
            budget,
            next,
            number,
            open: None,
            spot,
        }
    }

    /// The same reader at another place.
    pub(crate) fn moved(&self, start: (u64, Option<Spot>, u64)) -> Self {
        Self::new(
            self.dir.clone(),
            self.uuid,
            self.channel,
            self.damage,
            self.budget,
            start,
        )
    }

    /// The serial of the next record, once it is known.
    pub(crate) fn serial(&self) -> u64 {
        self.spot.map_or(0, |spot| spot.serial)
    }

    /// Where it stands, once a segment is open.
    pub(crate) fn place(&self) -> Option<(&Segment, Spot)> {
        self.open
            .as_ref()
            .map(|(segment, _)| segment)
            .zip(self.spot)
    }

    /// Reads on, but nothing at or behind the serial `horizon`.
    pub(crate) fn step(&mut self, horizon: u64) -> Result<Step> {
        let mut batch = Batch::default();
        loop {
            match self.frame(horizon, &mut batch) {
                Ok(Flow::On) => {}
                Ok(Flow::Give) if batch.items.is_empty() => return Ok(Step::Tail),
                Ok(Flow::Missing(number)) if batch.items.is_empty() => {
                    return Ok(Step::Missing(number));
                }
                // What was sound before the damage is given first; the next step meets the damage again.
                Err(error) if batch.items.is_empty() => return Err(error),
                Ok(Flow::Give | Flow::Missing(_)) | Err(_) => return Ok(Step::Items(batch.items)),
            }
            let exhausted = match (&self.open, self.spot) {
                (Some((_, window)), Some(spot)) => window.ahead(spot.offset) < HEADER,
                _ => true,
            };
            if !batch.items.is_empty() && (batch.bytes >= self.budget || exhausted) {
                return Ok(Step::Items(batch.items));
            }
        }
    }

    fn frame(&mut self, horizon: u64, batch: &mut Batch) -> Result<Flow> {
        if self.open.is_none() {
            let Found::Segment(segment) = Segment::find(&self.dir, self.uuid, self.number, false)?
            else {
                return Ok(Flow::Missing(self.number));
            };
            let spot = self.spot.unwrap_or_else(|| Spot::start(&segment));
            self.enter(segment, spot)?;
        }
        let (Some((segment, window)), Some(spot)) = (&mut self.open, self.spot) else {
            return Ok(Flow::Give);
        };
        if spot.serial >= horizon {
            return Ok(Flow::Give);
        }
        let mut next = walk::next_frame(segment, window, spot)?;
        if matches!(next, Next::Bad(_) | Next::End) {
            // It may have been on its way when the piece in memory was read.
            window.forget();
            next = walk::next_frame(segment, window, spot)?;
        }
        match next {
            Next::Frame(header, _) if header.kind == kind::FOOTER => {
                self.next_segment(None, horizon, batch)
            }
            Next::Frame(header, _) if header.end_serial() > horizon => Ok(Flow::Give),
            Next::Frame(header, bytes) => {
                self.records(&header, &bytes, spot, batch)?;
                self.spot = Some(spot.behind(&header));
                Ok(Flow::On)
            }
            Next::End => self.next_segment(Some("the file ends here"), horizon, batch),
            Next::Bad(why) => self.next_segment(Some(why), horizon, batch),
        }
    }

    /// Opens a segment at a spot; a sealed one is entered where the channel has its first record, or passed.
    fn enter(&mut self, segment: Segment, mut spot: Spot) -> Result<()> {
        if spot.offset == segment::BLOCK
            && let Some((_, end, summary)) = footer::read(&segment)?
        {
            match (
                summary.span(self.channel),
                summary.entries(self.channel).next(),
            ) {
                (None, _) => spot = end,
                (Some(span), _) if span.end <= self.next => spot = end,
                (Some(span), Some(entry)) if entry.number == span.first => {
                    spot = Spot {
                        offset: entry.offset,
                        serial: entry.serial,
                        chain: None,
                    };
                }
                _ => {}
            }
        }
        let window = Window::new(segment.file.clone(), self.budget.clamp(4 << 10, CHUNK));
        self.number = segment.header.number;
        self.spot = Some(spot);
        self.open = Some((segment, window));
        Ok(())
    }

    /// The records of a frame that are this reader's.
    fn records(
        &mut self,
        header: &FrameHeader,
        frame: &Bytes,
        spot: Spot,
        batch: &mut Batch,
    ) -> Result<()> {
        let Some((lines, body)) = walk::open_frame(header, frame) else {
            let what = format!(
                "the directory of a frame is damaged; the records with the serials {} to {} are lost",
                header.first_serial,
                header.end_serial().saturating_sub(1)
            );
            return self.damaged(spot.offset, what, batch);
        };
        let mine = |line: &frame::Line| line.channel == self.channel;
        let wanted: usize = lines
            .iter()
            .filter(|line| mine(line))
            .map(|line| line.len)
            .sum();
        // A few records must not keep a large piece of the log in memory.
        let share = wanted * 4 >= body.len();
        let mut at = 0;
        for (serial, line) in (header.first_serial..).zip(lines) {
            let range = at..at + line.len;
            at = range.end;
            if line.channel != self.channel || line.number < self.next {
                continue;
            }
            let offset = spot.offset + (HEADER + header.dir_len as usize + range.start) as u64;
            if frame::bind(crc32c::crc32c(&body[range.clone()]), serial) != line.crc {
                let what = format!("record {} (serial {serial}) is damaged", line.number);
                self.damaged(offset, what, batch)?;
            } else {
                let bytes = body.slice(range);
                let bytes = if share {
                    bytes
                } else {
                    Bytes::copy_from_slice(&bytes)
                };
                let record = walx_helper::frame::decode(bytes).map_err(|error| {
                    error
                        .with_context("file", segment::path(&self.dir, self.number).display())
                        .with_context("offset", offset)
                })?;
                batch.items.push(Scanned::Record(StoredRecord {
                    id: id(line.number),
                    record,
                }));
                batch.bytes += line.len;
            }
            self.next = line.number + 1;
        }
        Ok(())
    }

    /// The segment is sealed here, or what stands here is no frame.
    fn next_segment(
        &mut self,
        bad: Option<&'static str>,
        horizon: u64,
        batch: &mut Batch,
    ) -> Result<Flow> {
        let (Some((segment, _)), Some(spot)) = (&self.open, self.spot) else {
            return Ok(Flow::Give);
        };
        let segment = segment.clone();
        let follower = Segment::find(&self.dir, self.uuid, self.number + 1, false)?;
        let next = match follower {
            Found::Segment(next) if next.header.previous_end <= spot.serial => {
                let header = &next.header;
                let linked = spot.chain.is_none_or(|crc| crc == header.previous_crc)
                    || header.previous_end < spot.serial;
                if header.first_serial > spot.serial || !linked {
                    let last = header.first_serial.saturating_sub(1);
                    let what = format!(
                        "the records with the serials {} to {last} are lost",
                        spot.serial
                    );
                    self.damaged(spot.offset, what, batch)?;
                }
                let start = Spot::start(&next);
                self.enter(next, start)?;
                return Ok(Flow::On);
            }
            Found::Missing | Found::Headless { .. } if bad.is_none() => {
                return Ok(Flow::Missing(self.number + 1));
            }
            _ => self.later(spot.serial)?,
        };
        let found = walk::search(&segment, spot.offset + frame::ALIGN, spot.serial + 1)?;
        let behind = match (&found, &next) {
            (Some((_, header)), _) => header.first_serial,
            (None, Some(next)) => next.header.first_serial,
            (None, None) => horizon,
        };
        let last = behind.saturating_sub(1);
        let why = bad.unwrap_or("the segment is sealed here, and the next one does not follow it");
        let what = format!(
            "{why}; the records with the serials {} to {last} are lost",
            spot.serial
        );
        self.damaged(spot.offset, what, batch)?;
        match (found, next) {
            (Some((offset, header)), _) => {
                self.spot = Some(Spot {
                    offset,
                    serial: header.first_serial,
                    chain: None,
                });
            }
            (None, Some(next)) => {
                let start = Spot::start(&next);
                self.enter(next, start)?;
            }
            // Nothing more: what is written later stands in a later segment, at a serial behind the lost ones.
            (None, None) => {
                self.spot = Some(Spot {
                    offset: spot.offset,
                    serial: horizon,
                    chain: None,
                })
            }
        }
        Ok(Flow::On)
    }

    /// The next segment with a sound header and records that were not met yet.
    fn later(&self, serial: u64) -> Result<Option<Segment>> {
        let numbers = segment::list(&self.dir).unwrap_or_default();
        for number in numbers.into_iter().filter(|number| *number > self.number) {
            if let Found::Segment(segment) = Segment::find(&self.dir, self.uuid, number, false)?
                && segment.header.first_serial >= serial
            {
                return Ok(Some(segment));
            }
        }
        Ok(None)
    }

    fn damaged(&self, offset: u64, what: String, batch: &mut Batch) -> Result<()> {
        let damage = Damage::new(&segment::path(&self.dir, self.number), offset, what);
        match self.damage {
            FileDamage::Strict => Err(damage.error()),
            FileDamage::Salvage => {
                batch.items.push(Scanned::Damage(damage.text()));
                Ok(())
            }
        }
    }
}
