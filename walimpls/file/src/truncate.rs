//! Forgetting records: the mark at once, space by whole segments.

use std::collections::HashMap;
use std::sync::Arc;

use walx_core::{Error, ErrorKind, MessageId, Result};

use crate::footer;
use crate::planted::{self, Bug};
use crate::read;
use crate::recover;
use crate::segment::{Found, Segment};
use crate::store::Store;
use crate::summary::Span;
use crate::survey::Sealed;

impl Store {
    /// Drops a channel's records up to and including `id`: the mark at once, space by whole segments.
    pub(crate) fn truncate(&self, channel: u32, id: MessageId) -> Result<()> {
        let number = crate::id::number(id)?;
        let mut table = self.table()?;
        if table.closed {
            return Err(Error::new(
                ErrorKind::Closed,
                "the store was closed; open it again",
            ));
        }
        if self.shared.is_poisoned() {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "the store failed before; open the channel again",
            ));
        }
        let (_, end) = self.shared.kept(channel)?;
        if number >= end {
            let text =
                format!("{id} lies beyond the newest record; truncate up to one that was appended");
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let line = table.manifest.channels.get(&channel);
        if line.is_some_and(|line| line.from > number) {
            return Ok(());
        }
        let mut marks: HashMap<u32, u64> = table
            .manifest
            .channels
            .iter()
            .map(|(channel, line)| (*channel, line.from))
            .collect();
        marks.insert(channel, number + 1);
        // Both under one lock: the writer may rotate meanwhile, and what it seals then was not judged here.
        let log = self.shared.log()?;
        let (sealed, active) = (log.sealed.clone(), log.active.header.number);
        drop(log);
        let dropped = &sealed[..self.droppable(&sealed, &marks)?];
        // Right behind what is dropped, where a segment may be lost whose loss is still told.
        let first = dropped.last().map_or(active, |last| last.number + 1);
        if planted::is(Bug::RemovesEarly) {
            for segment in dropped {
                recover::remove(&self.shared.dir, self.shared.disk.as_ref(), segment.number)?;
            }
        }
        self.write(&mut table, |manifest| {
            if let Some(line) = manifest.channels.get_mut(&channel) {
                line.from = number + 1;
            }
            if !dropped.is_empty() {
                manifest.first_segment = Some(first);
            }
        })?;
        if !dropped.is_empty()
            // In both files: where one is lost, the other one misses no segment.
            && let Err(error) = self.write(&mut table, |_| {})
        {
            tracing::warn!(directory = %self.shared.dir.display(), %error, "one manifest is older than the other");
        }
        let mut log = self.shared.log()?;
        if !dropped.is_empty() {
            log.first = first;
        }
        log.from.insert(channel, number + 1);
        log.sealed.retain(|segment| {
            dropped
                .last()
                .is_none_or(|last| segment.number > last.number)
        });
        drop(log);
        // Durably forgotten before, so that a crash leaves files too many, never too few.
        let removed = dropped.iter().try_for_each(|segment| {
            recover::remove(&self.shared.dir, self.shared.disk.as_ref(), segment.number)
        });
        self.shared.stage.made_room();
        removed
    }

    /// How many of the first segments hold nothing that is kept. What is lost is told to the readers of each channel that
    /// may have had it, so it is dropped only where every channel has passed it, the idle ones too.
    fn droppable(&self, sealed: &[Sealed], marks: &HashMap<u32, u64>) -> Result<usize> {
        let lossy = read::tells(&self.shared.config, &self.shared.uuid)?;
        let mut expected = self.shared.log()?.first;
        for (at, segment) in sealed.iter().enumerate() {
            let is_lossy = lossy && (segment.number != expected || segment.summary.is_some());
            expected = segment.number + 1;
            let summary = match &segment.summary {
                Some(summary) => Arc::clone(summary),
                None => {
                    let found =
                        Segment::find(&self.shared.dir, self.shared.uuid, segment.number, false)?;
                    let Found::Segment(found) = found else {
                        return Ok(at);
                    };
                    let Some((_, _, summary)) = footer::read(&found)? else {
                        return Ok(at);
                    };
                    Arc::new(summary)
                }
            };
            let passed = |(channel, span): (&u32, &Span)| {
                (span.records == 0 && !is_lossy)
                    || marks.get(channel).is_some_and(|from| *from >= span.end)
            };
            if !summary.channels.iter().all(passed) {
                return Ok(at);
            }
        }
        Ok(sealed.len())
    }
}
