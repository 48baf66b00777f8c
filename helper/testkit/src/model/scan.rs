//! What one scanner may deliver.

use walx_core::{Error, ErrorKind, MessageId};
use walx_impls::{Mark, Start, StoredRecord};

use super::Verdict;
use super::log::{Log, Place, Sent, not};

/// How far a scanner has come.
pub(super) struct Scan {
    start: Start,
    /// How many calls each writer had made when the scan was answered: the tail lay there, or before.
    called: Vec<usize>,
    /// What was truncated when the scan was called.
    cut: Option<Place>,
    last: Option<Place>,
}

impl Scan {
    /// To be made before the call, and completed by [`answered`](Self::answered).
    pub(super) fn new(log: &Log, start: Start) -> Self {
        Self {
            start,
            called: Vec::new(),
            cut: log.cut,
            last: None,
        }
    }

    /// The scan has its place.
    pub(super) fn answered(&mut self, log: &Log) {
        self.called = log.writers.iter().map(|it| it.sent.len()).collect();
    }

    /// The next record comes.
    pub(super) fn delivers(&mut self, log: &mut Log, stored: &StoredRecord) -> Verdict {
        if log.unknowable {
            return Ok(());
        }
        let place = match self.last {
            Some(last) => log.find_behind(last, stored)?,
            None => log.find(stored)?,
        };
        if self.last.is_none() {
            self.begins(log, place, stored.id)?;
        }
        log.lies(place, stored.id)?;
        self.last = Some(place);
        Ok(())
    }

    /// The first record keeps to the start.
    fn begins(&self, log: &Log, first: Place, id: MessageId) -> Verdict {
        let name = log.name(first);
        let truncated = log.cuts_at_once() && self.cut.is_some_and(|cut| first <= cut);
        not(
            truncated,
            &format!("{name} comes, and was truncated before the scan"),
        )?;
        let bound = match self.start {
            Start::Earliest => (0, 0),
            // A foreign record, whose id nobody was told.
            Start::At(start) if log.foreign && log.places.get(&start).is_none() => {
                let wrong = id < start || log.places.from(&start).is_some_and(|it| it < first);
                return not(wrong, &format!("a scan at {start} begins with {id}"));
            }
            Start::At(start) => {
                return not(id != start, &format!("a scan at {start} begins with {id}"));
            }
            Start::After(start) => {
                let wrong = id <= start;
                not(wrong, &format!("a scan behind {start} begins with {id}"))?;
                match log.places.get(&start) {
                    Some((writer, at)) => (writer, at + 1),
                    None => return Ok(()),
                }
            }
            Start::Last(count) => self.before_the_tail(log, count),
            Start::Near(mark) => log.first_with(mark),
        };
        match log.first_kept(bound, first) {
            None => Ok(()),
            Some(left_out) => Err(format!(
                "a scan from {:?} begins with {name}, and leaves out {}",
                self.start,
                log.name(left_out)
            )),
        }
    }

    /// The place of which a scan of so many records may be at most the beginning.
    fn before_the_tail(&self, log: &Log, count: u64) -> Place {
        let mut left = count;
        for (writer, called) in self.called.iter().enumerate().rev() {
            let there = log.writers[writer].most.min(*called) as u64;
            if left <= there {
                let behind = if left == 0 {
                    *called as u64
                } else {
                    there - left
                };
                return (writer, usize::try_from(behind).unwrap_or(0));
            }
            left -= there;
        }
        (0, 0)
    }

    /// The scan, or its call, ends with this error.
    pub(super) fn ends(&self, log: &Log, error: &Error, closed: bool) -> Verdict {
        match error.kind() {
            _ if log.unknowable => Ok(()),
            ErrorKind::Closed => not(!closed, "it ends as Closed, and nobody closed it"),
            ErrorKind::PositionLost { earliest } => {
                let lies = |id| log.places.get(&id);
                let lost = log
                    .may_cut()
                    .is_some_and(|cut| match (self.last, self.start) {
                        (Some(last), _) => last < cut,
                        (None, Start::At(id)) => lies(id).is_none_or(|at| at <= cut),
                        (None, Start::After(id)) => lies(id).is_none_or(|at| at < cut),
                        (None, _) => true,
                    });
                not(
                    !lost,
                    "it ends as PositionLost, and what comes next was not truncated",
                )?;
                earliest.map_or(Ok(()), |earliest| log.may_begin_at(earliest))
            }
            _ => Ok(()),
        }
    }
}

impl Log {
    /// Where the first record of a scan lies.
    fn find(&self, stored: &StoredRecord) -> Verdict<Place> {
        if let Some(place) = self.places.get(&stored.id) {
            return self.same(place, stored);
        }
        let (after, before) = (self.places.before(&stored.id), self.places.from(&stored.id));
        let fits = |place: Place| {
            after.is_none_or(|after| after < place) && before.is_none_or(|before| place < before)
        };
        let mut unseen = self.all().filter(|(place, sent)| {
            sent.id.is_none() && fits(*place) && sent.record == stored.record
        });
        match unseen.next() {
            Some((place, _)) => Ok(place),
            None => Err(format!(
                "nobody appended what comes at {}: {:?}",
                stored.id, stored.record.header
            )),
        }
    }

    /// Where the next record of a scan lies, and that nothing is between.
    fn find_behind(&mut self, last: Place, stored: &StoredRecord) -> Verdict<Place> {
        let place = match self.places.get(&stored.id) {
            Some(place) => self.same(place, stored)?,
            None => {
                let next = self.successors(last);
                let found = next
                    .iter()
                    .find(|at| self.sent(**at).record == stored.record);
                *found.ok_or_else(|| {
                    let expected: Vec<_> = next.iter().map(|at| self.name(*at)).collect();
                    format!(
                        "behind {} comes {:?} at {}, and one of these must: {expected:?}",
                        self.name(last),
                        stored.record.header,
                        stored.id
                    )
                })?
            }
        };
        if place <= last {
            return Err(format!(
                "behind {} comes {}",
                self.name(last),
                self.name(place)
            ));
        }
        if place.0 == last.0 {
            // The log holds a whole beginning of a writer's calls.
            let mut between = (last.1 + 1)..place.1;
            return match between.find(|at| !self.sent((last.0, *at)).may_be_refused) {
                None => Ok(place),
                Some(at) => Err(format!(
                    "behind {} comes {}, and leaves out {}",
                    self.name(last),
                    self.name(place),
                    self.name((last.0, at))
                )),
            };
        }
        self.ends((last.0, last.1 + 1))?;
        for writer in last.0 + 1..place.0 {
            self.ends((writer, 0))?;
        }
        match (0..place.1).find(|at| !self.sent((place.0, *at)).may_be_refused) {
            None => Ok(place),
            Some(at) => Err(format!(
                "behind {} comes {}, and leaves out {}",
                self.name(last),
                self.name(place),
                self.name((place.0, at))
            )),
        }
    }

    /// What may come behind a place.
    fn successors(&self, (writer, at): Place) -> Vec<Place> {
        let of = |writer: usize, from: usize| {
            let sent = &self.writers[writer].sent;
            let sure = (from..sent.len()).find(|at| !sent[*at].may_be_refused);
            (from..sure.map_or(sent.len(), |sure| sure + 1)).map(move |at| (writer, at))
        };
        let later = (writer + 1..self.writers.len()).flat_map(|later| of(later, 0));
        of(writer, at + 1).chain(later).collect()
    }

    /// The first record of which it is sure that it is there, from `from` on and before `before`.
    pub(super) fn first_kept(&self, from: Place, before: Place) -> Option<Place> {
        let cut = self.may_cut();
        let mut all = self.all().map(|(place, _)| place);
        all.find(|place| {
            (from..before).contains(place)
                && cut.is_none_or(|cut| *place > cut)
                && self.is_sure(*place)
        })
    }

    /// Whether a record is in the log, truncated or not.
    pub(super) fn is_sure(&self, (writer, at): Place) -> bool {
        let (of, sent) = (&self.writers[writer], self.sent((writer, at)));
        sent.id.is_some() || (at < of.least && !sent.may_be_refused)
    }

    fn first_with(&self, mark: Mark) -> Place {
        let has = |sent: &Sent| match mark {
            Mark::Tick(tick) => sent.record.header.tick >= tick,
            Mark::Lsn(lsn) => sent.record.header.lsn >= Some(lsn),
        };
        let mut all = self.all();
        let first = all.find(|(_, sent)| has(sent)).map(|(place, _)| place);
        first.unwrap_or((self.writers.len(), 0))
    }

    fn same(&self, place: Place, stored: &StoredRecord) -> Verdict<Place> {
        match self.sent(place).record == stored.record {
            true => Ok(place),
            false => Err(format!(
                "{} comes changed, at {}",
                self.name(place),
                stored.id
            )),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Place, &Sent)> {
        let writers = self.writers.iter().enumerate();
        writers.flat_map(|(writer, of)| {
            let sent = of.sent.iter().enumerate();
            sent.map(move |(at, sent)| ((writer, at), sent))
        })
    }

    fn sent(&self, (writer, at): Place) -> &Sent {
        &self.writers[writer].sent[at]
    }
}
