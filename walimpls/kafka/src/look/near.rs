use walx_core::{Lsn, Result};

use super::{Look, Seen};

/// So many offsets more than necessary may be read.
const NEAR: i64 = 256;

impl Look<'_> {
    /// An offset at or before the first record with this lsn or a larger one, and not behind the newest record.
    ///
    /// Lsns grow with offsets, so that a straight line between two known places is a good guess; every other guess is
    /// the middle, which bounds the looks whatever the log is like.
    pub(crate) fn near_lsn(&self, lsn: Lsn) -> Result<i64> {
        let newest = self.newest(true)?;
        let Some(mut high) = newest.record else {
            return Ok(self.low);
        };
        let mut low = self.low;
        // The lsns there, once they are known.
        let (mut from, mut to) = (None, self.lsn_at(high, high + 1)?);
        let mut straight = true;
        while high - low > NEAR {
            let middle = low + (high - low) / 2;
            let guess = match (straight, from, to) {
                (true, from, Some(to)) => line((low, from.unwrap_or(0)), (high, to), lsn.get()),
                _ => middle,
            };
            straight = !straight;
            // A little before, so that the place is behind the guess.
            let guess = (guess - NEAR / 4).clamp(low + 1, high - 1);
            let has_lsn = |header: &walx_core::Header| header.lsn.is_some();
            match self.first(guess, high, has_lsn)? {
                Some(Seen { offset, header }) if header.lsn.is_some_and(|it| it < lsn) => {
                    (low, from) = (offset, header.lsn.map(Lsn::get));
                }
                Some(Seen { header, .. }) => (high, to) = (guess, header.lsn.map(Lsn::get)),
                None => high = guess,
            }
        }
        Ok(low)
    }

    fn lsn_at(&self, from: i64, until: i64) -> Result<Option<u64>> {
        let seen = self.first(from, until, |header| header.lsn.is_some())?;
        Ok(seen.and_then(|seen| seen.header.lsn).map(Lsn::get))
    }
}

/// The offset of `lsn` on the line between two offsets whose lsns are known.
fn line((low, from): (i64, u64), (high, to): (i64, u64), lsn: u64) -> i64 {
    let part = lsn.clamp(from, to.max(from)) - from;
    let whole = to.saturating_sub(from).max(1);
    let offsets = (high - low).unsigned_abs();
    let step = u128::from(offsets) * u128::from(part) / u128::from(whole);
    low.saturating_add(i64::try_from(step).unwrap_or(i64::MAX))
        .min(high)
}
