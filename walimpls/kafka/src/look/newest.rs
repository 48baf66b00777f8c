use std::ops::ControlFlow;

use walx_core::Result;

use super::{Look, look_blocking};
use crate::record::{Content, Token};
use crate::scanner::floor::{Floor, Verdict};
use crate::store::Store;

/// How many offsets before the end are read first, and by what the number grows.
const FIRST: i64 = 8;
const GROWTH: i64 = 4;

/// The end of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Newest {
    /// The first offset that is kept.
    pub(crate) low: i64,
    /// The offset behind the last one, when the look began: what came later was not looked at.
    pub(crate) high: i64,
    /// The number of the newest writer, the offset of its mark; `None` where neither a mark nor a record is kept.
    pub(crate) writer: Option<i64>,
    /// The token of its mark, where the look met it.
    pub(crate) token: Option<Token>,
    /// The newest record that counts.
    pub(crate) record: Option<i64>,
    /// The newest foreign record, where it lies behind that one.
    pub(crate) foreign: Option<i64>,
}

/// Who wrote last: looks past foreign records, control records and what an overtaken writer left. For threads that may
/// block.
pub(crate) fn newest(store: &Store, topic: &str) -> Result<Newest> {
    look_blocking(store, topic, |look| look.newest(false))
}

/// The token of the mark at an offset; `None` where there is none. For threads that may block.
pub(crate) fn mark_at(store: &Store, topic: &str, offset: i64) -> Result<Option<Token>> {
    look_blocking(store, topic, |look| {
        if offset < look.low || offset >= look.high {
            return Ok(None);
        }
        let found = look.read(offset, offset + 1, |_, content| {
            Ok(ControlFlow::Break(match content {
                Content::Mark(token) => Some(token),
                _ => None,
            }))
        })?;
        Ok(found.flatten())
    })
}

impl Look<'_> {
    /// The newest writer, and if `with_record` the newest record, too, which may lie far before its mark.
    pub(super) fn newest(&self, with_record: bool) -> Result<Newest> {
        let (mut depth, mut from) = (FIRST, self.high);
        loop {
            from = from.min(self.high.saturating_sub(depth)).max(self.low);
            let (newest, back) = self.newest_from(from)?;
            let found = back.is_none() && newest.writer.is_some();
            if from == self.low || (found && (newest.record.is_some() || !with_record)) {
                return Ok(newest);
            }
            from = back.unwrap_or(from);
            depth = depth.saturating_mul(GROWTH);
        }
    }

    /// As far as what lies behind `from` tells, and from where on it would be sure where it isn't.
    fn newest_from(&self, from: i64) -> Result<(Newest, Option<i64>)> {
        let mut floor = Floor::new(from, self.low);
        let (mut newest, mut mark) = (Newest::default(), None);
        let mut back: Option<i64> = None;
        self.read(from, self.high, |offset, content| {
            match content {
                Content::Mark(token) => {
                    floor.mark(offset);
                    mark = Some((offset, token));
                }
                Content::Record(_, stamp) => match floor.record(stamp) {
                    Verdict::Counts => (newest.record, newest.foreign) = (Some(offset), None),
                    Verdict::LookBack(to) => back = Some(back.map_or(to, |it| it.min(to))),
                    Verdict::Overtaken | Verdict::Impossible => {}
                },
                Content::Foreign => newest.foreign = Some(offset),
            }
            Ok(ControlFlow::<()>::Continue(()))
        })?;
        (newest.low, newest.high) = (self.low, self.high);
        newest.writer = floor.newest();
        let own = mark.filter(|(at, _)| newest.writer == Some(*at));
        newest.token = own.map(|(_, token)| token);
        Ok((newest, back.filter(|_| !floor.is_sure())))
    }
}
