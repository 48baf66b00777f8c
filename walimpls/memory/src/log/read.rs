//! What scanners ask of a log.

use walx_core::{Bounds, Error, ErrorKind, MessageId, Result};
use walx_impls::{Mark, Scanned, Start};

use super::Log;
use super::item::Item;
use crate::id;

/// The most records that a scanner takes at a time, so that a writer doesn't wait long for the lock.
const MAX_BATCH: usize = 512;

impl Log {
    pub(crate) fn bounds(&self) -> Bounds {
        let mut records = self.confirmed_records();
        let earliest = records.next();
        let newest = records.next_back().or(earliest).or(self.dropped);
        let foreign = self.confirmed.checked_sub(1).filter(|last| {
            let foreign = *last >= self.first && newest.is_none_or(|newest| newest < *last);
            self.foreign && foreign
        });
        Bounds::new(earliest.map(id::of), newest.map(id::of)).with_foreign(foreign.map(id::of))
    }

    /// The numbers of the records that scanners see.
    fn confirmed_records(&self) -> impl DoubleEndedIterator<Item = u64> {
        let there = (self.confirmed - self.first) as usize;
        let items = self.items.range(..there).enumerate();
        items.filter_map(|(at, item)| item.header().map(|_| self.first + at as u64))
    }

    /// The number of the record so many before the tail, or of the first one.
    fn last(&self, count: u64) -> u64 {
        if count == 0 || !self.foreign {
            return self.confirmed.saturating_sub(count).max(self.first);
        }
        let nth = usize::try_from(count - 1).unwrap_or(usize::MAX);
        self.confirmed_records().nth_back(nth).unwrap_or(self.first)
    }

    /// The number that a scan starts with, and a number for the scanner itself.
    pub(crate) fn start(&mut self, start: Start) -> Result<(u64, u64)> {
        let number = match start {
            Start::Earliest => self.first,
            Start::At(id) => self.kept(id, id::number(id)?)?,
            Start::After(id) => self.kept(id, id::number(id)?)? + 1,
            Start::Last(count) => self.last(count),
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
        for (number, item) in (from..).zip(self.items.range(skip as usize..).take(there)) {
            bytes = bytes.saturating_add(item.bytes());
            if !batch.is_empty() && bytes > max_bytes {
                break;
            }
            batch.push(item.scanned(number));
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
        let before = |at: usize| {
            let mut headers = self.items.range(..=at).rev().filter_map(Item::header);
            match mark {
                Mark::Tick(tick) => headers
                    .find_map(|it| it.seq.map(|_| it.tick))
                    .is_none_or(|it| it < tick),
                Mark::Lsn(lsn) => headers.find_map(|it| it.lsn).is_none_or(|it| it < lsn),
            }
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
        let numbered = |at: usize| self.items[at].header().is_some_and(|it| it.seq.is_some());
        while low > 0 && !numbered(low - 1) {
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
