//! Finding where to start reading.

use std::path::Path;

use walx_core::Result;
use walx_impls::Mark;

use crate::footer;
use crate::segment::{Found, Segment};
use crate::summary::{Entry, Summary};
use crate::survey::Sealed;
use crate::walk::Spot;

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// The record with this number, or the first one behind it.
    Number(u64),
    /// A record before the first one with this mark.
    Mark(Mark),
}

/// Where to start: a segment, and a spot in it if one is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) spot: Option<Spot>,
    /// The number found for a mark; `None` where the earliest record must do.
    pub(crate) number: Option<u64>,
}

/// What a reader knows of a channel.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// The first segment that is kept, whether it is there or not.
    pub(crate) first: u64,
    pub(crate) sealed: Vec<Sealed>,
    /// The last segment's number, and what it holds.
    pub(crate) active: Option<(u64, Summary)>,
    /// The first number that is not truncated.
    pub(crate) from: u64,
    /// The number behind the newest record.
    pub(crate) end: u64,
}

impl View {
    /// Goes back from the tail to the last known place at or before the target.
    pub(crate) fn locate(
        &self,
        dir: &Path,
        uuid: [u8; 16],
        channel: u32,
        target: Target,
    ) -> Result<Place> {
        if let Some((segment, summary)) = &self.active
            && let Some(place) = within(*segment, summary, channel, target)
        {
            return Ok(place);
        }
        for sealed in self.sealed.iter().rev() {
            let found = match &sealed.summary {
                Some(summary) => within(sealed.number, summary, channel, target),
                None => match Segment::find(dir, uuid, sealed.number, false)? {
                    Found::Segment(segment) => {
                        footer::read(&segment)?.and_then(|(_, _, summary)| {
                            within(sealed.number, &summary, channel, target)
                        })
                    }
                    // What can't be asked is passed: earlier places are right as well.
                    _ => None,
                },
            };
            if let Some(place) = found {
                return Ok(place);
            }
        }
        Ok(Place {
            segment: self.first,
            spot: None,
            number: None,
        })
    }
}

/// The last entry of a segment at or before the target.
fn within(segment: u64, summary: &Summary, channel: u32, target: Target) -> Option<Place> {
    // Chunks of a message share its lsn, so only what lies before the mark is surely not behind its first record.
    let before = |entry: &&Entry| match target {
        Target::Number(number) => entry.number <= number,
        Target::Mark(Mark::Lsn(lsn)) => entry.lsn.is_some_and(|it| it < lsn.get()),
        // A Barrier takes its tick before it knows what lands late, so its tick may be smaller than those before it.
        Target::Mark(Mark::Tick(tick)) => entry.lsn.is_some() && entry.tick < tick.get(),
    };
    let entry = summary.entries(channel).rev().find(before)?;
    let spot = Spot {
        offset: entry.offset,
        serial: entry.serial,
        chain: None,
    };
    Some(Place {
        segment,
        spot: Some(spot),
        number: Some(entry.number),
    })
}
