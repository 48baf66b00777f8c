use std::fmt;

use tokio::sync::mpsc;

use walx::{Lsn, Place};

use super::Flight;
use super::into::Into;
use super::source::{Batch, Item};
use crate::exit::{self, Code, Failure};
use crate::progress::Progress;
use crate::signal::Signals;
use crate::sink::{self, Sink};
use crate::text;

/// Appends on their way. With short lines the first limit holds, with long ones the second.
pub(crate) const MAX_COUNT: usize = 16_384;
pub(crate) const MAX_BYTES: usize = 16 << 20;

/// Takes items from the reader, appends them, and hands out their places, until all of them are decided.
pub(super) struct Feed<'a> {
    into: Into<'a>,
    /// None once no more is to be read.
    batches: Option<mpsc::Receiver<Batch>>,
    flight: Flight<u64>,
    ids: Option<Sink>,
    progress: Progress,
    /// The lsn of the next record that is new.
    next: Lsn,
    acknowledged: u64,
    /// Those whose keys the log had.
    known: u64,
    undecided: u64,
    /// Whether a transaction was rolled back, and its records with it.
    rolled_back: bool,
    code: Code,
    /// The failure of the first line that has one: what comes behind it is its consequence.
    failure: Option<(u64, Failure)>,
}

impl<'a> Feed<'a> {
    pub(super) fn new(
        into: Into<'a>,
        batches: mpsc::Receiver<Batch>,
        ids: Option<Sink>,
        next: Lsn,
        progress: Progress,
    ) -> Self {
        Self {
            into,
            batches: Some(batches),
            flight: Flight::new(MAX_COUNT, MAX_BYTES),
            ids,
            progress,
            next,
            acknowledged: 0,
            known: 0,
            undecided: 0,
            rolled_back: false,
            code: Code::Ok,
            failure: None,
        }
    }

    /// The first failure ends the reading; what is on its way is waited for all the same.
    pub(super) async fn run(&mut self, signals: &mut Signals) -> Result<Code, Failure> {
        while self.batches.is_some() || !self.flight.is_empty() {
            let ids_full = self.ids.as_ref().is_some_and(Sink::is_full);
            tokio::select! {
                biased;
                code = signals.next() => if self.stopped_twice(code) { break },
                landed = self.flight.landed(), if !ids_full => landed.into_iter().for_each(|it| self.land(it)),
                written = flush(&mut self.ids) => self.wrote(written),
                batch = next(&mut self.batches), if self.flight.has_room() => self.take(batch),
            }
            self.progress
                .show(|| format!("{} records appended", self.acknowledged));
        }
        self.undecided += self.flight.len() as u64;
        if self.into.is_open() {
            self.end().await;
        }
        self.finish(signals).await;
        self.progress.clear();
        match self.failure.take() {
            Some((_, failure)) => Err(failure),
            None => Ok(self.code),
        }
    }

    /// How many records are safe, for people.
    pub(super) fn report(&self) -> impl fmt::Display + use<> {
        let unknown = match self.undecided {
            0 => String::new(),
            more => format!(", {more} more may have been appended"),
        };
        let records = text::count(self.acknowledged, "record");
        let known = match self.known {
            0 => String::new(),
            known => format!("; {known} had been appended already"),
        };
        let rolled_back = match self.rolled_back {
            true => ": the transaction was rolled back",
            false => "",
        };
        format!("appended {records}{known}{unknown}{rolled_back}")
    }

    fn take(&mut self, batch: Option<Batch>) {
        let Some(batch) = batch else {
            self.batches = None;
            return;
        };
        for Item { line, message } in batch.items {
            let bytes = message.bytes();
            let append = self.into.append(message);
            if let Err(error) = self.flight.push(append, bytes, line) {
                return self.fail(line, Failure::from(error).at(format_args!("line {line}")));
            }
        }
        if let Some(failure) = batch.failure {
            self.fail(u64::MAX, failure);
        }
    }

    fn land(&mut self, (line, outcome): (u64, walx::Result<Place>)) {
        match outcome {
            Ok(place) => {
                // Places of new records ascend; that of a known one is of an earlier append.
                if place.lsn < self.next {
                    self.known += 1;
                } else {
                    self.next = place.lsn.next();
                    self.acknowledged += 1;
                }
                if let Some(ids) = &mut self.ids {
                    write_id(ids.buffer(), &place);
                }
            }
            Err(error) => {
                self.undecided += u64::from(error.kind() == walx::ErrorKind::OutcomeUnknown);
                self.fail(line, Failure::from(error).at(format_args!("line {line}")));
            }
        }
    }

    /// Commits what was read to its end, and gives up anything else.
    async fn end(&mut self) {
        let all = self.failure.is_none() && self.code == Code::Ok;
        match self.into.end(all).await {
            Ok(_) if all => {}
            Ok(_) => self.give_up(0),
            Err(error) => {
                let unknown = error.kind() == walx::ErrorKind::OutcomeUnknown && all;
                self.give_up(if unknown { self.acknowledged } else { 0 });
                self.fail(u64::MAX, Failure::from(error).at("the transaction"));
            }
        }
    }

    /// Nothing of the transaction is there, unless its end is not known.
    fn give_up(&mut self, undecided: u64) {
        (self.acknowledged, self.undecided) = (0, undecided);
        self.rolled_back = undecided == 0;
    }

    /// Ends the reading.
    fn fail(&mut self, line: u64, failure: Failure) {
        self.batches = None;
        if self.failure.as_ref().is_none_or(|(first, _)| line < *first) {
            self.failure = Some((line, failure));
        }
    }

    /// The reader of the ids may go away, as `head` does: nothing to complain about, but no reason to read on.
    fn wrote(&mut self, written: std::io::Result<()>) {
        let Err(error) = written else { return };
        self.ids = None;
        if !sink::is_gone(&error) {
            self.fail(
                u64::MAX,
                Failure::new(
                    Code::Unexpected,
                    format!("the ids can't be written to stdout: {error}"),
                ),
            );
        } else if self.batches.is_some() && self.code == Code::Ok {
            self.code = Code::ClosedPipe;
        }
        self.batches = None;
    }

    /// The first signal ends the reading, the second one the waiting.
    fn stopped_twice(&mut self, code: Code) -> bool {
        self.batches = None;
        let again = matches!(self.code, Code::Interrupted | Code::Terminated);
        if again {
            self.ids = None;
        } else if !self.flight.is_empty() {
            let waiting = text::count(self.flight.len() as u64, "record");
            exit::say(format_args!(
                "waiting for {waiting} on the way; a second signal ends without"
            ));
        }
        self.code = code;
        again
    }

    /// Waits until the ids are written, or until a signal says that nobody reads them.
    async fn finish(&mut self, signals: &mut Signals) {
        let Some(ids) = &mut self.ids else { return };
        tokio::select! {
            biased;
            code = signals.next() => self.code = code,
            written = ids.finish() => self.wrote(written),
        }
    }
}

async fn next(batches: &mut Option<mpsc::Receiver<Batch>>) -> Option<Batch> {
    match batches {
        Some(batches) => batches.recv().await,
        None => std::future::pending().await,
    }
}

async fn flush(ids: &mut Option<Sink>) -> std::io::Result<()> {
    match ids {
        Some(ids) => ids.flush().await,
        None => std::future::pending().await,
    }
}

fn write_id(output: &mut Vec<u8>, place: &Place) {
    use std::io::Write;
    // A Vec takes every write. An id is letters, digits, '-' and ':', so it needs no escapes.
    let _ = writeln!(
        output,
        r#"{{"lsn":{},"id":"{}","tick":{}}}"#,
        place.lsn, place.id, place.tick
    );
}
