use std::ops::ControlFlow;

use walx_core::{Header, Result};

use super::Look;
use crate::record::Content;
use crate::scanner::floor::{Floor, Verdict};

/// A record that counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen {
    pub(crate) offset: i64,
    pub(crate) header: Header,
}

impl Look<'_> {
    /// The first record that counts and of which `wanted` says so, from `from` on and before `until`.
    pub(super) fn first(
        &self,
        from: i64,
        until: i64,
        wanted: impl Fn(&Header) -> bool,
    ) -> Result<Option<Seen>> {
        let mut floor = Floor::new(from, self.low);
        loop {
            let found = self.read(from, until, |offset, content| {
                let verdict = match &content {
                    Content::Record(_, stamp) => floor.record(*stamp),
                    Content::Mark(_) => {
                        floor.mark(offset);
                        return Ok(ControlFlow::Continue(()));
                    }
                    Content::Foreign => return Ok(ControlFlow::Continue(())),
                };
                Ok(match (verdict, content) {
                    (Verdict::Counts, Content::Record(record, _)) if wanted(&record.header) => {
                        let header = record.header;
                        ControlFlow::Break(Met::Wanted(Seen { offset, header }))
                    }
                    (Verdict::LookBack(to), _) => ControlFlow::Break(Met::Unsure(to)),
                    _ => ControlFlow::Continue(()),
                })
            })?;
            match found {
                None => return Ok(None),
                Some(Met::Wanted(seen)) => return Ok(Some(seen)),
                Some(Met::Unsure(to)) => {
                    let newest = self.largest(to, from)?;
                    floor = Floor::new(from, self.low);
                    floor.looked_back(to, newest);
                }
            }
        }
    }

    /// The largest number of a writer from `from` on and before `until`.
    pub(crate) fn largest(&self, from: i64, until: i64) -> Result<Option<i64>> {
        let mut newest = None;
        self.read(from, until, |offset, content| {
            let writer = match content {
                Content::Mark(_) => Some(offset),
                Content::Record(_, stamp) => Some(stamp.writer),
                Content::Foreign => None,
            };
            newest = newest.max(writer);
            Ok(ControlFlow::<()>::Continue(()))
        })?;
        Ok(newest)
    }
}

enum Met {
    Wanted(Seen),
    /// Whether it counts depends on what lies behind this offset.
    Unsure(i64),
}
