//! Reading a segment to its end, and telling a torn tail from damage.

use walx_core::Result;

use crate::fault::Damage;
use crate::segment::Segment;
use crate::setting::FileDamage;
use crate::summary::Summary;
use crate::survey::{LastEnd, Look};
use crate::walk::{self, Spot, Stop};

impl Look {
    /// Damage ends a strict look.
    pub(crate) fn damaged(self, damage: Damage) -> Result<()> {
        match self.damage {
            FileDamage::Strict => Err(damage.error()),
            FileDamage::Salvage => {
                tracing::warn!(
                    file = damage.file,
                    offset = damage.offset,
                    "salvaging: {}",
                    damage.what
                );
                Ok(())
            }
        }
    }
}

/// Where a segment ends.
pub(crate) struct Through {
    pub(crate) spot: Spot,
    pub(crate) end: LastEnd,
    /// How many records are lost between sound ones.
    pub(crate) holes: u64,
}

/// Walks a segment to its end, from the serial that it must reach to the one that it may; what stands behind the
/// tail of the last segment proves more.
pub(crate) fn read_through(
    segment: &Segment,
    how: Look,
    (reach, limit): (u64, u64),
    sealed: bool,
    summary: &mut Summary,
) -> Result<Through> {
    let (mut spot, mut holes) = (Spot::start(segment), 0);
    loop {
        let walk = walk::walk(segment, spot, limit, summary)?;
        spot = walk.spot;
        let short = spot.serial < reach;
        let why = match walk.stop {
            Stop::End if !short => {
                return Ok(Through {
                    spot,
                    end: LastEnd::Clean,
                    holes,
                });
            }
            Stop::Footer if !short && sealed => {
                return Ok(Through {
                    spot,
                    end: LastEnd::Clean,
                    holes,
                });
            }
            Stop::Footer if how.live => "the segment was sealed meanwhile",
            Stop::Footer => "the segment is sealed, but the next one is missing",
            Stop::End => "the file ends here",
            Stop::Bad(_) if !short && (sealed || how.live) => {
                return Ok(Through {
                    spot,
                    end: LastEnd::Torn,
                    holes,
                });
            }
            Stop::Bad(_)
                if !short && walk::acked_behind(segment, spot.offset + 8)? <= spot.serial =>
            {
                return Ok(Through {
                    spot,
                    end: LastEnd::Torn,
                    holes,
                });
            }
            Stop::Bad(why) => why,
        };
        let next = walk::search(segment, spot.offset + 8, spot.serial + 1)?;
        let behind = next
            .as_ref()
            .map_or(reach, |(_, header)| header.first_serial)
            .max(spot.serial + 1);
        let what = match walk.stop {
            Stop::Footer if !short => why.to_owned(),
            _ => format!(
                "{why}; the records with the serials {} to {} are lost",
                spot.serial,
                behind - 1
            ),
        };
        how.damaged(Damage::new(&segment.path, spot.offset, what))?;
        match next {
            Some((offset, header)) => {
                holes += header.first_serial - spot.serial;
                spot = Spot {
                    offset,
                    serial: header.first_serial,
                    chain: None,
                };
            }
            None => {
                return Ok(Through {
                    spot,
                    end: LastEnd::Damaged,
                    holes,
                });
            }
        }
    }
}
