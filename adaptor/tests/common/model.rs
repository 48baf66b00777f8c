//! Random logs of transactions, chunks and streams, and what their scans deliver.

use std::collections::BTreeMap;

use walx_core::{Chunk, Owner, Term, VirtualChannel};

use super::hand::{Hand, stream};

/// What one scan over everything delivers.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The record at which it stands.
    pub at: usize,
    pub lsn: u64,
    pub is_message: bool,
    pub stream: Option<VirtualChannel>,
    pub text: String,
}

/// A log, and what its scans deliver.
pub struct Log {
    pub hand: Hand,
    pub whole: Vec<Expected>,
    pub raw: Vec<Expected>,
    /// The bodies of the open transactions.
    bodies: BTreeMap<u64, Vec<String>>,
    pub ticks: bool,
}

impl Log {
    pub fn new(ticks: bool) -> Self {
        Self {
            hand: Hand::new(),
            whole: Vec::new(),
            raw: Vec::new(),
            bodies: Default::default(),
            ticks,
        }
    }

    /// Notes what the newest record makes visible.
    fn expect(&mut self, raw: Option<String>, whole: Option<String>, is_message: bool) {
        let header = &self.hand.records.last().unwrap().header;
        let expected = |text| Expected {
            at: self.hand.records.len() - 1,
            lsn: header.lsn.unwrap().get(),
            is_message,
            stream: header.virtual_channel.clone(),
            text,
        };
        self.raw.extend(raw.map(expected));
        self.whole.extend(whole.map(expected));
    }

    fn end(&mut self, id: u64, commit: bool) {
        let bodies = self.bodies.remove(&id).unwrap();
        let count = self.hand.open[&id].1;
        if commit {
            self.hand.commit(id);
            let whole = format!("{id} [{}]", bodies.join(" "));
            self.expect(Some(format!("commit of {count} {id}")), Some(whole), false);
        } else {
            self.hand.rollback(id);
            let kind = if id.is_multiple_of(2) {
                "expired"
            } else {
                "rollback"
            };
            self.expect(Some(format!("{kind} {id}")), None, false);
        }
    }

    /// Does something; what, say the numbers.
    pub fn step(&mut self, (what, a, b): (u8, u8, u8)) {
        let streams = [None, stream("a"), stream("b"), stream("c")];
        let one = streams[usize::from(a) % streams.len()].clone();
        let open = self.hand.open.keys().nth(usize::from(a) % 4).copied();
        let text = format!("m{}", self.hand.records.len());
        let chunks = 1 + u32::from(b % 4).saturating_sub(1);
        match (what % 12, open) {
            (0..=1, _) => {
                self.hand.chunks(None, &text, one, chunks, chunks);
                self.expect(Some(text.clone()), Some(text), true);
            }
            (2..=3, _) => {
                let id = self.hand.begin(one);
                self.bodies.insert(id, Vec::new());
                self.expect(Some(format!("begin {id}")), None, false);
            }
            (4..=7, Some(id)) => {
                let stream = self.hand.open[&id].0.clone();
                self.hand.chunks(Some(id), &text, stream, chunks, chunks);
                self.bodies.get_mut(&id).unwrap().push(text.clone());
                self.expect(Some(format!("{text} in {id}")), None, true);
            }
            (8, Some(id)) => self.end(id, true),
            (9, Some(id)) => self.end(id, b % 2 == 0),
            (10, _) => {
                self.hand.tick(one);
                let tick = self.ticks.then(|| "tick".to_owned());
                self.expect(tick.clone(), tick, false);
            }
            (11, _) => self.disturb(a, open, &text, one),
            _ => self.hand.checkpoint(),
        }
    }

    /// What goes wrong now and then.
    fn disturb(&mut self, a: u8, open: Option<u64>, text: &str, one: Option<VirtualChannel>) {
        let Owner { term, incarnation } = self.hand.owner;
        if a.is_multiple_of(2) {
            // A recovery finds the first chunks of a message and writes the rest.
            for index in 0..3 {
                let chunk = Chunk { index, total: 3 };
                self.hand.chunk(None, text, one.clone(), chunk);
                if index == a as u32 % 3 {
                    self.hand.barrier(term, incarnation + 1);
                }
            }
            if a % 3 == 2 {
                // The Barrier came behind the last chunk.
                let barrier = self.hand.records.pop().unwrap();
                self.expect(Some(text.to_owned()), Some(text.to_owned()), true);
                self.hand.records.push(barrier);
            } else {
                self.expect(Some(text.to_owned()), Some(text.to_owned()), true);
            }
            return;
        }
        // The owner ends in the middle of a message, and the next one begins anew.
        let stream = open.map_or(one, |id| self.hand.open[&id].0.clone());
        self.hand
            .chunks(open, text, stream, 3, 1 + u32::from(a) % 2);
        let term = Term::new(term.get() + 1);
        self.hand.barrier(term, 0);
        while let Some(id) = self.hand.open.keys().next().copied() {
            self.end(id, false);
        }
    }
}
