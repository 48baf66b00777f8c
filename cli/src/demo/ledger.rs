//! The books of one channel: what was acknowledged, and what each scanner delivered.

use std::collections::VecDeque;

use hdrhistogram::Histogram;

use super::wire::Acknowledged;

/// Slowest latency that is told apart, and how exactly, in significant digits.
const SLOWEST_US: u64 = 3_600_000_000;
const DIGITS: u8 = 3;
/// Places that wait for their other half. Beyond, the oldest one is decided as it stands.
const MAX_OPEN: usize = 1 << 18;
/// Lsns that were passed over are remembered up to here, so that a late one is known from a double.
const MAX_SKIPPED: usize = 1 << 16;

/// Acknowledgements against deliveries. A place is kept until all scanners have passed it and no acknowledgement
/// can come for it any more, so the memory follows the lag of the slowest, not the length of the run.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The lsn of the first place.
    base: u64,
    places: VecDeque<Place>,
    pub(super) readers: Vec<Reader>,
    next_ack: u64,
    pub(super) given: u64,
    pub(super) acknowledged: u64,
    /// Acknowledgements that name a place again, or an older one.
    pub(super) acknowledged_again: u64,
    pub(super) append_us: Histogram<u64>,
    pub(super) deliver_us: Histogram<u64>,
}

/// What is known of one lsn.
#[derive(Clone, Debug, Default)]
struct Place {
    acknowledged: Option<Seen>,
    delivered: Vec<Option<Seen>>,
}

/// Which bytes, and when.
#[derive(Clone, Copy, Debug)]
struct Seen {
    hash: u64,
    at_ns: u64,
}

/// One scanner.
#[derive(Debug, Default)]
pub(super) struct Reader {
    next: u64,
    ended: bool,
    skipped: VecDeque<u64>,
    /// Stands for all that was delivered, in order.
    pub(super) chain: u64,
    pub(super) delivered: u64,
    /// Acknowledged and not delivered with exactly those bytes.
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) disordered: u64,
    pub(super) gaps: u64,
    /// Why it ended before it was told to.
    pub(super) failure: Option<String>,
}

impl Ledger {
    pub(super) fn new(readers: usize) -> Result<Self, hdrhistogram::CreationError> {
        Ok(Self {
            base: 0,
            places: VecDeque::new(),
            readers: (0..readers).map(|_| Reader::default()).collect(),
            next_ack: 0,
            given: 0,
            acknowledged: 0,
            acknowledged_again: 0,
            append_us: Histogram::new_with_bounds(1, SLOWEST_US, DIGITS)?,
            deliver_us: Histogram::new_with_bounds(1, SLOWEST_US, DIGITS)?,
        })
    }

    /// A writer's acknowledgement. They come in the order of their lsns, over all writers.
    pub(super) fn acknowledge(&mut self, ack: Acknowledged) {
        self.acknowledged += 1;
        self.append_us.saturating_record(ack.took_us.max(1));
        if ack.lsn < self.next_ack {
            self.acknowledged_again += 1;
            return;
        }
        self.next_ack = ack.lsn.saturating_add(1);
        let seen = Seen {
            hash: ack.hash,
            at_ns: ack.at_ns,
        };
        let delivered = match self.place(ack.lsn) {
            Some(place) => {
                place.acknowledged = Some(seen);
                place.delivered.clone()
            }
            None => {
                self.readers.iter_mut().for_each(|reader| reader.lost += 1);
                Vec::new()
            }
        };
        for (reader, delivered) in delivered.into_iter().enumerate() {
            if let Some(delivered) = delivered {
                self.compare(reader, seen, delivered);
            }
        }
        self.settle();
    }

    /// A scanner's delivery.
    pub(super) fn deliver(&mut self, reader: usize, lsn: u64, hash: u64, at_ns: u64) {
        let it = &mut self.readers[reader];
        it.delivered += 1;
        it.chain = chain(it.chain, lsn, hash);
        if !it.take(lsn) {
            return;
        }
        let seen = Seen { hash, at_ns };
        if let Some(place) = self.place(lsn) {
            place.delivered[reader] = Some(seen);
            if let Some(acknowledged) = place.acknowledged {
                self.compare(reader, acknowledged, seen);
            }
        }
        self.settle();
    }

    /// A scanner that delivers nothing any more: told to, or not.
    pub(super) fn end(&mut self, reader: usize, failure: Option<String>) {
        let it = &mut self.readers[reader];
        it.ended = true;
        it.failure = failure;
        self.settle();
    }

    /// No acknowledgement and no delivery comes any more: what is still open is decided.
    pub(super) fn close(&mut self) {
        while self.pop() {}
    }

    /// Places that wait for their other half.
    pub(super) fn open(&self) -> usize {
        self.places.len()
    }

    /// Whether a scanner has come to `lsn`, or to its end.
    pub(super) fn has_reached(&self, lsn: u64) -> bool {
        self.readers
            .iter()
            .all(|reader| reader.ended || reader.next >= lsn)
    }

    fn place(&mut self, lsn: u64) -> Option<&mut Place> {
        let index = usize::try_from(lsn.checked_sub(self.base)?).ok()?;
        if index >= 2 * MAX_OPEN {
            // A jump that no log makes.
            return None;
        }
        if index >= self.places.len() {
            let empty = Place {
                acknowledged: None,
                delivered: vec![None; self.readers.len()],
            };
            self.places.resize(index + 1, empty);
        }
        self.places.get_mut(index)
    }

    fn compare(&mut self, reader: usize, acknowledged: Seen, delivered: Seen) {
        if acknowledged.hash == delivered.hash {
            // A scanner in another process may be faster than the acknowledgement.
            let us = delivered.at_ns.saturating_sub(acknowledged.at_ns) / 1_000;
            self.deliver_us.saturating_record(us.max(1));
        } else {
            self.readers[reader].lost += 1;
        }
    }

    /// Drops the places at the front that nothing can be said of any more.
    fn settle(&mut self) {
        while !self.places.is_empty() {
            let passed = self.has_reached(self.base + 1);
            let decided = self.next_ack > self.base;
            if !(passed && decided || self.places.len() > MAX_OPEN) {
                break;
            }
            self.pop();
        }
    }

    fn pop(&mut self) -> bool {
        let Some(place) = self.places.pop_front() else {
            return false;
        };
        self.base += 1;
        if place.acknowledged.is_some() {
            for (reader, delivered) in self.readers.iter_mut().zip(place.delivered) {
                reader.lost += u64::from(delivered.is_none());
            }
        }
        true
    }
}

impl Reader {
    /// Whether `lsn` is new; counts where it is not, or comes late.
    fn take(&mut self, lsn: u64) -> bool {
        if lsn >= self.next {
            let room = MAX_SKIPPED.saturating_sub(self.skipped.len());
            self.skipped.extend((self.next..lsn).take(room));
            self.next = lsn.saturating_add(1);
            return true;
        }
        match self.skipped.iter().position(|skipped| *skipped == lsn) {
            Some(index) => {
                self.skipped.remove(index);
                self.disordered += 1;
                true
            }
            None => {
                self.doubled += 1;
                false
            }
        }
    }
}

/// One more delivery behind all those that `chain` stands for.
pub(super) fn chain(chain: u64, lsn: u64, hash: u64) -> u64 {
    let mut bytes = [0; 24];
    bytes[..8].copy_from_slice(&chain.to_le_bytes());
    bytes[8..16].copy_from_slice(&lsn.to_le_bytes());
    bytes[16..].copy_from_slice(&hash.to_le_bytes());
    super::hash(&bytes)
}

#[cfg(test)]
mod tests;
