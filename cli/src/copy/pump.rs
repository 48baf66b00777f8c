use std::{fmt, vec};

use walx::{Entry, ErrorKind, Gap, Lsn, Place, PlacedMessage, Scanner, Wal};

use super::OnGap;
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
    wal: &'a dyn Wal,
    /// Each with its lsn and bytes.
    flight: Flight<(Lsn, u64)>,
    on_gap: OnGap,
    /// The source's tail at the start.
    end: Lsn,
    /// What the next message gets in the copy.
    expected: Lsn,
    /// Of the source: the first and the last message that are safe.
    copied: Option<(Lsn, Lsn)>,
    count: u64,
    bytes: u64,
    gaps: u64,
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
            copied: None,
            count: 0,
            bytes: 0,
            gaps: 0,
            undecided: 0,
            progress: Progress::start(),
            code: Code::Ok,
            failure: None,
        }
    }

    /// The first failure ends the reading; what is on its way is waited for all the same.
    pub(super) async fn run(&mut self, signals: &mut Signals) -> Result<Code, Failure> {
        loop {
            while self.scanner.is_some()
                && self.flight.has_room()
                && let Some(entry) = self.entries.next()
            {
                self.take(entry);
            }
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
        if self.undecided > 0 {
            report += &format!(
                "; {} more may have been copied: look at DST before you go on",
                self.undecided
            );
        } else if let Some((_, last)) = self.copied {
            report += &format!("; to go on: --from lsn:{} --append", last.next());
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

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Message(PlacedMessage { place, message, .. }) => {
                let (lsn, bytes) = (place.lsn, message.bytes() as u64);
                if let Err(error) = self.flight.append(self.wal, message, (lsn, bytes)) {
                    self.fail(Failure::from(error).at(format_args!("lsn {lsn} into DST")));
                }
            }
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

    fn land(&mut self, ((lsn, bytes), outcome): ((Lsn, u64), walx::Result<Place>)) {
        let place = match outcome {
            Ok(place) => place,
            Err(error) => {
                self.undecided += u64::from(error.kind() == ErrorKind::OutcomeUnknown);
                return self.fail(Failure::from(error).at(format_args!("lsn {lsn} into DST")));
            }
        };
        // Dense numbers in the copy, and ascending ones in the source, prove order and count.
        if place.lsn != self.expected || self.copied.is_some_and(|(_, last)| lsn <= last) {
            let text = format!(
                "lsn {lsn} of SRC became lsn {} of DST, where {} was next: report this defect",
                place.lsn, self.expected
            );
            self.fail(Failure::new(Code::Unexpected, text));
        }
        self.expected = place.lsn.next();
        self.copied = Some((self.copied.map_or(lsn, |(first, _)| first), lsn));
        self.count += 1;
        self.bytes += bytes;
    }

    /// Ends the reading. What comes behind the first failure is its consequence.
    fn fail(&mut self, failure: Failure) {
        self.stop();
        self.failure.get_or_insert(failure);
    }

    fn stop(&mut self) {
        self.scanner = None;
        self.entries = Vec::new().into_iter();
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
