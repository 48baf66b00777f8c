use std::{io, vec};

use walx::{Entry, PlacedTransaction, Scanner};

use super::output::Format;
use crate::args::Output;
use crate::exit::{Code, Failure};
use crate::signal::Signals;
use crate::sink::{self, Sink};

/// Entries that are asked for at once.
const BATCH: usize = 1024;

/// Moves entries from a scanner to stdout, which is flushed whenever the scanner has nothing ready.
pub(super) struct Print {
    scanner: Box<dyn Scanner>,
    sink: Sink,
    format: Format,
    /// Messages and foreign records still to print; none = as many as come.
    left: Option<u64>,
    entries: vec::IntoIter<Entry>,
    /// The transaction that is being printed, and how many of its messages are.
    transaction: Option<(PlacedTransaction, usize)>,
    code: Code,
    /// Why stdout takes nothing any more.
    broken: Option<io::Error>,
}

impl Print {
    pub(super) fn new(
        scanner: Box<dyn Scanner>,
        sink: Sink,
        output: Output,
        count: Option<u64>,
    ) -> Self {
        Self {
            scanner,
            sink,
            format: Format::new(output),
            left: count,
            entries: Vec::new().into_iter(),
            transaction: None,
            code: Code::Ok,
            broken: None,
        }
    }

    pub(super) async fn run(mut self, signals: &mut Signals) -> Result<Code, Failure> {
        let outcome = self.scan(signals).await;
        // What was scanned before an error is printed all the same.
        let printed = match self.broken.take() {
            Some(error) => Err(error),
            None => tokio::select! {
                biased;
                printed = self.sink.finish() => printed,
                code = signals.next() => return Ok(code),
            },
        };
        match printed {
            Err(error) if sink::is_gone(&error) => Ok(Code::Ok),
            Err(error) => Err(sink::refused(&error)),
            Ok(()) => outcome.map(|()| self.code),
        }
    }

    async fn scan(&mut self, signals: &mut Signals) -> Result<(), Failure> {
        loop {
            while !self.sink.is_full()
                && self.left != Some(0)
                && let Some(entry) = self.next_entry()?
            {
                self.print(&entry);
            }
            if self.left == Some(0) {
                return Ok(());
            }
            tokio::select! {
                biased;
                code = signals.next() => {
                    if self.code == Code::Ok {
                        self.code = code;
                    }
                    return Ok(());
                }
                batch = self.scanner.next_batch(BATCH), if !self.sink.is_full() => {
                    let batch = batch?;
                    if batch.is_empty() {
                        return Ok(());
                    }
                    self.entries = batch.into_iter();
                }
                flushed = self.sink.flush() => if let Err(error) = flushed {
                    self.broken = Some(error);
                    return Ok(());
                },
            }
        }
    }

    /// The next entry; of a transaction message by message, so that a large one is never in memory a second time.
    fn next_entry(&mut self) -> Result<Option<Entry>, Failure> {
        loop {
            if let Some((transaction, printed)) = &mut self.transaction {
                if let Some(message) = transaction.message(*printed) {
                    *printed += 1;
                    return Ok(Some(Entry::Message(
                        message?.in_transaction(transaction.id),
                    )));
                }
                self.transaction = None;
            }
            match self.entries.next() {
                Some(Entry::Transaction(it)) => self.transaction = Some((it, 0)),
                other => return Ok(other),
            }
        }
    }

    fn print(&mut self, entry: &Entry) {
        match entry {
            Entry::Message(message) => {
                self.format.message(self.sink.buffer(), message);
                self.left = self.left.map(|left| left - 1);
            }
            Entry::Gap(gap) => {
                self.format.gap(self.sink.buffer(), gap);
                if gap.reason.is_hole() && gap.reason != walx::GapReason::Truncated {
                    self.code = Code::Damage;
                }
            }
            Entry::Foreign(record) => {
                self.format.foreign(self.sink.buffer(), record);
                self.left = self.left.map(|left| left - 1);
            }
            Entry::Marker(marker) => self.format.marker(self.sink.buffer(), marker),
            // Entries of kinds that this version doesn't know must not go by unseen.
            other => {
                crate::exit::say(format_args!("an entry of an unknown kind: {other:?}"));
                self.code = Code::Damage;
            }
        }
    }
}
