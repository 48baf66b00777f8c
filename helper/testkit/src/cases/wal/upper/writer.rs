use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use walx_core::{
    Append, Delivery, Message, Place, ScanOption, Transaction, TransactionOption, VirtualChannel,
    Wal,
};
use walx_utility::random::Stream;

use super::super::text::{next_word, stream};
use super::RECORD;
use super::unit::Unit;
use crate::Outcome;
use crate::case::ensure;
use crate::log::Sent;

/// So many transactions are open at once at most, but those that are left alone.
const OPEN: usize = 5;
/// So many calls are made before their answers are looked at.
const PIPELINE: usize = 48;

/// What was written to a channel.
pub(super) struct Book {
    chance: Stream,
    numbers: u64,
    units: Vec<Unit>,
    /// Messages with keys, and where they lie.
    keyed: Vec<Sent>,
}

impl Book {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            chance: Stream::seeded(seed),
            numbers: 0,
            units: Vec::new(),
            keyed: Vec::new(),
        }
    }

    /// All that must be delivered, in the order of the log.
    pub(super) fn units(&self) -> Vec<Unit> {
        let mut units = self.units.clone();
        units.sort_by_key(|it| it.place().tick);
        units
    }

    pub(super) fn end(&mut self, place: Place) {
        let message = super::END.into();
        self.units.push(Unit::Message(Sent { place, message }));
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.chance.within(0..many) == 0
    }

    fn stream(&mut self) -> Outcome<Option<VirtualChannel>> {
        let name = ["a", "b", "c"].get(self.chance.within(0..4) as usize);
        name.map(|name| stream(name)).transpose()
    }

    fn message(&mut self) -> Message {
        self.numbers += 1;
        let mut text = format!("message {}", self.numbers).into_bytes();
        if self.one_in(12) {
            let bytes = self.chance.within(0..3 * RECORD as u64) as usize;
            text.resize(text.len() + bytes, b'.');
        }
        Message::new(text)
    }
}

/// One owner, which does a bit of everything.
pub(super) struct Writer<'a> {
    wal: Arc<dyn Wal>,
    book: &'a mut Book,
    open: Vec<(u64, Transaction)>,
    /// Those that are to expire.
    left: Vec<Transaction>,
    bodies: BTreeMap<u64, (Option<VirtualChannel>, Vec<Sent>)>,
    flights: Vec<(Append, Flight)>,
    /// The place of the last call that was answered.
    last: Option<Place>,
}

/// What an append is, until it is answered.
enum Flight {
    Message(Message),
    Keyed(Message),
    /// A key that is known already.
    Again(usize),
    Body(u64, Message),
    Commit(u64),
    Rollback,
    /// Of a transaction that may have expired.
    Left,
}

impl<'a> Writer<'a> {
    pub(super) fn new(wal: &Arc<dyn Wal>, book: &'a mut Book) -> Self {
        Self {
            wal: Arc::clone(wal),
            book,
            open: Vec::new(),
            left: Vec::new(),
            bodies: BTreeMap::new(),
            flights: Vec::new(),
            last: None,
        }
    }

    /// One call, or two.
    pub(super) async fn step(&mut self) -> Outcome {
        match self.book.chance.within(0..20) {
            0..=5 => {
                let mut message = self.book.message();
                message.virtual_channel = self.book.stream()?;
                let append = self.wal.append(message.clone());
                self.flights.push((append, Flight::Message(message)));
            }
            6 | 7 => self.key()?,
            8 if self.open.len() < OPEN => self.begin()?,
            9 if self.book.one_in(4) => self.leave_one(),
            10 | 11 => self.end(),
            _ => self.body()?,
        }
        if self.flights.len() >= PIPELINE {
            self.settle().await?;
        }
        Ok(())
    }

    fn key(&mut self) -> Outcome {
        if !self.book.keyed.is_empty() && self.book.one_in(2) {
            let at = self.book.chance.within(0..self.book.keyed.len() as u64) as usize;
            let again = self.wal.append(self.book.keyed[at].message.clone());
            self.flights.push((again, Flight::Again(at)));
            return Ok(());
        }
        let mut message = self.book.message();
        message.virtual_channel = self.book.stream()?;
        let key = format!("key {}", self.book.numbers);
        let message = message.with_idempotency_key(key);
        let append = self.wal.append(message.clone());
        self.flights.push((append, Flight::Keyed(message)));
        Ok(())
    }

    fn begin(&mut self) -> Outcome {
        let stream = self.book.stream()?;
        let mut option = TransactionOption::new().with_keepalive(Duration::from_secs(60));
        option.virtual_channel.clone_from(&stream);
        self.book.numbers += 1;
        let number = self.book.numbers;
        self.open.push((number, self.wal.begin(option)?));
        self.bodies.insert(number, (stream, Vec::new()));
        Ok(())
    }

    /// One that nobody looks after.
    fn leave_one(&mut self) {
        let option = TransactionOption::new().with_keepalive(Duration::from_millis(1));
        if let Ok(transaction) = self.wal.begin(option) {
            let append = transaction.append(self.book.message());
            self.flights.push((append, Flight::Left));
            self.left.push(transaction);
        }
    }

    fn end(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let at = self.book.chance.within(0..self.open.len() as u64) as usize;
        let (number, transaction) = self.open.swap_remove(at);
        match self.book.chance.within(0..6) {
            0 => drop(transaction),
            1 => self
                .flights
                .push((transaction.rollback(), Flight::Rollback)),
            _ => {
                let commit = transaction.commit();
                self.flights.push((commit, Flight::Commit(number)));
            }
        }
    }

    fn body(&mut self) -> Outcome {
        if self.open.is_empty() {
            return self.begin();
        }
        let at = self.book.chance.within(0..self.open.len() as u64) as usize;
        let mut message = self.book.message();
        let (number, transaction) = &self.open[at];
        message.virtual_channel = self.bodies.get(number).and_then(|it| it.0.clone());
        let append = transaction.append(message.clone());
        self.flights.push((append, Flight::Body(*number, message)));
        Ok(())
    }

    /// Hears of everything that is on its way: all of it is acknowledged, in the order of the calls.
    pub(super) async fn settle(&mut self) -> Outcome {
        for (append, flight) in std::mem::take(&mut self.flights) {
            if matches!(flight, Flight::Left) {
                // It may have expired by then.
                let _ = append.await;
                continue;
            }
            let place = append.await?;
            if let Flight::Again(at) = flight {
                let first = &self.book.keyed[at];
                ensure!(
                    first.place == place,
                    "a key lies at {:?}, and is answered with {place:?}",
                    first.place
                );
                continue;
            }
            ensure!(
                self.last
                    .is_none_or(|last| last.id < place.id && last.tick < place.tick),
                "a call is answered with {place:?}, and one before it with {:?}",
                self.last
            );
            self.last = Some(place);
            self.note(place, flight);
        }
        Ok(())
    }

    fn note(&mut self, place: Place, flight: Flight) {
        match flight {
            Flight::Message(message) => {
                self.book.units.push(Unit::Message(Sent { place, message }));
            }
            Flight::Keyed(message) => {
                let sent = Sent { place, message };
                self.book.keyed.push(sent.clone());
                self.book.units.push(Unit::Message(sent));
            }
            Flight::Body(number, message) => {
                if let Some((_, bodies)) = self.bodies.get_mut(&number) {
                    bodies.push(Sent { place, message });
                }
            }
            Flight::Commit(number) => {
                if let Some((stream, bodies)) = self.bodies.remove(&number) {
                    self.book.units.push(Unit::Transaction {
                        place,
                        stream,
                        bodies,
                    });
                }
            }
            Flight::Again(_) | Flight::Rollback | Flight::Left => {}
        }
    }

    /// Waits until those that were left alone are rolled back.
    pub(super) async fn expire(&mut self) -> Outcome {
        let raw = ScanOption::earliest().with_transactions(Delivery::Raw);
        let mut scanner = self.wal.scan(raw).await?;
        let mut expired = 0;
        while expired < self.left.len() {
            for (_, transaction) in &self.open {
                transaction.keep_alive()?;
            }
            if next_word(&mut *scanner).await? == "<expired>" {
                expired += 1;
            }
        }
        Ok(())
    }

    /// Leaves with everything open.
    pub(super) fn leave(self) -> Vec<Transaction> {
        let open = self.open.into_iter().map(|(_, transaction)| transaction);
        open.chain(self.left).collect()
    }
}
