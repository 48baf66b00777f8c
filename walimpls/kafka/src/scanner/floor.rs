//! Which records count: not those of a writer that was overtaken and didn't know it yet.
//!
//! A writer's number is the offset of its mark. A record counts where no newer mark lies before it. Where brokers
//! fence, all others never land. Where writers fence by reading back, they may: readers pass over them. A reader that
//! starts in the middle knows no mark before its start; what decides is that each such record says how far its writer
//! had read the log when it appended, and that it had met no newer mark until then (`walx.read`): so only what lies
//! between there and the start must be looked at, which is no more than was in flight, and only once.
//!
//! Where a truncation has removed that piece, the record counts: to deliver a record too many, whose seq doesn't fit,
//! is told above as a hole; to drop one too many would be a loss.

use crate::record::Stamp;

/// What a reader knows of the marks before its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Floor {
    /// The largest number of a writer that was seen.
    newest: i64,
    /// From where on everything was seen; 0 once the newest mark is known for sure.
    from: i64,
    /// What lies before it is not kept.
    low: i64,
}

/// Whether a record counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Counts,
    /// Its writer was overtaken.
    Overtaken,
    /// Its writer was overtaken, which the brokers' fence should have made impossible.
    Impossible,
    /// It depends on what lies behind this offset, up to where the reader began.
    LookBack(i64),
}

impl Floor {
    /// Of a reader that begins at `from` in a topic that is kept from `low` on.
    pub(crate) fn new(from: i64, low: i64) -> Self {
        Self {
            newest: -1,
            from,
            low,
        }
    }

    /// There is a mark at this offset.
    pub(crate) fn mark(&mut self, offset: i64) {
        *self = Self {
            newest: offset,
            from: 0,
            ..*self
        };
    }

    /// There is a record with this stamp.
    pub(crate) fn record(&mut self, stamp: Stamp) -> Verdict {
        if stamp.writer < self.newest {
            return match stamp.read {
                Some(_) => Verdict::Overtaken,
                None => Verdict::Impossible,
            };
        }
        let proved = stamp
            .read
            .is_none_or(|read| read.max(self.low) >= self.from);
        if !proved {
            return Verdict::LookBack(stamp.read.unwrap_or(0).max(self.low));
        }
        self.newest = stamp.writer;
        self.from = 0;
        Verdict::Counts
    }

    /// What lies from `from` to where the reader began was seen, too; the largest number of a writer in it was this.
    pub(crate) fn looked_back(&mut self, from: i64, newest: Option<i64>) {
        self.from = self.from.min(from);
        self.newest = self.newest.max(newest.unwrap_or(-1));
    }

    /// Where the reader began, or 0 once that doesn't matter any more.
    pub(crate) fn from(&self) -> i64 {
        self.from
    }

    /// The number of the newest writer that was seen.
    pub(crate) fn newest(&self) -> Option<i64> {
        (self.newest >= 0).then_some(self.newest)
    }

    /// Whether no mark that is newer can lie before the reader's place.
    pub(crate) fn is_sure(&self) -> bool {
        self.from <= self.low
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::tests::reading::history::{Event, History};

    /// What a reader that starts there hands out, and how often it looked back.
    fn read(history: &History, from: i64, low: i64) -> (Vec<i64>, usize) {
        let mut floor = Floor::new(from, low);
        let (mut counting, mut looks) = (Vec::new(), 0);
        for (offset, event) in (0..).zip(&history.0).skip(from as usize) {
            match event {
                Event::Mark => floor.mark(offset),
                Event::Foreign => {}
                Event::Record(stamp) => loop {
                    match floor.record(*stamp) {
                        Verdict::Counts => counting.push(offset),
                        Verdict::Overtaken => {}
                        Verdict::Impossible => panic!("{history:?}"),
                        Verdict::LookBack(to) => {
                            assert!(to >= low && to < floor.from(), "it looks at nothing");
                            let newest = history.largest(to, floor.from());
                            floor.looked_back(to, newest);
                            looks += 1;
                            continue;
                        }
                    }
                    break;
                },
            }
        }
        (counting, looks)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn wherever_a_reader_starts_what_it_hands_out_is_what_counts(
            choices in vec(any::<u8>(), 1..80), from in any::<prop::sample::Index>(),
        ) {
            let history = History::of(&choices);
            let from = from.index(history.0.len() + 1) as i64;
            prop_assert_eq!(read(&history, from, 0).0, history.counting(from));
        }

        #[test]
        fn a_truncation_hides_nothing_that_counts(
            choices in vec(any::<u8>(), 1..80),
            low in any::<prop::sample::Index>(), from in any::<prop::sample::Index>(),
        ) {
            let history = History::of(&choices);
            let low = low.index(history.0.len() + 1);
            let from = (low + from.index(history.0.len() - low + 1)) as i64;
            let seen = read(&history, from, low as i64).0;
            let lost: Vec<_> = history.counting(from).into_iter().filter(|it| !seen.contains(it)).collect();
            prop_assert!(lost.is_empty(), "{:?}", lost);
        }
    }

    #[test]
    fn a_reader_looks_back_once_and_only_as_far_as_the_record_leaves_open() {
        let stamp = |read| Stamp {
            writer: 10,
            read: Some(read),
        };
        let mut floor = Floor::new(1_000, 0);
        assert_eq!(floor.record(stamp(990)), Verdict::LookBack(990));
        floor.looked_back(990, Some(10));
        assert_eq!(floor.record(stamp(990)), Verdict::Counts);
        assert_eq!(floor.record(stamp(11)), Verdict::Counts);
        assert!(floor.is_sure());
        let mut floor = Floor::new(1_000, 0);
        assert_eq!(floor.record(stamp(1_000)), Verdict::Counts);
        let mut floor = Floor::new(1_000, 0);
        assert_eq!(floor.record(stamp(20)), Verdict::LookBack(20));
        floor.looked_back(20, Some(500));
        assert_eq!(floor.record(stamp(20)), Verdict::Overtaken);
    }

    #[test]
    fn behind_a_mark_only_its_writer_counts() {
        let native = |writer| Stamp { writer, read: None };
        let mut floor = Floor::new(5, 5);
        assert_eq!(floor.record(native(3)), Verdict::Counts);
        floor.mark(7);
        assert_eq!(floor.record(native(3)), Verdict::Impossible);
        assert_eq!(
            floor.record(Stamp {
                writer: 3,
                read: Some(4)
            }),
            Verdict::Overtaken
        );
        assert_eq!(floor.record(native(7)), Verdict::Counts);
    }
}
