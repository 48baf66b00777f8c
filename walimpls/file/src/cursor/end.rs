//! Where a segment ends for a reader: the next one follows, or something is lost.

use walx_core::Result;
use walx_impls::Scanned;

use super::{Batch, Cursor, Flow};
use crate::fault::Damage;
use crate::frame;
use crate::loss::{Loss, Losses, TO_THE_END};
use crate::manifest;
use crate::segment::{self, Found, Segment};
use crate::setting::FileDamage;
use crate::through;
use crate::walk::{self, Spot};

impl Cursor {
    /// The segment is sealed here, or what stands here is no frame.
    pub(super) fn next_segment(
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
                    let lost = through::between(&segment, spot, bad.is_none(), header);
                    if let Some((loss, damage)) = lost {
                        self.damaged(&loss, damage, batch)?;
                    }
                }
                let start = Spot::start(&next);
                self.enter(next, start)?;
                return Ok(Flow::On);
            }
            // Truncated perhaps, whatever stands here: of a truncated segment not even the end is looked for.
            Found::Missing | Found::Headless { .. }
                if bad.is_none() || self.lost != Some(self.number + 1) =>
            {
                let (number, torn) = (self.number + 1, bad.is_some());
                return Ok(Flow::Missing { number, torn });
            }
            _ => self.later(spot.serial)?,
        };
        let found = walk::search(&segment, spot.offset + frame::ALIGN, spot.serial + 1)?;
        let behind = match (&found, &next) {
            (Some((_, header)), _) => header.first_serial,
            (None, Some(next)) => next.header.first_serial,
            (None, None) => horizon,
        };
        let loss = Loss {
            segment: segment.header.number,
            epoch: Some(segment.header.epoch),
            offset: spot.offset,
            end: found.as_ref().map_or(TO_THE_END, |(offset, _)| *offset),
            first: spot.serial,
            behind: behind.max(spot.serial),
        };
        let why = bad.unwrap_or("the segment is sealed here, and the next one does not follow it");
        // Where a salvaging reader said already that all up to here is lost, it goes on in silence.
        if behind > spot.serial || self.damage == FileDamage::Strict {
            let what = format!("{why}; {}", loss.serials());
            let damage = Damage::new(&segment.path, spot.offset, what);
            self.damaged(&loss, damage, batch)?;
        }
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

    /// Damage ends a strict reader, unless a repair took note of it.
    pub(super) fn damaged(&mut self, loss: &Loss, damage: Damage, batch: &mut Batch) -> Result<()> {
        if self.damage == FileDamage::Strict && !self.is_noted(loss)? {
            return Err(damage.error());
        }
        batch.items.push(Scanned::Damage(damage.text()));
        Ok(())
    }

    /// Whether a repair took note of a loss, also one that ran after the reader started.
    pub(crate) fn is_noted(&mut self, loss: &Loss) -> Result<bool> {
        if self.losses.note(loss).is_none() {
            self.losses = Losses::load(&self.dir, &manifest::hex(&self.uuid))?;
        }
        Ok(self.losses.note(loss).is_some())
    }
}
