//! What scanners ask of a log.

use walx_core::{Bounds, Error, ErrorKind, MessageId, Result};
use walx_impls::{Mark, Scanned, Start, StoredRecord};

use super::Log;
use crate::id;

/// The most records that a scanner takes at a time, so that a writer doesn't wait long for the lock.
const MAX_BATCH: usize = 512;

impl Log {
    pub(crate) fn bounds(&self) -> Bounds {
        let newest = (self.confirmed > 0).then(|| id::of(self.confirmed - 1));
        Bounds::new(
            (self.confirmed > self.first).then(|| id::of(self.first)),
            newest,
        )
    }

    /// The number that a scan starts with, and a number for the scanner itself.
    pub(crate) fn start(&mut self, start: Start) -> Result<(u64, u64)> {
        let number = match start {
            Start::Earliest => self.first,
            Start::At(id) => self.kept(id, id::number(id)?)?,
            Start::After(id) => self.kept(id, id::number(id)?)? + 1,
            Start::Last(count) => self.confirmed.saturating_sub(count).max(self.first),
            Start::Near(mark) => self.near(mark),
        };
        if number < self.first {
            return Err(self.position_lost());
        }
        self.next_scanner += 1;
        Ok((number, self.next_scanner))
    }

    /// The next records from a number; `None` at the tail, where the scanner is woken later.
    pub(crate) fn read(&self, from: u64, max_bytes: usize) -> Result<Option<Vec<Scanned>>> {
        let Some(skip) = from.checked_sub(self.first) else {
            return Err(self.position_lost());
        };
        let there = self.confirmed.saturating_sub(from).min(MAX_BATCH as u64) as usize;
        let mut batch = Vec::with_capacity(there);
        let mut bytes = 0_usize;
        for (number, record) in (from..).zip(self.records.range(skip as usize..).take(there)) {
            bytes = bytes.saturating_add(record.bytes());
            if !batch.is_empty() && bytes > max_bytes {
                break;
            }
            batch.push(Scanned::Record(StoredRecord {
                id: id::of(number),
                record: record.clone(),
            }));
        }
        Ok((!batch.is_empty()).then_some(batch))
    }

    fn kept(&self, id: MessageId, number: u64) -> Result<u64> {
        if number < self.end() {
            return Ok(number);
        }
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{id} was never written: it lies beyond the tail"),
        ))
    }

    /// Ticks and lsns ascend, so that the half with the mark is known; Barriers have no lsn, and a tick that may be
    /// smaller than that of a record which landed late: they take those before.
    fn near(&self, mark: Mark) -> u64 {
        let before = |at: usize| match mark {
            Mark::Tick(tick) => self
                .records
                .range(..=at)
                .rev()
                .find_map(|it| it.header.seq.map(|_| it.header.tick))
                .is_none_or(|it| it < tick),
            Mark::Lsn(lsn) => self
                .records
                .range(..=at)
                .rev()
                .find_map(|it| it.header.lsn)
                .is_none_or(|it| it < lsn),
        };
        let (mut low, mut high) = (0, (self.confirmed - self.first) as usize);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(middle) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        // Nor behind Barriers that stand before it: a tick may be one of theirs.
        while low > 0 && self.records[low - 1].header.seq.is_none() {
            low -= 1;
        }
        self.first + low as u64
    }

    fn position_lost(&self) -> Error {
        let earliest = self.bounds().earliest;
        let text = "what comes next was truncated; start at the earliest record that is kept";
        Error::new(ErrorKind::PositionLost { earliest }, text)
    }
}
