//! A look at a whole store that changes nothing: which segments there are, where the log ends, whether something is
//! missing. Recovery acts on it; readers without a writer beside them live by it.

use std::path::Path;
use std::sync::Arc;

use walx_core::{ErrorKind, Result};

use crate::acked::Acked;
use crate::fault::{self, Damage};
use crate::footer;
use crate::loss::{ByConfig, Judge, Losses};
use crate::manifest::{self, Manifest};
use crate::segment::{self, BLOCK, Found, Segment, SegmentHeader};
use crate::setting::FileDamage;
use crate::summary::Summary;
use crate::through::{self, Through, Until, read_through};
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
    /// How many records are lost between sound ones, but for those that a repair took note of.
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
        let mut judge = ByConfig {
            damage: how.damage,
            losses: Losses::load(dir, &survey.manifest.uuid)?,
        };
        survey.segments(dir, how, numbers, &mut judge)?;
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

    fn segments(
        &mut self,
        dir: &Path,
        how: Look,
        mut numbers: Vec<u64>,
        judge: &mut ByConfig,
    ) -> Result<()> {
        let uuid = self.manifest.uuid();
        let Some(first) = self.manifest.first_segment else {
            // The store was never finished; what was begun of its first segment is adopted or made again.
            self.stub = numbers.first().copied();
            return Ok(());
        };
        numbers.retain(|number| *number >= first);
        // Heads only: a store has more segments than a process may have files open.
        let mut heads = Vec::new();
        for (at, number) in numbers.iter().copied().enumerate() {
            match Segment::find(dir, uuid, number, false)? {
                Found::Segment(segment) => {
                    if heads.is_empty() {
                        self.start(&segment, first, judge)?;
                    }
                    heads.push(segment.header);
                }
                Found::Headless { bytes }
                    if at + 1 == numbers.len() && bytes <= BLOCK && number != first =>
                {
                    self.stub = Some(number)
                }
                // What stands before it and behind it tells what is lost.
                Found::Headless { .. } | Found::Missing => {}
            }
        }
        let reopen = |header: &SegmentHeader, writable| match Segment::find(
            dir,
            uuid,
            header.number,
            writable,
        )? {
            Found::Segment(segment) => Ok(segment),
            Found::Missing | Found::Headless { .. } => {
                let path = segment::path(dir, header.number);
                Err(Damage::new(&path, 0, "the segment went missing meanwhile").error())
            }
        };
        let Some(last) = heads.last().copied() else {
            let (loss, damage) = through::missing(dir, first, 0, self.floor.max(1));
            return judge.damaged(&loss, damage).map(|_| ());
        };
        let mut carry = Summary::default();
        for pair in heads.windows(2) {
            self.sealed(&reopen(&pair[0], false)?, &pair[1], &mut carry, judge)?;
        }
        let last = reopen(&last, how.writable)?;
        let behind = last.header.number + 1;
        // The header of the next segment is synced before the footer of this one is written.
        let lost = match self.stub {
            Some(_) => !how.live && footer::read(&last)?.is_some(),
            None => self.highest >= Some(behind),
        };
        if lost {
            let end = self.floor.max(last.header.first_serial + 1);
            let (loss, damage) = through::missing(dir, behind, last.header.first_serial, end);
            judge.damaged(&loss, damage)?;
        }
        self.last(how, last, &carry, judge)?;
        self.known_channels(dir)
    }

    /// What is lost before the first segment that is there.
    fn start(&mut self, segment: &Segment, first: u64, judge: &mut ByConfig) -> Result<()> {
        let header = &segment.header;
        let lost = if header.number > first {
            Some(through::missing(
                segment.dir(),
                first,
                0,
                header.first_serial,
            ))
        } else {
            through::before(segment)
        };
        if let Some((loss, damage)) = lost {
            judge.damaged(&loss, damage)?;
        }
        Ok(())
    }

    fn sealed(
        &mut self,
        segment: &Segment,
        next: &SegmentHeader,
        carry: &mut Summary,
        judge: &mut ByConfig,
    ) -> Result<()> {
        let header = &segment.header;
        let (mut kept, mut unsealed) = (None, None);
        let (end, sealed) = match footer::read(segment)? {
            Some((_, spot, summary)) => {
                *carry = summary;
                (spot, true)
            }
            None => {
                let mut summary = carry.following(header.first_serial);
                let until = if next.number == header.number + 1 {
                    Until::Next(next.previous_end)
                } else {
                    Until::Lost
                };
                let through = read_through(segment, until, &mut summary, judge)?;
                self.holes += through.holes;
                unsealed = through.whole.then_some(through.spot);
                *carry = summary.clone();
                kept = Some(Arc::new(summary));
                (through.spot, through.sealed)
            }
        };
        let lost = through::between(segment, end, sealed, next);
        if let Some((loss, damage)) = &lost
            && !judge.damaged(loss, damage.clone())?
        {
            self.holes += next.first_serial.saturating_sub(end.serial);
        }
        self.sealed.push(Sealed {
            number: header.number,
            end_serial: end.serial,
            summary: kept,
            unsealed: unsealed.filter(|_| lost.is_none()),
        });
        Ok(())
    }

    fn last(
        &mut self,
        how: Look,
        segment: Segment,
        carry: &Summary,
        judge: &mut ByConfig,
    ) -> Result<()> {
        if how.live && self.acked.is_none() {
            // Without ACKED, what the writer wrote into its frames is all that can be known.
            self.horizon = self.horizon.max(walk::acked_behind(&segment, BLOCK)?);
        }
        let mut summary = carry.following(segment.header.first_serial);
        let until = Until::Tail {
            reach: self.floor,
            limit: self.horizon,
            live: how.live,
        };
        let Through {
            spot, end, holes, ..
        } = read_through(&segment, until, &mut summary, judge)?;
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
