//! A look at a whole store that changes nothing: which segments there are, where the log ends, whether something is
//! missing. Recovery acts on it; readers without a writer beside them live by it.

use std::path::Path;
use std::sync::Arc;

use walx_core::{ErrorKind, Result};

use crate::acked::Acked;
use crate::fault::{self, Damage};
use crate::footer;
use crate::manifest::{self, Manifest};
use crate::segment::{self, BLOCK, Found, Segment, SegmentHeader};
use crate::setting::FileDamage;
use crate::summary::Summary;
use crate::through::{Through, read_through};
use crate::walk::{self, Spot};

/// How to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) damage: FileDamage,
    /// A writer lives, so that what stands behind the tail may still be on its way.
    pub(crate) live: bool,
    /// Open the last segment for writing.
    pub(crate) writable: bool,
}

/// What there is.
#[derive(Debug)]
pub(crate) struct Survey {
    pub(crate) manifest: Manifest,
    /// All segments but the last, ascending.
    pub(crate) sealed: Vec<Sealed>,
    /// The segment that the log ends in.
    pub(crate) last: Option<Last>,
    /// A file without a header behind it: a writer ended while it made the next segment.
    pub(crate) stub: Option<u64>,
    /// Records below this serial were acknowledged.
    pub(crate) floor: u64,
    /// Every record below this serial may be read.
    pub(crate) horizon: u64,
    /// What `ACKED` says.
    pub(crate) acked: Option<Acked>,
    /// How many records are lost between sound ones.
    pub(crate) holes: u64,
    /// The highest number that a file has.
    pub(crate) highest: Option<u64>,
}

/// A segment that another one follows.
#[derive(Clone, Debug)]
pub(crate) struct Sealed {
    pub(crate) number: u64,
    pub(crate) end_serial: u64,
    /// What it holds, where it has no sound footer that says so.
    pub(crate) summary: Option<Arc<Summary>>,
    /// Where its footer belongs, if that is all that it lacks.
    pub(crate) unsealed: Option<Spot>,
}

/// The last segment.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) segment: Segment,
    /// The end of what is sound.
    pub(crate) spot: Spot,
    pub(crate) summary: Summary,
    pub(crate) end: LastEnd,
}

/// How the last segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastEnd {
    /// With a frame.
    Clean,
    /// With bytes that were on their way when the writer ended.
    Torn,
    /// With damage, or with a footer whose successor is lost: nothing may be written behind it.
    Damaged,
}

impl Survey {
    /// Looks at a store; `None` where there is none.
    pub(crate) fn look(dir: &Path, how: Look) -> Result<Option<Self>> {
        // A living writer moves on while we look: what doesn't fit together then may fit the next time.
        for _ in 0..if how.live { 20 } else { 1 } {
            match Self::look_once(dir, how) {
                Err(error) if how.live && error.kind() == ErrorKind::Corrupt => {}
                outcome => return outcome,
            }
        }
        Self::look_once(dir, how)
    }

    fn look_once(dir: &Path, how: Look) -> Result<Option<Self>> {
        let manifest = Manifest::load(dir)?;
        let numbers = match segment::list(dir) {
            Ok(numbers) => numbers,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fault::refused("listing the segments", dir, error)),
        };
        let Some(manifest) = manifest else {
            return if numbers.is_empty() {
                Ok(None)
            } else {
                Err(manifest::lost(dir))
            };
        };
        // Before the segments: what it says was written before it was said.
        let acked = Acked::load(dir, manifest.uuid());
        let sealed = manifest
            .clean
            .map_or(0, |seal| seal.serial)
            .max(manifest.floor);
        let floor = acked.map_or(0, |acked| acked.evidence()).max(sealed);
        let highest = numbers.last().copied();
        let mut survey = Self {
            manifest,
            sealed: Vec::new(),
            last: None,
            stub: None,
            floor,
            horizon: u64::MAX,
            acked,
            holes: 0,
            highest,
        };
        if how.live {
            survey.horizon = floor;
        }
        survey.segments(dir, how, numbers)?;
        if !how.live {
            if survey.ends_in_loss() {
                // How much is unknown; whoever reads to the end must meet it.
                survey.floor = survey.floor.max(survey.end_serial() + 1);
            }
            survey.horizon = survey.end_serial().max(survey.floor);
        }
        Ok(Some(survey))
    }

    /// The serial behind the last sound record.
    pub(crate) fn end_serial(&self) -> u64 {
        let sealed = self.sealed.last().map_or(0, |sealed| sealed.end_serial);
        self.last.as_ref().map_or(sealed, |last| last.spot.serial)
    }

    /// Whether it is sure that something behind the last sound record is lost.
    fn ends_in_loss(&self) -> bool {
        let last = self.last.as_ref();
        let number = last.map(|last| last.segment.header.number);
        self.manifest.first_segment.is_some()
            && (last.is_none_or(|last| last.end == LastEnd::Damaged)
                || self.highest.filter(|_| self.stub.is_none()) > number)
    }

    fn segments(&mut self, dir: &Path, how: Look, mut numbers: Vec<u64>) -> Result<()> {
        let uuid = self.manifest.uuid();
        let Some(first) = self.manifest.first_segment else {
            // The store was never finished; what was begun of its first segment is adopted or made again.
            self.stub = numbers.first().copied();
            return Ok(());
        };
        numbers.retain(|number| *number >= first);
        let mut found = Vec::new();
        let mut expected = first;
        for (at, number) in numbers.iter().copied().enumerate() {
            if number != expected {
                how.damaged(Damage::new(
                    &segment::path(dir, expected),
                    0,
                    "the segment is missing",
                ))?;
            }
            expected = number + 1;
            let last = at + 1 == numbers.len();
            match Segment::find(dir, uuid, number, how.writable && last)? {
                Found::Segment(segment) => found.push(segment),
                Found::Headless { bytes } if last && bytes <= BLOCK && number != first => {
                    self.stub = Some(number)
                }
                Found::Headless { .. } | Found::Missing => {
                    let what = "the segment has no sound header of this store";
                    how.damaged(Damage::new(&segment::path(dir, number), 0, what))?;
                }
            }
        }
        if numbers.is_empty() {
            how.damaged(Damage::new(
                &segment::path(dir, first),
                0,
                "the segment is missing",
            ))?;
        }
        if self.stub.is_some()
            && let Some(before) = found.pop()
        {
            // The header of the next segment is synced before the footer of this one is written.
            if footer::read(&before)?.is_some() && !how.live {
                let what = "the segment has no sound header, though the one before it is sealed";
                how.damaged(Damage::new(
                    &segment::path(dir, before.header.number + 1),
                    0,
                    what,
                ))?;
            }
            let path = segment::path(dir, before.header.number);
            // The last one is opened for writing.
            match Segment::find(dir, uuid, before.header.number, how.writable)? {
                Found::Segment(segment) => found.push(segment),
                _ => how.damaged(Damage::new(&path, 0, "the segment is missing"))?,
            }
        }
        let mut carry = Summary::default();
        let mut found = found.into_iter().peekable();
        while let Some(segment) = found.next() {
            match found.peek() {
                Some(next) => self.sealed(how, &segment, &next.header, &mut carry)?,
                None => self.last(how, segment, &carry)?,
            }
        }
        self.known_channels(dir)
    }

    fn sealed(
        &mut self,
        how: Look,
        segment: &Segment,
        next: &SegmentHeader,
        carry: &mut Summary,
    ) -> Result<()> {
        let header = &segment.header;
        let (mut kept, mut unsealed) = (None, None);
        let end = match footer::read(segment)? {
            Some((_, spot, summary)) => {
                *carry = summary;
                spot
            }
            None => {
                let mut summary = carry.following(header.first_serial);
                let through = read_through(
                    segment,
                    how,
                    (next.previous_end, u64::MAX),
                    true,
                    &mut summary,
                )?;
                let Through { spot, holes, end } = through;
                self.holes += holes;
                if holes == 0 && end != LastEnd::Damaged {
                    unsealed = Some(spot);
                }
                *carry = summary.clone();
                kept = Some(Arc::new(summary));
                spot
            }
        };
        self.holes += next.first_serial.saturating_sub(end.serial);
        let follows = next.number == header.number + 1
            && next.previous_end == end.serial
            && next.first_serial == end.serial
            && end.chain == Some(next.previous_crc);
        if next.number != header.number + 1 {
            // Said already: one between them is missing.
        } else if end.serial != next.previous_end
            || end.chain.is_some_and(|crc| crc != next.previous_crc)
        {
            let what = format!(
                "the segment ends at serial {}, the next one follows {}",
                end.serial, next.previous_end
            );
            how.damaged(Damage::new(&segment.path, end.offset, what))?;
        } else if next.first_serial != next.previous_end {
            let what = format!(
                "the records {} to {} are lost",
                next.previous_end,
                next.first_serial - 1
            );
            how.damaged(Damage::new(&segment.path, end.offset, what))?;
        }
        self.sealed.push(Sealed {
            number: header.number,
            end_serial: end.serial,
            summary: kept,
            unsealed: unsealed.filter(|_| follows),
        });
        Ok(())
    }

    fn last(&mut self, how: Look, segment: Segment, carry: &Summary) -> Result<()> {
        if how.live && self.acked.is_none() {
            // Without ACKED, what the writer wrote into its frames is all that can be known.
            self.horizon = self.horizon.max(walk::acked_behind(&segment, BLOCK)?);
        }
        let mut summary = carry.following(segment.header.first_serial);
        let through = read_through(
            &segment,
            how,
            (self.floor, self.horizon),
            false,
            &mut summary,
        )?;
        let Through { spot, end, holes } = through;
        self.holes += holes;
        self.last = Some(Last {
            segment,
            spot,
            summary,
            end,
        });
        Ok(())
    }

    /// A channel that the log has and the manifest doesn't: the manifest is older than the log.
    fn known_channels(&self, dir: &Path) -> Result<()> {
        let Some(last) = &self.last else {
            return Ok(());
        };
        let known = |number: &u32| self.manifest.channels.contains_key(number);
        if last.summary.channels.keys().all(known) {
            return Ok(());
        }
        Err(manifest::lost(dir).with_context(
            "cause",
            "the log has a channel that the manifest does not name",
        ))
    }
}
