use std::collections::VecDeque;
use std::sync::Arc;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::BaseRecord;
use walx_core::{Error, ErrorKind, Record, Result};
use walx_impls::Batch;
use walx_utility::sync::lock;

use super::flights::{Era, Waiting};
use super::{Producer, Writer, closed};
use crate::record::{self, Stamp, Token};
use crate::store::PARTITION;

/// The most bytes that wait in our own list: while a transaction ends, and where the client's queue is full.
const HELD_BYTES: usize = 128 << 20;

/// What a record takes at most beside its user's bytes: its batch 61, itself 36, our headers 150.
const RECORD_BYTES: usize = 256;
/// What a property takes at most beside its name and value: two lengths.
const PROPERTY_BYTES: usize = 8;
/// What a property's name takes more where it looks like one of walx's own.
const PREFIX_BYTES: usize = 7;

/// What appends take their place under.
pub(crate) struct Order {
    phase: Phase,
    /// `None` once the thread has taken it away.
    producer: Option<Arc<Producer>>,
    /// That of the newest calls.
    era: Option<Arc<Era>>,
    /// What each record carries; `None` before the mark is in the log.
    stamp: Option<Stamp>,
    /// Called and not sent, the oldest first.
    held: VecDeque<Held>,
    held_bytes: usize,
    scratch: Vec<u8>,
}

enum Phase {
    /// Appends go to the client.
    Open,
    /// They wait for the thread.
    Held,
    /// They get this.
    Over(Error),
}

/// What is left of an append that could not be sent at once.
struct Held {
    /// The number of its first record.
    first: u64,
    records: VecDeque<Record>,
}

impl Order {
    pub(super) fn new(producer: &Arc<Producer>) -> Self {
        Self {
            phase: Phase::Open,
            producer: Some(Arc::clone(producer)),
            era: None,
            stamp: None,
            held: VecDeque::new(),
            held_bytes: 0,
            scratch: Vec::new(),
        }
    }
}

impl Writer {
    /// Gives an append its place, and hands it to the client where nothing is in the way.
    pub(super) fn place(&self, batch: Batch<Record>) -> Result<Waiting> {
        let mut order = lock(&self.order);
        if let Phase::Over(error) = &order.phase {
            return Err(error.clone());
        }
        if self.ending.is_ended() {
            return Err(closed());
        }
        let at_once = matches!(order.phase, Phase::Open) && order.held.is_empty();
        if let Err(error) = self.check(&order, &batch, at_once) {
            // Nothing may overtake the hole.
            order.phase = Phase::Over(after(&error));
            return Err(error);
        }
        let (records, many) = (batch.len(), matches!(batch, Batch::Many(_)));
        let (first, waiting) = self.call(&mut order, records, many, at_once);
        if at_once {
            self.send(&mut order, first, batch);
        } else {
            let records = match batch {
                Batch::One(record) => VecDeque::from([record]),
                Batch::Many(records) => records.into(),
            };
            order.hold(first, records);
        }
        Ok(waiting)
    }

    fn call(&self, order: &mut Order, records: usize, many: bool, at_once: bool) -> (u64, Waiting) {
        // First, so that it holds the offsets of its first call.
        let era = self.flights.era(&mut order.era);
        let first = self.flights.call(records, at_once);
        (first, Waiting::new(era, first, records, many))
    }

    fn check(&self, order: &Order, batch: &Batch<Record>, at_once: bool) -> Result<()> {
        let most = self.limits.max_message;
        for record in batch.as_slice() {
            let bytes = wire_bytes(record);
            if bytes > most {
                let text = format!(
                    "a record that takes {bytes} bytes is larger than max_message={most}: cut it, or raise max_message \
                     and the topic's max.message.bytes"
                );
                return Err(Error::new(ErrorKind::TooLarge, text));
            }
        }
        if !at_once && order.held_bytes + bytes(batch.as_slice().iter()) > HELD_BYTES {
            // Not `Overloaded`: a later append must not overtake this one, so the handle ends here.
            let text = format!(
                "{} bytes wait to be sent already; open the channel again, and append less at a time",
                order.held_bytes
            );
            return Err(Error::new(ErrorKind::NotWritten, text));
        }
        Ok(())
    }

    fn send(&self, order: &mut Order, first: u64, batch: Batch<Record>) {
        match batch {
            Batch::One(record) => {
                if !self.send_record(order, first, &record) {
                    self.flights.set_sent(first);
                    order.hold(first, VecDeque::from([record]));
                }
            }
            Batch::Many(records) => {
                let mut next = first;
                let mut left = VecDeque::from(records);
                while let Some(record) = left.front() {
                    if !self.send_record(order, next, record) {
                        self.flights.set_sent(next);
                        return order.hold(next, left);
                    }
                    left.pop_front();
                    next += 1;
                }
            }
        }
    }

    /// Hands a record to the client; `false` where it takes none now, or none any more.
    fn send_record(&self, order: &mut Order, number: u64, record: &Record) -> bool {
        let (Some(producer), Some(stamp)) = (&order.producer, order.stamp) else {
            return false;
        };
        let message = BaseRecord::<(), [u8], usize>::with_opaque_to(&self.topic, number as usize)
            .partition(PARTITION)
            .payload(&record.payload)
            .timestamp(record::unix_ms(record))
            .headers(record::headers(record, stamp, &mut order.scratch));
        match producer.send(message) {
            Ok(()) => true,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => false,
            Err((error, _)) => {
                let code = error.rdkafka_error_code();
                let code = code.unwrap_or(RDKafkaErrorCode::Unknown);
                self.flights.refused(number, code);
                false
            }
        }
    }

    /// Appends the mark of this writer.
    pub(super) fn place_mark(&self, token: &Token, unix_ms: i64) -> Result<Waiting> {
        let mut order = lock(&self.order);
        if let Phase::Over(error) = &order.phase {
            return Err(error.clone());
        }
        let (number, waiting) = self.call(&mut order, 1, false, true);
        let Some(producer) = &order.producer else {
            return Err(closed());
        };
        let message = BaseRecord::<(), [u8], usize>::with_opaque_to(&self.topic, number as usize)
            .partition(PARTITION)
            .timestamp(unix_ms)
            .headers(record::mark(token));
        if let Err((error, _)) = producer.send(message) {
            let code = error.rdkafka_error_code();
            let code = code.unwrap_or(RDKafkaErrorCode::Unknown);
            self.flights.refused(number, code);
        }
        Ok(waiting)
    }

    /// Says what records carry from now on.
    pub(super) fn set_stamp(&self, stamp: Stamp) {
        lock(&self.order).stamp = Some(stamp);
    }

    /// Says how far this writer has read back, where it does.
    pub(super) fn set_read(&self, next: i64) {
        if let Some(stamp) = &mut lock(&self.order).stamp {
            stamp.read = stamp.read.map(|read| read.max(next));
        }
    }

    /// Has appends wait for [`send_held`](Self::send_held).
    pub(super) fn hold(&self) {
        let mut order = lock(&self.order);
        if matches!(order.phase, Phase::Open) {
            order.phase = Phase::Held;
        }
    }

    /// Sends what is held, as far as the client takes it. `open`: from then on appends go to the client at once.
    pub(super) fn send_held(&self, open: bool) {
        let mut order = lock(&self.order);
        while let Some(mut held) = order.held.pop_front() {
            while let Some(record) = held.records.front() {
                if !self.send_record(&mut order, held.first, record) {
                    order.held.push_front(held);
                    return;
                }
                order.held_bytes -= record.bytes();
                held.records.pop_front();
                held.first += 1;
                self.flights.set_sent(held.first);
            }
        }
        if open && matches!(order.phase, Phase::Held) {
            order.phase = Phase::Open;
        }
    }

    /// Whether some wait to be sent.
    pub(super) fn has_held(&self) -> bool {
        !lock(&self.order).held.is_empty()
    }

    /// Takes no more appends, for this reason. The first one stays, but an owner's end tells more than a failure, and a
    /// close more than all.
    pub(super) fn end_order(&self, error: Error) {
        let rank = |error: &Error| match error.kind() {
            ErrorKind::Closed => 2,
            ErrorKind::Fenced => 1,
            _ => 0,
        };
        let mut order = lock(&self.order);
        match &order.phase {
            Phase::Over(old) if rank(old) >= rank(&error) => {}
            _ => order.phase = Phase::Over(error),
        }
    }

    /// What appends get; `None` where they are taken.
    pub(super) fn refusal(&self) -> Option<Error> {
        match &lock(&self.order).phase {
            Phase::Over(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Takes the client out, and drops what was not sent.
    pub(super) fn strip(&self) {
        let mut order = lock(&self.order);
        let held = std::mem::take(&mut order.held);
        let producer = order.producer.take();
        order.held_bytes = 0;
        drop(order);
        drop((held, producer));
    }
}

impl Order {
    /// Keeps what is to be sent later.
    fn hold(&mut self, first: u64, records: VecDeque<Record>) {
        self.held_bytes += bytes(records.iter());
        self.held.push_back(Held { first, records });
    }
}

fn bytes<'a>(records: impl Iterator<Item = &'a Record>) -> usize {
    records.map(Record::bytes).sum()
}

/// The most that a record can take in a batch of its own, as the broker counts it and as librdkafka does.
fn wire_bytes(record: &Record) -> usize {
    let names = record.properties.iter().map(|(name, _)| {
        let changed = match name {
            _ if name.contains('\0') => name.len() + PREFIX_BYTES,
            _ if name.starts_with(record::RECORD) => PREFIX_BYTES,
            _ => 0,
        };
        changed + PROPERTY_BYTES
    });
    record.bytes() + RECORD_BYTES + names.sum::<usize>()
}

/// What is called after an append that failed.
fn after(error: &Error) -> Error {
    let text = "an append of this writer failed before; open the channel again, then append it";
    Error::new(ErrorKind::NotWritten, text).with_context("earlier append", error)
}
