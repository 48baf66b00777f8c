//! Takes places in the order: numbers, the backend's append, what follows from it for transactions.

use std::sync::Arc;

use metrics::counter;
use tracing::Span;
use walx_core::{
    Chunk, Error, ErrorKind, Expected, Flags, Header, Message, MessageId, Record, Result, Tick,
    TransactionContext, TransactionId,
};
use walx_impls::{Batch, Kind, StoredRecord};
use walx_utility::{clock, metric};

use super::Writer;
use super::chunk;
use super::flight::{Flight, Rare};
use super::order::Order;
use super::queue::Refusal;
use super::request::{Mark, Request};
use super::slot::Slot;
use super::stages::Begun;
use super::transactions::{Local, Why};
use crate::checkpoint::{self, Checkpoint};
use crate::planted::{self, Bug};

impl Writer {
    /// Takes the place of `request`: from here on it is in the log's order, unless it may not be, which its slot is told.
    /// Its room was taken before.
    pub(super) fn place(
        &self,
        order: &mut Order,
        request: Request,
        now: Tick,
        charge: usize,
        slot: Option<Arc<Slot>>,
        begun: Begun,
    ) {
        let request = match order.window {
            Some(_) => self.unknown_part(order, request, now, charge, &slot, &begun),
            None => Some(request),
        };
        let Some(request) = request else { return };
        let (records, expected) = match request {
            Request::Messages {
                messages,
                transaction,
                expected,
            } => {
                if let Err(error) = order.check_messages(transaction, expected) {
                    let bytes = messages.as_slice().iter().map(Message::bytes).collect();
                    order.spent.push(Box::new(messages));
                    return order.refuse(slot, error, bytes, charge, &begun);
                }
                self.end_excluded(order, messages.as_slice(), now);
                let most = self.max_record_bytes;
                (order.records(messages, transaction, most, now), expected)
            }
            Request::Mark(mark) => {
                if let Mark::Commit(local) = mark
                    && order.transactions.has_lost(local)
                {
                    self.roll_back(order, local, Why::BodyLost, now);
                }
                let transaction = mark.transaction();
                match order.mark(mark, now) {
                    Ok(header) => (Batch::One(Record::marker(header)), Expected::new()),
                    Err(error) => {
                        // It was its last call.
                        if let Some(local) = transaction {
                            order.transactions.forget(local);
                        }
                        return order.refuse(slot, error, Vec::new(), charge, &begun);
                    }
                }
            }
        };
        self.fly(order, records, expected, charge, slot, begun);
        self.place_checkpoint(order, charge, now);
    }

    /// Takes the place of one of walx's own records, for which nobody needs room.
    pub(super) fn place_own(&self, order: &mut Order, record: Record, slot: Option<Arc<Slot>>) {
        let begun = Begun::now(Span::none());
        self.fly(order, Batch::One(record), Expected::new(), 0, slot, begun);
    }

    /// Rolls a transaction back of which its caller knows nothing.
    pub(super) fn roll_back(&self, order: &mut Order, local: Local, why: Why, now: Tick) {
        if let Ok(header) = order.end_transaction(local, why, Kind::Rollback, now) {
            self.place_own(order, Record::marker(header), None);
        }
    }

    /// Rolls back what the exclusive ones among the messages end.
    fn end_excluded(&self, order: &mut Order, messages: &[Message], now: Tick) {
        if planted::is(Bug::IgnoresExclusive) {
            return;
        }
        for message in messages.iter().filter(|it| it.exclusive) {
            for local in order.transactions.of(message.virtual_channel.as_ref()) {
                self.roll_back(order, local, Why::Exclusive, now);
            }
        }
    }

    /// Each so many bytes the log says what an open needs to know, as far as there is anything.
    fn place_checkpoint(&self, order: &mut Order, charge: usize, now: Tick) {
        order.since_checkpoint += charge;
        if order.since_checkpoint < checkpoint::EVERY_BYTES {
            return;
        }
        order.since_checkpoint = 0;
        let checkpoint = Checkpoint {
            open: order.transactions.begins().collect(),
            window: order.window_start(),
        };
        let payload = checkpoint.encode();
        // Without it an open reads more, that is all.
        if checkpoint.is_empty()
            || payload.len() + super::admit::HEADER_BYTES > self.max_record_bytes
        {
            return;
        }
        let header = order.number(Kind::Checkpoint, now);
        let record = Record {
            payload,
            ..Record::marker(header)
        };
        self.place_own(order, record, None);
    }

    fn fly(
        &self,
        order: &mut Order,
        records: Batch<Record>,
        expected: Expected,
        charge: usize,
        slot: Option<Arc<Slot>>,
        begun: Begun,
    ) {
        if planted::is(Bug::DeliversEarly) && records.len() == 1 {
            self.publish_early(&records);
        }
        let appending = if order.recovering {
            None
        } else {
            Some(order.hand_over(&records))
        };
        order.remember(&records);
        order.placed.push_back(Flight {
            appending,
            records,
            charge,
            slot,
            stages: begun.placed(),
            rare: Rare::new(expected, begun.span),
        });
        order.in_flight += 1;
    }

    /// A planted bug: scanners get a record whose outcome nobody knows.
    fn publish_early(&self, records: &Batch<Record>) {
        let tail = self.cache.tail().id;
        let Some((tail, last)) = tail.and_then(|tail| Some((tail, tail.to_u64()?))) else {
            return;
        };
        let record = records.as_slice()[0].clone();
        let id = MessageId::from_u64(tail.backend(), last + 1);
        self.cache
            .publish(vec![StoredRecord { id, record }], clock::now());
    }
}

impl Order {
    /// Tells, once the lock is free, that a request takes no place.
    pub(super) fn refuse(
        &mut self,
        slot: Option<Arc<Slot>>,
        error: Error,
        bytes: Vec<usize>,
        charge: usize,
        begun: &Begun,
    ) {
        self.budget.give(charge);
        self.refused.push(Refusal {
            slot,
            error,
            bytes,
            called: begun.called,
            span: begun.span.clone(),
        });
    }

    /// Whether messages may take their place now.
    fn check_messages(&self, transaction: Option<Local>, expected: Expected) -> Result<()> {
        if let Some(local) = transaction {
            self.transactions.get(local)?;
        }
        self.check_expected(expected)
    }

    /// Whether what a conditional append expects holds.
    pub(super) fn check_expected(&self, expected: Expected) -> Result<()> {
        let lsn = expected.lsn.filter(|lsn| *lsn != self.numbering.lsn);
        let term = expected.term.filter(|term| *term != self.owner.term);
        if (lsn.is_none() && term.is_none()) || planted::is(Bug::ExpectsNothing) {
            return Ok(());
        }
        let text = "what the append expects does not hold; nothing was written; read what was appended since";
        let mut error = Error::new(ErrorKind::Conflict, text)
            .with_context("next lsn", self.numbering.lsn)
            .with_context("owner", self.owner);
        if let Some(lsn) = lsn {
            error = error.with_context("expected lsn", lsn);
        }
        if let Some(term) = term {
            error = error.with_context("expected term", term);
        }
        Err(error)
    }

    /// The records of messages, in their places.
    fn records(
        &mut self,
        messages: Batch<Message>,
        transaction: Option<Local>,
        max_record_bytes: usize,
        now: Tick,
    ) -> Batch<Record> {
        let fits = |it: &Message| super::admit::record_bytes(it) <= max_record_bytes;
        if messages.as_slice().iter().all(fits) {
            return messages.map(|message| {
                let header = self.number_data(transaction, None, now);
                Record::data(header, message)
            });
        }
        let mut records = Vec::new();
        messages.for_each(|message| {
            let total = match fits(&message) {
                true => None,
                false => chunk::count(&message, max_record_bytes),
            };
            let mut number = |chunk| self.number_data(transaction, chunk, now);
            match total {
                Some(total) => {
                    chunk::split(message, total, max_record_bytes, number, &mut records);
                }
                None => records.push(Record::data(number(None), message)),
            }
        });
        Batch::Many(records)
    }

    fn number_data(
        &mut self,
        transaction: Option<Local>,
        chunk: Option<Chunk>,
        now: Tick,
    ) -> Header {
        let mut header = self.number_chunk(Kind::Data, chunk, now);
        if let (Some(local), Some(seq)) = (transaction, header.seq) {
            header.transaction = self.transactions.body(local, seq);
        }
        header
    }

    /// The header of a mark, in its place; an error where its transaction has ended.
    fn mark(&mut self, mark: Mark, now: Tick) -> Result<Header> {
        match mark {
            Mark::Begin(local, opening) => {
                let seq = self.numbering.seq;
                let keepalive = u64::try_from(opening.keepalive.as_millis()).unwrap_or(u64::MAX);
                let virtual_channel = opening.virtual_channel.clone();
                self.transactions.begin(local, seq, opening);
                let mut header = self.number(Kind::Begin, now);
                header.virtual_channel = virtual_channel;
                header.transaction = Some(TransactionContext {
                    id: TransactionId(seq),
                    count: None,
                    keepalive_ms: Some(keepalive),
                });
                Ok(header)
            }
            Mark::Commit(local) => self.end_transaction(local, Why::Asked, Kind::Commit, now),
            Mark::Rollback(local) => self.end_transaction(local, Why::Asked, Kind::Rollback, now),
            Mark::Tick(virtual_channel) => {
                let mut header = self.number(Kind::Tick, now);
                header.virtual_channel = virtual_channel;
                Ok(header)
            }
        }
    }

    /// The header of a transaction's last record.
    fn end_transaction(&mut self, local: Local, why: Why, kind: Kind, now: Tick) -> Result<Header> {
        let open = self.transactions.end(local, why)?;
        counter!(metric::TRANSACTION_TOTAL, "end" => why.label(kind)).increment(1);
        let mut header = self.number(kind, now);
        header.virtual_channel = open.virtual_channel;
        header.transaction = Some(TransactionContext {
            id: TransactionId(open.seq),
            count: (kind == Kind::Commit).then_some(open.count),
            keepalive_ms: None,
        });
        if why != Why::Asked {
            header.flags = Flags::EXPIRED;
        }
        Ok(header)
    }
}
