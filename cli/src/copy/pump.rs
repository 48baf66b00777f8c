use std::{fmt, vec};

use walx::{Entry, ErrorKind, Gap, Lsn, Place, PlacedMessage, Scanner, Wal};

use super::OnGap;
use super::transaction::{Copied, Open, Part};
use crate::append::{Flight, MAX_BYTES, MAX_COUNT};
use crate::exit::{self, Code, Failure};
use crate::progress::Progress;
use crate::signal::Signals;
use crate::text;

/// Entries that are asked for at once.
const BATCH: usize = 1024;

/// Takes entries from a scanner, appends their messages, and waits until all of them are decided.
pub(super) struct Pump<'a> {
    /// None once no more is to be read.
    scanner: Option<Box<dyn Scanner>>,
    entries: vec::IntoIter<Entry>,
    pub(super) wal: &'a dyn Wal,
    pub(super) flight: Flight<Copied>,
    on_gap: OnGap,
    /// The source's tail at the start.
    end: Lsn,
    /// What the next message gets in the copy.
    expected: Lsn,
    /// The transaction that is being copied.
    pub(super) open: Option<Open>,
    /// Of the source: the first and the last lsn that are safe.
    copied: Option<(Lsn, Lsn)>,
    /// The last message beside transactions that is safe.
    last: Option<Lsn>,
    /// From where a next copy goes on.
    next: Option<String>,
    count: u64,
    bytes: u64,
    gaps: u64,
    /// Places of the source where others wrote.
    foreign: u64,
    undecided: u64,
    progress: Progress,
    code: Code,
    failure: Option<Failure>,
}

impl<'a> Pump<'a> {
    pub(super) fn new(
        scanner: Box<dyn Scanner>,
        wal: &'a dyn Wal,
        on_gap: OnGap,
        end: Lsn,
        expected: Lsn,
    ) -> Self {
        Self {
            scanner: Some(scanner),
            entries: Vec::new().into_iter(),
            wal,
            flight: Flight::new(MAX_COUNT, MAX_BYTES),
            on_gap,
            end,
            expected,
            open: None,
            copied: None,
            last: None,
            next: None,
            count: 0,
            bytes: 0,
            gaps: 0,
            foreign: 0,
            undecided: 0,
            progress: Progress::start(),
            code: Code::Ok,
            failure: None,
        }
    }

    /// The first failure ends the reading; what is on its way is waited for all the same.
    pub(super) async fn run(&mut self, signals: &mut Signals) -> Result<Code, Failure> {
        loop {
            while self.scanner.is_some() && self.flight.has_room() && self.step() {}
            if self.scanner.is_none() && self.flight.is_empty() {
                break;
            }
            let hungry = self.entries.len() == 0;
            tokio::select! {
                biased;
                code = signals.next() => if self.stopped_twice(code) { break },
                landed = self.flight.landed() => landed.into_iter().for_each(|it| self.land(it)),
                batch = next(&mut self.scanner), if hungry => self.arrive(batch),
            }
            self.progress.show(|| {
                let last = self.copied.map_or(0, |(_, last)| last.get());
                format!(
                    "{} messages copied, at lsn {last} of {}",
                    self.count, self.end
                )
            });
        }
        self.undecided += self.flight.len() as u64;
        self.progress.clear();
        self.failure.take().map_or(Ok(self.code), Err)
    }

    /// What is safe, and how to go on, for people.
    pub(super) fn report(&self) -> impl fmt::Display + use<> {
        let mut report = format!("copied {}", text::count(self.count, "message"));
        if let Some((first, last)) = self.copied {
            let lsns = match first == last {
                true => format!("lsn {first}"),
                false => format!("lsn {first} to {last}"),
            };
            report += &format!(", {}, {lsns}", text::size(self.bytes));
        }
        if self.gaps > 0 {
            report += &format!("; skipped {}", text::count(self.gaps, "hole"));
        }
        if self.foreign > 0 {
            let places = text::count(self.foreign, "place");
            report += &format!("; left out what others wrote in {places} of SRC");
        }
        if self.undecided > 0 {
            report += &format!(
                "; {} more may have been copied: look at DST before you go on",
                self.undecided
            );
        } else if let Some(next) = &self.next {
            report += &format!("; to go on: --from {next} --append");
        }
        report
    }

    fn arrive(&mut self, batch: walx::Result<Vec<Entry>>) {
        match batch {
            Ok(batch) if batch.is_empty() => self.scanner = None,
            Ok(batch) => self.entries = batch.into_iter(),
            Err(error) => self.fail(Failure::from(error).at("SRC")),
        }
    }

    /// Copies one message, or a mark of a transaction; `false` where more must be read first.
    fn step(&mut self) -> bool {
        if self.open.is_some() {
            self.go_on();
            return true;
        }
        let entry = self.entries.next();
        let more = entry.is_some();
        entry.into_iter().for_each(|entry| self.take(entry));
        more
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Message(PlacedMessage { place, message, .. }) => {
                let wal = self.wal;
                let append = |message| wal.append(message);
                self.append(place.lsn, Part::Message(place.lsn), message, append);
            }
            Entry::Transaction(source) => self.open = self.begin(source),
            Entry::Gap(gap) if !gap.reason.is_hole() => self.foreign += 1,
            Entry::Gap(gap) => self.meet(&gap),
            other => self.fail(Failure::new(
                Code::Damage,
                format!("SRC has an entry of a kind that this version doesn't know: {other:?}"),
            )),
        }
    }

    fn meet(&mut self, gap: &Gap) {
        self.gaps += 1;
        if self.on_gap == OnGap::Skip {
            exit::say(format_args!("skipped in SRC: {gap}"));
            return;
        }
        let text = format!("SRC has a {gap}; --on-gap skip goes on behind it");
        self.gaps = 0;
        self.fail(Failure::new(Code::Damage, text));
    }

    fn land(&mut self, (it, outcome): (Copied, walx::Result<Place>)) {
        let Copied { lsn, part, bytes } = it;
        let place = match outcome {
            Ok(place) => place,
            Err(error) => {
                self.undecided += match part {
                    _ if error.kind() != ErrorKind::OutcomeUnknown => 0,
                    Part::Message(_) => 1,
                    // Nothing of it is there without its Commit.
                    Part::Body => 0,
                    Part::Commit { count, .. } => count,
                };
                return self.fail(Failure::from(error).at(format_args!("lsn {lsn} into DST")));
            }
        };
        // Dense numbers in the copy, and ascending ones in the source, prove order and count.
        let ascends = match part {
            Part::Message(lsn) => self.last.is_none_or(|last| last < lsn),
            Part::Body | Part::Commit { .. } => true,
        };
        if place.lsn != self.expected || !ascends {
            let text = format!(
                "lsn {lsn} of SRC became lsn {} of DST, where {} was next: report this defect",
                place.lsn, self.expected
            );
            self.fail(Failure::new(Code::Unexpected, text));
        }
        match part {
            Part::Message(lsn) => {
                self.expected = place.lsn.next();
                self.last = Some(lsn);
                self.next = Some(format!("lsn:{}", lsn.next()));
                self.safe(Some((lsn, lsn)), 1, bytes);
            }
            Part::Body => self.expected = place.lsn.next(),
            Part::Commit { id, lsns, count } => {
                self.next = Some(format!("after:{id}"));
                self.safe(lsns, count, bytes);
            }
        }
    }

    fn safe(&mut self, lsns: Option<(Lsn, Lsn)>, count: u64, bytes: u64) {
        if let Some((from, to)) = lsns {
            let (first, last) = self.copied.unwrap_or((from, to));
            self.copied = Some((first.min(from), last.max(to)));
        }
        self.count += count;
        self.bytes += bytes;
    }

    /// Ends the reading. What comes behind the first failure is its consequence.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.stop();
        self.failure.get_or_insert(failure);
    }

    fn stop(&mut self) {
        self.scanner = None;
        self.entries = Vec::new().into_iter();
        // Dropped, it is rolled back.
        self.open = None;
    }

    /// The first signal ends the reading, the second one the waiting.
    fn stopped_twice(&mut self, code: Code) -> bool {
        self.stop();
        let again = self.code != Code::Ok;
        self.code = code;
        again
    }
}

async fn next(scanner: &mut Option<Box<dyn Scanner>>) -> walx::Result<Vec<Entry>> {
    match scanner {
        Some(scanner) => scanner.next_batch(BATCH).await,
        None => std::future::pending().await,
    }
}
