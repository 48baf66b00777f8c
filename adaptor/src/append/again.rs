//! Writes again, behind a recovery's Barrier, what is not in the log.

use std::collections::{HashMap, VecDeque};

use walx_core::{Flags, Header, Record, Seq, Tick};
use walx_impls::{Appending, Batch, Kind, StoredRecord};

use super::answer::{answer_of, unknown};
use super::commit::Driver;
use super::flight::Flight;
use super::order::Order;
use super::queue::Refusal;
use super::transactions::{Why, ended};
use crate::planted::{self, Bug};

impl Driver {
    /// Acknowledges those that landed, and takes new places for the others, in their order.
    pub(super) fn fly_rest(
        &mut self,
        order: &mut Order,
        mut landed: VecDeque<StoredRecord>,
        now: Tick,
    ) {
        if let Some(window) = &mut order.window {
            window.unplace(order.numbering.seq);
        }
        let mut begins = HashMap::new();
        // Each stays where the driver's end finds it: the backend may panic.
        for _ in 0..self.flights.len() {
            let Some(mut flight) = self.flights.pop_front() else {
                break;
            };
            let there = flight.take_landed(&mut landed);
            // A Release ends its owner only where nothing follows it: there is our Barrier now.
            if there.len() == flight.records.len() && !flight.is(Kind::Release) {
                let ids = Batch::Many(there.into_iter().map(|it| it.id).collect());
                self.landed.push((flight, ids));
                continue;
            }
            if there.is_empty() {
                if flight.is(Kind::Checkpoint) {
                    // What it says lies elsewhere now; the next one comes with the traffic.
                    order.in_flight -= 1;
                    continue;
                }
                if let Err(error) = order.check_expected(flight.expected()) {
                    order.in_flight -= 1;
                    order.budget.give(flight.charge);
                    order.forget_keys(&flight.records, &error);
                    order.spent.push(Box::new(flight.records.clone()));
                    order.refused.push(Refusal::of(flight, error));
                    continue;
                }
            } else {
                flight.keep_rest(&there);
                self.recovery.landed_in_part = there;
            }
            self.flights.push_back(flight);
            if let Some(flight) = self.flights.back_mut() {
                order.fly_again(flight, now, &mut begins);
            }
        }
        order.lost.clear();
        order.transactions.renumbered(order.numbering.seq);
    }
}

impl Order {
    /// The backend has refused these records: a transaction that lacks one is not committed.
    pub(super) fn lose(&mut self, records: &Batch<Record>) {
        for record in records.as_slice() {
            if let (Kind::Data, Some(transaction)) = (record.header.kind, record.header.transaction)
            {
                self.transactions.lose(transaction.id.0);
                self.lost.insert(transaction.id.0);
            }
        }
    }

    /// Takes new places under the present owner. `begins`: the Begins that have other seqs by now.
    fn fly_again(&mut self, flight: &mut Flight, now: Tick, begins: &mut HashMap<Seq, Seq>) {
        let is_lost = |record: &Record| {
            let id = record.header.transaction.map(|it| it.id.0);
            record.header.kind == Kind::Commit && id.is_some_and(|id| self.lost.contains(&id))
        };
        if flight.records.as_slice().iter().any(is_lost) {
            flight.rare_mut().refused = Some(ended(Why::BodyLost));
        }
        let refused = flight.rare.as_ref().and_then(|it| it.refused.clone());
        let rolls_back = refused.is_some();
        flight.records = flight.records.clone().map(|record| {
            let former = record.header.seq;
            let mut header = self.renumber(record.header, now, begins);
            if rolls_back {
                (header.kind, header.flags) = (Kind::Rollback, Flags::EXPIRED);
                header.transaction = header.transaction.map(|mut it| {
                    it.count = None;
                    it
                });
            }
            let record = Record { header, ..record };
            self.remember_again(former, &record, refused.as_ref());
            record
        });
        flight.stages = flight.stages.again();
        // Where the backend panics it may have it.
        let panicked = unknown("the backend panicked while the append took its place");
        flight.appending = Some(Appending::ready(Err(panicked)));
        flight.appending = Some(self.hand_over(&flight.records));
    }

    fn renumber(&mut self, before: Header, now: Tick, begins: &mut HashMap<Seq, Seq>) -> Header {
        let placed = self.number_chunk(before.kind, before.chunk, now);
        let mut header = Header {
            owner: placed.owner,
            seq: placed.seq,
            lsn: placed.lsn,
            tick: placed.tick,
            ..before
        };
        if let (Kind::Begin, Some(from), Some(to)) = (header.kind, before.seq, placed.seq) {
            begins.insert(from, to);
            self.transactions.moved(from, to);
        }
        if planted::is(Bug::ForgetsTheMove) {
            return header;
        }
        let now_at = |seq: Seq| begins.get(&seq).copied().unwrap_or(seq);
        header.oldest_open = header.oldest_open.map(now_at);
        if let Some(transaction) = &mut header.transaction {
            transaction.id.0 = now_at(transaction.id.0);
        }
        header
    }
}

impl Flight {
    fn is(&self, kind: Kind) -> bool {
        matches!(&self.records, Batch::One(record) if record.header.kind == kind)
    }

    /// Takes from `landed` what belongs to it: the ids of its records, or what is there of them.
    fn take_landed(&mut self, landed: &mut VecDeque<StoredRecord>) -> Vec<StoredRecord> {
        let there = self.records.len().min(landed.len());
        match self.appending {
            Some(_) => landed.drain(..there).collect(),
            None => Vec::new(),
        }
    }

    /// The first records of its batch landed: what is left of it is written again.
    fn keep_rest(&mut self, there: &[StoredRecord]) {
        if let Batch::Many(records) = &mut self.records {
            records.drain(..there.len());
            let landed = &mut self.rare_mut().landed;
            landed.extend(there.iter().map(|it| answer_of(it.id, &it.record)));
        }
    }
}
