//! What certainly came before what. Processes share no clock: their events are ordered within each of them, and
//! across them only by `after` and `ended` events.

use super::event::{Event, EventId, What};

/// The order of the events of a history.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    /// The numbers of the processes, ascending.
    processes: Vec<u32>,
    /// For each process the events at which it learned of others, ascending, with all that is known from then on: of
    /// each process, how many events.
    learned: Vec<Vec<(u64, Vec<u64>)>>,
}

impl Order {
    /// Of events that stand behind what they are `after`.
    pub(super) fn of(events: &[Event]) -> Self {
        let mut processes: Vec<u32> = events.iter().map(|event| event.id.process).collect();
        processes.sort_unstable();
        processes.dedup();
        let mut order = Self {
            learned: vec![Vec::new(); processes.len()],
            processes,
        };
        let mut seen = vec![0; order.processes.len()];
        for event in events {
            let Some(own) = order.dense(event.id.process) else {
                continue;
            };
            seen[own] = event.id.number + 1;
            let point = match event.what {
                What::After { point } => order
                    .dense(point.process)
                    .map(|other| (other, point.number + 1)),
                What::Ended { process } => order.dense(process).map(|other| (other, seen[other])),
                _ => None,
            };
            if let Some((other, known)) = point {
                order.learn(own, event.id.number, other, known);
            }
        }
        order
    }

    fn learn(&mut self, own: usize, number: u64, other: usize, known: u64) {
        let nothing = vec![0; self.processes.len()];
        let mut clock = self.learned[own]
            .last()
            .map_or_else(|| nothing.clone(), |(_, clock)| clock.clone());
        let theirs = known
            .checked_sub(1)
            .and_then(|last| self.clock(other, last + 1))
            .unwrap_or(&nothing);
        for (mine, theirs) in clock.iter_mut().zip(theirs) {
            *mine = (*mine).max(*theirs);
        }
        clock[other] = clock[other].max(known);
        self.learned[own].push((number, clock));
    }

    /// What `process` knew before its event of this number.
    fn clock(&self, process: usize, number: u64) -> Option<&Vec<u64>> {
        let steps = &self.learned[process];
        let behind = steps.partition_point(|(at, _)| *at < number);
        behind.checked_sub(1).map(|last| &steps[last].1)
    }

    fn dense(&self, process: u32) -> Option<usize> {
        self.processes.binary_search(&process).ok()
    }

    /// How many events of each process certainly came before this one.
    fn known(&self, at: EventId, process: usize) -> u64 {
        match self.dense(at.process) {
            Some(own) if own == process => at.number,
            Some(own) => self.clock(own, at.number).map_or(0, |clock| clock[process]),
            None => 0,
        }
    }

    /// Whether `first` certainly came before `second`.
    pub(super) fn before(&self, first: EventId, second: EventId) -> bool {
        if first.process == second.process {
            return first.number < second.number;
        }
        self.dense(first.process)
            .is_some_and(|process| first.number < self.known(second, process))
    }
}

/// The largest value of a kind that was seen certainly before an event.
#[derive(Clone, Debug)]
pub(super) struct Rising<T> {
    of_process: Vec<Vec<(u64, T)>>,
}

impl<T> Default for Rising<T> {
    fn default() -> Self {
        Self {
            of_process: Vec::new(),
        }
    }
}

impl<T: Copy + Ord> Rising<T> {
    /// Adds a value; the events of one process come in their order.
    pub(super) fn add(&mut self, order: &Order, at: EventId, value: T) {
        let Some(process) = order.dense(at.process) else {
            return;
        };
        self.of_process.resize_with(order.processes.len(), Vec::new);
        let steps = &mut self.of_process[process];
        if steps.last().is_none_or(|(_, largest)| *largest < value) {
            steps.push((at.number, value));
        }
    }

    /// The largest value that was seen certainly before `at`.
    pub(super) fn before(&self, order: &Order, at: EventId) -> Option<T> {
        let seen = self.of_process.iter().enumerate().map(|(process, steps)| {
            let known = order.known(at, process);
            let behind = steps.partition_point(|(number, _)| *number < known);
            behind.checked_sub(1).map(|last| steps[last].1)
        });
        seen.max().flatten()
    }
}
