//! The log of one channel: everything that happens under its lock.

mod item;
mod read;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use walx_core::{Bytes, Error, ErrorKind, MessageId, Record, Result};
use walx_impls::Batch;

use self::item::Item;
use crate::faults::{Answer, Switches};
use crate::id;
use crate::pending::Pending;

/// Records by number, and who may add to them.
#[derive(Default)]
pub(crate) struct Log {
    items: VecDeque<Item>,
    /// The number of the first one that is kept.
    first: u64,
    /// The number of the newest record that was dropped.
    dropped: Option<u64>,
    /// Whether somebody else ever wrote here.
    foreign: bool,
    /// Scanners see the records before this number.
    confirmed: u64,
    /// Grows with each writer; only the newest one may append.
    epoch: u64,
    /// Whether an append of the newest writer failed: from then on all do.
    failed: bool,
    /// Records that are not confirmed yet, with what their answer will be.
    held: VecDeque<Held>,
    /// Confirmed ones whose answer gets lost.
    lost: Vec<Arc<Pending>>,
    /// Scanners at the tail, by their number.
    waiting: Vec<(u64, Waker)>,
    next_scanner: u64,
    pub(crate) switches: Switches,
}

struct Held {
    end: u64,
    ids: Batch<MessageId>,
    pending: Arc<Pending>,
}

/// Tasks to wake once the lock is free: a waker may drop what its task holds, and that needs the lock.
#[must_use = "tasks would sleep for ever"]
#[derive(Default)]
pub(crate) struct Wake {
    scanners: Vec<(u64, Waker)>,
    appends: Vec<Waker>,
}

impl Wake {
    pub(crate) fn wake(self) {
        self.scanners
            .into_iter()
            .for_each(|(_, waker)| waker.wake());
        self.appends.into_iter().for_each(Waker::wake);
    }
}

/// How an append went on.
pub(crate) enum Appended {
    Now(Batch<MessageId>),
    /// The answer comes once the records before this number are confirmed.
    Later(Arc<Pending>, u64),
}

impl Log {
    pub(crate) fn exists(&self) -> bool {
        self.epoch > 0
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A new writer: what was on its way lands before its first record, and is never acknowledged.
    pub(crate) fn take_over(&mut self) -> (u64, Wake) {
        self.epoch += 1;
        self.failed = false;
        let mut wake = self.settle(&fenced());
        wake.scanners = self.confirm(u64::MAX).scanners;
        (self.epoch, wake)
    }

    /// `records` at consecutive places, if the writer of `epoch` may still append.
    pub(crate) fn append(
        &mut self,
        epoch: u64,
        records: Batch<Record>,
        max_bytes: usize,
    ) -> (Result<Appended>, Wake) {
        if let Err(error) = self.check_append(epoch, &records, max_bytes) {
            return (Err(error), Wake::default());
        }
        match self.switches.next_answer() {
            Answer::Now => {
                let ids = self.push(records);
                (Ok(Appended::Now(ids)), self.confirm(u64::MAX))
            }
            Answer::Hold => {
                let (ids, end, pending) =
                    (self.push(records), self.end(), Arc::<Pending>::default());
                self.held.push_back(Held {
                    end,
                    ids,
                    pending: Arc::clone(&pending),
                });
                (Ok(Appended::Later(pending, end)), Wake::default())
            }
            Answer::Lose => {
                self.push(records);
                let pending = Arc::<Pending>::default();
                self.lost.push(Arc::clone(&pending));
                (
                    Ok(Appended::Later(pending, self.end())),
                    self.confirm(self.confirmed),
                )
            }
            Answer::Unknown { landed } => {
                self.failed = true;
                if landed {
                    self.push(records);
                }
                (
                    Err(unknown("a fault switch hides how the append ended")),
                    self.confirm(self.confirmed),
                )
            }
            Answer::Refuse(error) => {
                self.failed = true;
                (Err(error), Wake::default())
            }
        }
    }

    fn check_append(
        &mut self,
        epoch: u64,
        records: &Batch<Record>,
        max_bytes: usize,
    ) -> Result<()> {
        if epoch != self.epoch {
            return Err(fenced());
        }
        if self.failed {
            let text = "an append of this handle failed before; open anew, then append again";
            return Err(Error::new(ErrorKind::NotWritten, text));
        }
        let Some(bytes) = records
            .as_slice()
            .iter()
            .map(Record::bytes)
            .find(|&bytes| bytes > max_bytes)
        else {
            return Ok(());
        };
        self.failed = true;
        let text =
            format!("the record has {bytes} bytes and the limit is {max_bytes}: raise max_record");
        Err(Error::new(ErrorKind::TooLarge, text))
    }

    /// Shows the records before `number` to scanners, and answers their appends. Nothing that is held: everything.
    pub(crate) fn confirm(&mut self, number: u64) -> Wake {
        let mut wake = Wake::default();
        while self.held.front().is_some_and(|held| held.end <= number) {
            if let Some(held) = self.held.pop_front() {
                self.confirmed = held.end;
                wake.appends.extend(held.pending.answer(Ok(held.ids)));
            }
        }
        if self.held.is_empty() {
            self.confirmed = self.end();
        }
        wake.scanners = self.wake_all().scanners;
        wake
    }

    /// Shows the oldest `count` appends that are held.
    pub(crate) fn release(&mut self, count: usize) -> Wake {
        match self
            .held
            .get(count.min(self.held.len()).wrapping_sub(1))
            .map(|held| held.end)
        {
            Some(end) => self.confirm(end),
            None => Wake::default(),
        }
    }

    /// Answers everything that waits, at the end of its writer.
    pub(crate) fn settle(&mut self, error: &Error) -> Wake {
        let held = self.held.drain(..).map(|held| held.pending);
        let appends = held
            .chain(self.lost.drain(..))
            .filter_map(|pending| pending.answer(Err(error.clone())));
        Wake {
            scanners: Vec::new(),
            appends: appends.collect(),
        }
    }

    pub(crate) fn wake_all(&mut self) -> Wake {
        Wake {
            scanners: std::mem::take(&mut self.waiting),
            appends: Vec::new(),
        }
    }

    /// Drops everything up to and including a number.
    pub(crate) fn truncate(&mut self, number: u64) -> Result<()> {
        if number >= self.confirmed {
            let text = format!("{} lies beyond the newest record", id::of(number));
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        if number >= self.first {
            let dropped = self.items.drain(..=(number - self.first) as usize);
            for (number, item) in (self.first..).zip(dropped) {
                if item.header().is_some() {
                    self.dropped = Some(number);
                }
            }
            self.first = number + 1;
        }
        Ok(())
    }

    /// Wakes a scanner at the next change.
    pub(crate) fn wait(&mut self, scanner: u64, waker: &Waker) {
        match self
            .waiting
            .iter_mut()
            .find(|(waiting, _)| *waiting == scanner)
        {
            Some((_, old)) => old.clone_from(waker),
            None => self.waiting.push((scanner, waker.clone())),
        }
    }

    pub(crate) fn forget(&mut self, scanner: u64) {
        self.waiting.retain(|(waiting, _)| *waiting != scanner);
    }

    fn push(&mut self, records: Batch<Record>) -> Batch<MessageId> {
        records.map(|record| {
            let id = id::of(self.end());
            self.items.push_back(Item::Record(record));
            id
        })
    }

    /// Somebody else writes into the same storage.
    pub(crate) fn push_foreign(&mut self, payload: Bytes) -> (MessageId, Wake) {
        let id = id::of(self.end());
        self.items.push_back(Item::Foreign(payload));
        self.foreign = true;
        (id, self.confirm(self.confirmed))
    }

    fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }
}

pub(crate) fn fenced() -> Error {
    Error::new(
        ErrorKind::Fenced,
        "another writer was opened since; open anew, or step back",
    )
}

pub(crate) fn unknown(why: &'static str) -> Error {
    Error::new(ErrorKind::OutcomeUnknown, why)
}
