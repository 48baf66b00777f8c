use std::collections::VecDeque;

/// Where records lie: runs of numbers whose offsets are consecutive. A new run begins behind the end of a transaction,
/// and where a foreign record came between.
#[derive(Default)]
pub(super) struct Runs(VecDeque<Run>);

struct Run {
    /// The number of its first record.
    first: u64,
    /// What is added to a number to have its offset.
    delta: i64,
}

impl Runs {
    /// Records from `first` on have offsets with this delta; whether that is a new run.
    pub(super) fn add(&mut self, first: u64, delta: i64) -> bool {
        if self.0.back().is_some_and(|run| run.delta == delta) {
            return false;
        }
        self.0.push_back(Run { first, delta });
        true
    }

    /// The offset of a record that was reported.
    pub(super) fn offset(&self, number: u64) -> i64 {
        let behind = self.0.partition_point(|run| run.first <= number);
        let run = behind.checked_sub(1).and_then(|at| self.0.get(at));
        run.map_or(-1, |run| run.delta.wrapping_add_unsigned(number))
    }

    /// The number behind all records that lie before an offset.
    pub(super) fn number_at(&self, offset: i64) -> u64 {
        let begins = |run: &Run| run.delta.saturating_add_unsigned(run.first);
        let behind = self.0.partition_point(|run| begins(run) < offset);
        let Some(run) = behind.checked_sub(1).and_then(|at| self.0.get(at)) else {
            return self.0.front().map_or(0, |run| run.first);
        };
        let end = self.0.get(behind).map_or(u64::MAX, |next| next.first);
        u64::try_from(offset.saturating_sub(run.delta))
            .unwrap_or(0)
            .min(end)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Nobody asks for records before this number any more.
    pub(super) fn forget(&mut self, number: u64) {
        while self.0.get(1).is_some_and(|next| next.first <= number) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_offsets_are_found_across_runs() {
        let mut runs = Runs::default();
        assert_eq!(runs.number_at(9), 0);
        assert!(runs.add(0, 1) && !runs.add(5, 1) && runs.add(10, 3) && runs.add(12, 7));
        let all = [(0, 1), (9, 10), (10, 13), (11, 14), (12, 19), (20, 27)];
        for (number, offset) in all {
            assert_eq!(runs.offset(number), offset);
            assert_eq!(runs.number_at(offset), number, "before {offset}");
            assert_eq!(runs.number_at(offset + 1), number + 1, "up to {offset}");
        }
        // Between two runs.
        assert_eq!((runs.number_at(12), runs.number_at(17)), (10, 12));
        runs.forget(11);
        assert_eq!((runs.len(), runs.offset(11)), (2, 14));
        runs.forget(12);
        assert_eq!((runs.len(), runs.offset(12)), (1, 19));
    }
}
