use std::collections::VecDeque;
use std::ops::ControlFlow;

use walx_core::Result;

use super::Look;
use crate::record::Content;
use crate::scanner::floor::{Floor, Verdict};

/// Up to so many records are counted one by one.
const COUNTED: u64 = 64;
/// How many guesses there are before the beginning will do.
const GUESSES: usize = 32;

impl Look<'_> {
    /// An offset with so many records behind it, or more, or the first one that is kept.
    ///
    /// Few are counted. Many would cost as much as reading them, so their seqs are asked: records of a log have dense
    /// ones, but for those that have none, which are as many more. Offsets have holes: a first guess knows nothing of
    /// them, each next one knows how dense the records before were.
    pub(crate) fn last(&self, count: u64) -> Result<i64> {
        match count {
            0 => Ok(self.high),
            1..=COUNTED => self.counted(count as usize),
            _ => self.by_seq(count),
        }
    }

    fn counted(&self, count: usize) -> Result<i64> {
        let mut depth = 2 * count as i64 + 8;
        let mut from = self.high;
        loop {
            from = from.min(self.high.saturating_sub(depth)).max(self.low);
            let (offsets, back) = self.newest_offsets(count, from)?;
            let Some(back) = back else {
                if let Some(&first) = offsets.front().filter(|_| offsets.len() == count) {
                    return Ok(first);
                }
                if from == self.low {
                    return Ok(from);
                }
                depth = depth.saturating_mul(4);
                continue;
            };
            from = back;
        }
    }

    /// The newest so many records from `from` on, and from where on it would be sure which count where it isn't.
    fn newest_offsets(&self, count: usize, from: i64) -> Result<(VecDeque<i64>, Option<i64>)> {
        let mut floor = Floor::new(from, self.low);
        let mut offsets = VecDeque::with_capacity(count);
        let unsure = self.read(from, self.high, |offset, content| {
            match content {
                Content::Mark(_) => floor.mark(offset),
                Content::Record(_, stamp) => match floor.record(stamp) {
                    Verdict::Counts => {
                        if offsets.len() == count {
                            offsets.pop_front();
                        }
                        offsets.push_back(offset);
                    }
                    Verdict::LookBack(to) => return Ok(ControlFlow::Break(to)),
                    Verdict::Overtaken | Verdict::Impossible => {}
                },
                Content::Foreign => {}
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok((offsets, unsure))
    }

    fn by_seq(&self, count: u64) -> Result<i64> {
        let numbered = |header: &walx_core::Header| header.seq.is_some();
        let Some((newest, last)) = self.newest_numbered()? else {
            return Ok(self.low);
        };
        let mut guess = self.high.saturating_sub_unsigned(count).max(self.low);
        for _ in 0..GUESSES {
            if guess == self.low {
                break;
            }
            let Some(seen) = self.first(guess, newest + 1, numbered)? else {
                break;
            };
            let seq = seen.header.seq.map_or(0, |seq| seq.get());
            let Some(between) = last.checked_sub(seq) else {
                break;
            };
            let Some(missing) = count.checked_sub(between + 1).filter(|&it| it > 0) else {
                return Ok(seen.offset);
            };
            // As dense as behind it, and somewhat more, so that few guesses are needed.
            let offsets = (newest - seen.offset).unsigned_abs().max(1);
            let sparse = offsets.div_ceil(between.max(1));
            let step = missing
                .saturating_mul(sparse)
                .saturating_add(missing / 16 + 16);
            guess = guess.saturating_sub_unsigned(step).max(self.low);
        }
        Ok(self.low)
    }

    /// The newest record that has a seq, and its seq.
    fn newest_numbered(&self) -> Result<Option<(i64, u64)>> {
        let newest = self.newest(true)?;
        let Some(mut until) = newest.record.map(|offset| offset + 1) else {
            return Ok(None);
        };
        let mut depth = 8;
        while until > self.low {
            let from = until.saturating_sub(depth).max(self.low);
            let mut found = None;
            let mut floor = Floor::new(from, self.low);
            self.read(from, until, |offset, content| {
                match content {
                    Content::Mark(_) => floor.mark(offset),
                    Content::Record(record, stamp) => {
                        // Those of a piece that are not sure may be left out: others are.
                        if floor.record(stamp) == Verdict::Counts
                            && let Some(seq) = record.header.seq
                        {
                            found = Some((offset, seq.get()));
                        }
                    }
                    Content::Foreign => {}
                }
                Ok(ControlFlow::<()>::Continue(()))
            })?;
            if found.is_some() {
                return Ok(found);
            }
            until = from;
            depth *= 4;
        }
        Ok(None)
    }
}
