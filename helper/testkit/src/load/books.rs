use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use walx_core::{Entry, Error, ErrorKind, Lsn, Message, Place};
use walx_utility::clock::{self, Instant};
use walx_utility::sync::lock;

use super::report::LoadReport;
use crate::{Failure, Outcome};

/// The payload behind which nothing comes any more.
pub(super) const LAST: &str = "the last message";

/// How often it is looked whether appends go on.
const LOOK: Duration = Duration::from_millis(5);

/// What the tasks of a load called, and what became of it.
pub(super) struct Books {
    number: AtomicU64,
    over: AtomicBool,
    state: Mutex<State>,
}

struct State {
    /// By the number of a message: its task, and its lsn.
    acknowledged: HashMap<u64, (usize, Lsn)>,
    unknown: u64,
    not_written: u64,
    owners: u64,
    again: u64,
    /// When the last append was acknowledged, and the longest time without any since somebody asked.
    last: Instant,
    longest: Duration,
    pauses: Vec<Duration>,
}

impl Books {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            number: AtomicU64::new(0),
            over: AtomicBool::new(false),
            state: Mutex::new(State {
                acknowledged: HashMap::new(),
                unknown: 0,
                not_written: 0,
                owners: 0,
                again: 0,
                last: clock::now(),
                longest: Duration::ZERO,
                pauses: Vec::new(),
            }),
        })
    }

    /// The next message, and its number.
    pub(super) fn message(&self, bytes: usize) -> (u64, Message) {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        (number, Message::new(format!("{number:<bytes$}")))
    }

    /// No more is to be appended.
    pub(super) fn stop(&self) {
        self.over.store(true, Ordering::Release);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// An append is answered.
    pub(super) fn answered(&self, task: usize, number: u64, answer: &Result<Place, Error>) {
        let mut state = lock(&self.state);
        match answer {
            Ok(place) => {
                state.acknowledged.insert(number, (task, place.lsn));
                let now = clock::now();
                state.longest = state.longest.max(now - state.last);
                state.last = now;
            }
            // What a fenced owner had on its way may lie before the next one's first record.
            Err(error) if matches!(error.kind(), ErrorKind::OutcomeUnknown | ErrorKind::Fenced) => {
                state.unknown += 1;
            }
            Err(_) => state.not_written += 1,
        }
    }

    /// The channel has an owner.
    pub(super) fn owned(&self) {
        lock(&self.state).owners += 1;
    }

    /// A scan was started again, for an error that ended it.
    pub(super) fn scanned_again(&self) {
        lock(&self.state).again += 1;
    }

    /// From now on the longest time without an acknowledgement is that of a disturbance.
    pub(super) fn begin_pause(&self) {
        let mut state = lock(&self.state);
        (state.longest, state.last) = (Duration::ZERO, clock::now());
    }

    /// Waits until something that is appended from now on is acknowledged.
    pub(super) async fn goes_on(&self, patience: Duration) -> Outcome {
        let from = self.number.load(Ordering::Relaxed);
        let begin = clock::now();
        while begin.elapsed() < patience {
            let newest = lock(&self.state).acknowledged.keys().max().copied();
            if newest >= Some(from) {
                return Ok(());
            }
            clock::sleep(LOOK).await;
        }
        Err(Failure::new(format!(
            "nothing is acknowledged for {patience:?}"
        )))
    }

    pub(super) fn end_pause(&self) {
        let mut state = lock(&self.state);
        let longest = state.longest;
        state.pauses.push(longest);
    }

    pub(super) fn report(&self) -> LoadReport {
        let state = lock(&self.state);
        LoadReport {
            appended: self.number.load(Ordering::Relaxed),
            acknowledged: state.acknowledged.len() as u64,
            unknown: state.unknown,
            not_written: state.not_written,
            owners: state.owners,
            scanned_again: state.again,
            pauses: state.pauses.clone(),
            ..LoadReport::default()
        }
    }

    /// Holds what a scan of everything found to what was acknowledged.
    pub(super) fn compare(&self, all: &[Entry], report: &mut LoadReport) -> Outcome {
        let state = lock(&self.state);
        let mut found: HashMap<u64, Lsn> = HashMap::new();
        // The number of the last message of each task.
        let mut last: HashMap<usize, u64> = HashMap::new();
        let mut newest = None;
        for entry in all {
            let Entry::Message(it) = entry else {
                return Err(Failure::new(format!("among the messages is {entry:?}")));
            };
            let lsn = it.place.lsn;
            report.out_of_order += u64::from(newest >= Some(lsn));
            newest = newest.max(Some(lsn));
            let text = String::from_utf8_lossy(&it.message.payload);
            if text == LAST {
                continue;
            }
            let Ok(number) = text.trim_end().parse::<u64>() else {
                return Err(Failure::new(format!("nobody appended {text:?}")));
            };
            report.in_the_log += 1;
            report.doubled += u64::from(found.insert(number, lsn).is_some());
            if let Some((task, _)) = state.acknowledged.get(&number) {
                let before = last.insert(*task, number);
                report.out_of_order += u64::from(before > Some(number));
            }
        }
        let missing = |(number, (_, lsn)): (&u64, &(usize, Lsn))| found.get(number) != Some(lsn);
        report.lost = state.acknowledged.iter().filter(|it| missing(*it)).count() as u64;
        Ok(())
    }
}
