//! One reader's place in the log, and reading on from it. Everything here may block.

mod end;

use std::path::PathBuf;

use walx_core::{Bytes, Result};
use walx_impls::{Scanned, StoredRecord};

use crate::footer;
use crate::frame::{self, FrameHeader, HEADER, kind};
use crate::id::id;
use crate::loss::Losses;
use crate::segment::{self, CHUNK, Found, Segment};
use crate::setting::FileDamage;
use crate::through;
use crate::walk::{self, Next, Spot};
use crate::window::Window;

/// What reading on gave.
pub(crate) enum Step {
    /// At least one.
    Items(Vec<Scanned>),
    /// Nothing that may be read yet.
    Tail,
    /// The file of a segment is not there: truncated, or lost. The caller tells which.
    Missing {
        number: u64,
        /// What stands before it has no sound end: once the caller called it lost, the next step judges both.
        torn: bool,
    },
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
    /// A segment that is lost, as the caller found out: it was not truncated.
    lost: Option<u64>,
    /// The offset of a damaged frame that is read again before it is called so.
    again: Option<u64>,
    /// What a repair took note of; read when damage is met.
    losses: Losses,
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
    Missing { number: u64, torn: bool },
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
            lost: None,
            again: None,
            losses: Losses::default(),
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

    /// A segment that a step missed is lost; whether the reader still has to say so.
    pub(crate) fn lose(&mut self, number: u64) -> bool {
        self.lost.replace(number) != Some(number)
    }

    /// All below the serial is lost.
    pub(crate) fn pass(&mut self, serial: u64) {
        if let Some(spot) = self.spot.as_mut().filter(|spot| spot.serial < serial) {
            (spot.serial, spot.chain) = (serial, None);
        }
    }

    /// Reads on, but nothing at or behind the serial `horizon`.
    pub(crate) fn step(&mut self, horizon: u64) -> Result<Step> {
        let mut batch = Batch::default();
        loop {
            match self.frame(horizon, &mut batch) {
                Ok(Flow::On) => {}
                Ok(Flow::Give) if batch.items.is_empty() => return Ok(Step::Tail),
                Ok(Flow::Missing { number, torn }) if batch.items.is_empty() => {
                    return Ok(Step::Missing { number, torn });
                }
                // What was sound before the damage is given first; the next step meets the damage again.
                Err(error) if batch.items.is_empty() => return Err(error),
                Ok(Flow::Give | Flow::Missing { .. }) | Err(_) => {
                    return Ok(Step::Items(batch.items));
                }
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
                let (number, torn) = (self.number, false);
                return Ok(Flow::Missing { number, torn });
            };
            let told = self.lost == Some(self.number) || self.spot.is_some();
            let lost = through::before(&segment).filter(|_| !told);
            let spot = self.spot.unwrap_or_else(|| Spot::start(&segment));
            if let Some((loss, damage)) = lost {
                // All that was there before was lost when the store was salvaged.
                self.damaged(&loss, damage, batch)?;
            }
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
            Next::Frame(header, bytes) if header.kind == kind::FOOTER => {
                let sound = footer::body(&header, &bytes).is_some();
                let bad = (!sound).then_some("the footer here is damaged");
                self.next_segment(bad, horizon, batch)
            }
            Next::Frame(header, _) if header.end_serial() > horizon => Ok(Flow::Give),
            Next::Frame(header, bytes) => {
                let (items, batched, number) = (batch.items.len(), batch.bytes, self.next);
                let outcome = self.records(&header, &bytes, spot, batch);
                let damaged = batch.items[items..]
                    .iter()
                    .any(|item| matches!(item, Scanned::Damage(_)));
                if (damaged || outcome.is_err()) && self.again != Some(spot.offset) {
                    // As above: the head may be the one of a write that was torn and done again.
                    batch.items.truncate(items);
                    (batch.bytes, self.next) = (batched, number);
                    self.again = Some(spot.offset);
                    self.forget();
                    return Ok(Flow::On);
                }
                outcome?;
                self.spot = Some(spot.behind(&header));
                Ok(Flow::On)
            }
            Next::End => self.next_segment(Some("the file ends here"), horizon, batch),
            Next::Bad(why) => self.next_segment(Some(why), horizon, batch),
        }
    }

    fn forget(&mut self) {
        if let Some((_, window)) = &mut self.open {
            window.forget();
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
        self.again = None;
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
        let Some((segment, _)) = &self.open else {
            return Ok(());
        };
        let segment = segment.clone();
        let Some((lines, body)) = walk::open_frame(header, frame) else {
            let (loss, damage) = walk::spoilt_directory(&segment, spot, header);
            return self.damaged(&loss, damage, batch);
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
            if frame::bind(crc32c::crc32c(&body[range.clone()]), serial) != line.crc {
                let place = (range.start, serial, &line);
                let (loss, damage) = walk::spoilt_record(&segment, spot, header, place);
                self.damaged(&loss, damage, batch)?;
            } else {
                let bytes = body.slice(range);
                let bytes = if share {
                    bytes
                } else {
                    Bytes::copy_from_slice(&bytes)
                };
                let offset =
                    spot.offset + (HEADER + header.dir_len as usize + at - line.len) as u64;
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
}
