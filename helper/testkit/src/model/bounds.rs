//! What the bounds of a log may be.

use walx_core::{Bounds, MessageId};

use super::Verdict;
use super::log::{Log, Place, not};

/// What was known when the bounds were asked for.
pub(super) struct Asked {
    cut: Option<Place>,
    newest: Option<Place>,
}

impl Log {
    /// Bounds are asked for.
    pub(super) fn ask(&self) -> Asked {
        let sure = self.all().map(|(place, _)| place);
        Asked {
            cut: self.cut,
            newest: sure.filter(|place| self.is_sure(*place)).last(),
        }
    }

    /// Bounds are answered.
    pub(super) fn bounds(&self, asked: &Asked, bounds: Bounds) -> Verdict {
        if self.unknowable {
            return Ok(());
        }
        let Asked { cut, newest } = *asked;
        let behind = bounds.foreign.is_none_or(|it| bounds.newest < Some(it));
        not(
            bounds.foreign.is_some() && !(self.foreign && behind),
            "a foreign record is named that nobody wrote behind the newest",
        )?;
        match (bounds.newest, newest) {
            (None, None) => {}
            (None, Some(newest)) => {
                return Err(format!("no newest, though {} is there", self.name(newest)));
            }
            (Some(id), newest) => {
                let known = self.may_be_at(id)?;
                let behind = newest
                    .zip(known)
                    .is_some_and(|(newest, known)| known < newest);
                not(
                    behind,
                    &format!(
                        "the newest is {id}, behind which lies what was acknowledged or delivered"
                    ),
                )?;
            }
        }
        match bounds.earliest {
            Some(id) => {
                self.may_begin_at(id)?;
                let gone = self.places.get(&id).is_some_and(|it| Some(it) <= cut);
                not(
                    self.cuts_at_once() && gone,
                    &format!("the earliest is {id}, which was truncated"),
                )?;
                not(
                    bounds.newest < Some(id),
                    "the earliest lies behind the newest",
                )
            }
            None => {
                let end = newest.map_or((0, 0), |(writer, at)| (writer, at + 1));
                match self.first_kept((0, 0), end) {
                    None => Ok(()),
                    Some(kept) => Err(format!("no earliest, though {} is there", self.name(kept))),
                }
            }
        }
    }

    /// Nothing that is kept lies before this id.
    pub(super) fn may_begin_at(&self, id: MessageId) -> Verdict {
        let Some(place) = self.may_be_at(id)? else {
            return Ok(());
        };
        match self.first_kept((0, 0), place) {
            None => Ok(()),
            Some(kept) => Err(format!(
                "{id} is called the earliest, and {} is kept",
                self.name(kept)
            )),
        }
    }

    /// A record may lie at this id; its place, where that is known.
    fn may_be_at(&self, id: MessageId) -> Verdict<Option<Place>> {
        if let Some(place) = self.places.get(&id) {
            return Ok(Some(place));
        }
        let (after, before) = (self.places.before(&id), self.places.from(&id));
        let mut all = self.all();
        let some = all.any(|(place, sent)| {
            sent.id.is_none()
                && place.1 < self.writers[place.0].most
                && after.is_none_or(|after| after < place)
                && before.is_none_or(|before| place < before)
        });
        match some {
            true => Ok(None),
            false => Err(format!("no record can lie at {id}")),
        }
    }
}
