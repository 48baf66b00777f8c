//! Puts chunks and transactions together, before anything is filtered out or shown to hooks.

use walx_core::{
    Category, Charge, Delivery, Error, ErrorKind, Gap, GapReason, Limits, Lsn, Marker, MarkerKind,
    Place, PlacedMessage, Result, ScanOption, Seq, TransactionId, VirtualChannel,
};
use walx_impls::{Header, Kind, StoredRecord};

use super::chunk::{Chunks, Put};
use super::spill::Spilling;
use super::transaction::{Kept, Transactions};
use crate::planted::{self, Bug};

/// What is not yet whole, and what is wanted.
#[derive(Default)]
pub(super) struct Assembly {
    chunks: Chunks,
    transactions: Transactions,
    delivery: Delivery,
    ticks: bool,
    virtual_channels: Vec<VirtualChannel>,
    limit: usize,
    /// What it holds of the budget that it shares with other scans.
    shared: Option<Charge>,
    spilling: Option<Spilling>,
    /// Whether it is known what lies before the next record.
    primed: bool,
    /// Whether a message without chunks and transaction touches nothing here.
    idle: bool,
    /// The first record behind the newest hole, and why there is one; at first, behind what is not kept.
    hole: Option<(Seq, GapReason)>,
}

/// What a record makes whole.
pub(super) enum Whole {
    Message(PlacedMessage),
    Transaction(Committed),
    Marker(Marker),
    /// A message or a transaction of which a part is missing.
    Gap(Gap),
}

/// A committed transaction, before any hook has seen its messages.
pub(super) struct Committed {
    pub(super) place: Place,
    pub(super) id: TransactionId,
    pub(super) virtual_channel: Option<VirtualChannel>,
    pub(super) kept: Kept,
    pub(super) bytes: usize,
    pub(super) seq: Seq,
    pub(super) oldest_open: Option<Seq>,
}

impl Assembly {
    pub(super) fn new(option: &ScanOption, limits: &Limits) -> Self {
        Self {
            delivery: option.transactions,
            ticks: option.ticks,
            virtual_channels: option.virtual_channels.clone(),
            limit: option.transaction_buffer_bytes,
            shared: Some(limits.charge(Category::Transactions, 0)),
            spilling: option.spill.clone().map(Spilling::new),
            ..Self::default()
        }
    }

    /// Whether a message without chunks and transaction can go by.
    pub(super) fn is_idle(&self) -> bool {
        self.idle
    }

    /// Whether it is known what lies before the next record.
    pub(super) fn is_primed(&self) -> bool {
        self.primed
    }

    /// Whether the scan wants what is of this logical stream.
    pub(super) fn wants(&self, virtual_channel: Option<&VirtualChannel>) -> bool {
        self.virtual_channels.is_empty()
            || virtual_channel.is_none_or(|it| self.virtual_channels.contains(it))
    }

    /// From where the records before this one, the first that the scan meets, are needed; `None` where it needs none.
    pub(super) fn needs(&self, header: &Header) -> Option<Seq> {
        let seq = header.seq?;
        let head = header.chunk.map(|chunk| {
            let before = seq.get().saturating_sub(u64::from(chunk.index));
            Seq::new(before)
        });
        let oldest = match self.delivery {
            Delivery::Whole if !planted::is(Bug::ForgetsWhatLiesBefore) => oldest(header),
            _ => None,
        };
        let needed = [head, oldest].into_iter().flatten().min();
        needed.filter(|needed| *needed < seq)
    }

    /// What lies before this record is not kept, unless more is known.
    pub(super) fn starts_at(&mut self, seq: Seq) {
        self.hole.get_or_insert((seq, GapReason::Truncated));
    }

    /// All that the next record needs was seen.
    pub(super) fn prime(&mut self) {
        self.primed = true;
        self.note_idle();
    }

    /// There is a hole before this record.
    pub(super) fn behind(&mut self, gap: &Gap, header: &Header) {
        let Some(seq) = header.seq else { return };
        match gap.seqs {
            Some(_) => self.transactions.drop_before(oldest(header)),
            // What was seen may be of another past.
            None => self.clear(),
        }
        self.give_back();
        self.hole = Some((seq, gap.reason));
    }

    /// Forgets everything that was seen.
    pub(super) fn clear(&mut self) {
        self.chunks.interrupt();
        self.transactions = Transactions::default();
        (self.primed, self.idle, self.hole) = (false, false, None);
        self.give_back();
    }

    /// Adds a numbered record, and tells what is whole by it and wanted.
    pub(super) fn add(&mut self, stored: &StoredRecord) -> Result<Option<Whole>> {
        let added = self.add_one(stored);
        self.give_back();
        added
    }

    fn add_one(&mut self, stored: &StoredRecord) -> Result<Option<Whole>> {
        let header = &stored.record.header;
        let Some((seq, lsn)) = header.seq.zip(header.lsn) else {
            return Ok(None);
        };
        let place = Place::new(stored.id, lsn, header.tick, header.owner);
        if header.kind == Kind::Data {
            let added = self.data(stored, place, seq);
            self.note_idle();
            return added;
        }
        self.chunks.interrupt();
        self.note_idle();
        let whole = self.delivery == Delivery::Whole;
        Ok(match (header.kind, header.transaction) {
            (Kind::Begin, Some(transaction)) if whole => {
                let virtual_channel = header.virtual_channel.clone();
                let wanted = self.wants(virtual_channel.as_ref());
                let id = transaction.id.0;
                self.transactions.begin(id, lsn, virtual_channel, wanted);
                None
            }
            (Kind::Commit, Some(transaction)) if whole => {
                let (id, count) = (transaction.id, transaction.count);
                return self.commit(place, header, seq, id, count);
            }
            (Kind::Rollback, Some(transaction)) if whole => {
                self.transactions.end(transaction.id.0);
                None
            }
            _ => self.marker(place, header, seq).map(Whole::Marker),
        })
    }

    fn note_idle(&mut self) {
        self.idle = self.primed && !self.chunks.is_running();
    }

    fn data(&mut self, stored: &StoredRecord, place: Place, seq: Seq) -> Result<Option<Whole>> {
        let (record, header) = (&stored.record, &stored.record.header);
        let id = header.transaction.map(|transaction| transaction.id);
        let kept = id.filter(|_| self.delivery == Delivery::Whole);
        let wanted = match kept {
            Some(id) => self.transactions.count(id.0),
            None => self.wants(header.virtual_channel.as_ref()),
        };
        let message = match header.chunk {
            None => {
                self.chunks.interrupt();
                match wanted {
                    true => record.message(),
                    false => return Ok(None),
                }
            }
            Some(chunk) => match self.chunks.put(record, chunk, (seq, place.lsn), wanted) {
                Put::Whole(message) => message,
                Put::Nothing => return self.make_room(id, place.lsn).map(|()| None),
                Put::Headless if wanted && kept.is_none() => {
                    let first = seq.get().saturating_sub(u64::from(chunk.index));
                    return Ok(Some(Whole::Gap(self.headless(Seq::new(first), seq, place))));
                }
                // The count of the Commit tells.
                Put::Headless => return Ok(None),
            },
        };
        let mut placed = PlacedMessage::new(place, message, seq, header.oldest_open);
        placed.transaction = id;
        match kept {
            None => Ok(Some(Whole::Message(placed))),
            Some(id) => {
                self.transactions.push(id.0, placed);
                self.make_room(Some(id), place.lsn).map(|()| None)
            }
        }
    }

    fn commit(
        &mut self,
        place: Place,
        header: &Header,
        seq: Seq,
        id: TransactionId,
        count: Option<u32>,
    ) -> Result<Option<Whole>> {
        let open = self.transactions.end(id.0);
        let virtual_channel = match &open {
            Some(open) => open.virtual_channel.clone(),
            None => header.virtual_channel.clone(),
        };
        if !self.wants(virtual_channel.as_ref()) {
            return Ok(None);
        }
        Ok(match open {
            Some(open) if open.is_whole(count) => Some(Whole::Transaction(Committed {
                place,
                id,
                virtual_channel,
                bytes: open.bytes,
                kept: open.into_kept()?,
                seq,
                oldest_open: header.oldest_open,
            })),
            open => {
                let detail = format!(
                    "messages of the transaction {} that was committed at {} are missing: none of it is delivered",
                    id.0, place.id
                );
                let mut gap = Gap::new(self.reason(id.0), detail);
                gap.seqs = Some((id.0, seq.next()));
                gap.lsns = open.map(|open| (open.lsn, place.lsn));
                Some(Whole::Gap(gap))
            }
        })
    }

    /// The gap of a message whose first chunks are missing.
    fn headless(&self, first: Seq, last: Seq, place: Place) -> Gap {
        let detail = format!(
            "the first chunks of the message with lsn {} that ends at {} are missing: none of it is delivered",
            place.lsn, place.id
        );
        let mut gap = Gap::new(self.reason(first), detail);
        gap.seqs = Some((first, last.next()));
        gap.lsns = Some((place.lsn, place.lsn.next()));
        gap
    }

    /// Why something that begins with this seq is not whole.
    fn reason(&self, first: Seq) -> GapReason {
        match self.hole {
            Some((behind, reason)) if first < behind => reason,
            _ => GapReason::Lost,
        }
    }

    fn marker(&self, place: Place, header: &Header, seq: Seq) -> Option<Marker> {
        let count = header.transaction.and_then(|it| it.count);
        let kind = match header.kind {
            Kind::Tick => MarkerKind::Tick,
            Kind::Begin => MarkerKind::Begin,
            Kind::Commit => MarkerKind::Commit {
                count: count.unwrap_or(0),
            },
            Kind::Rollback => MarkerKind::Rollback {
                expired: header.flags.contains(walx_core::Flags::EXPIRED),
            },
            _ => return None,
        };
        let asked = match kind {
            MarkerKind::Tick => self.ticks,
            _ => self.delivery == Delivery::Raw,
        };
        let marker = Marker::new(place, kind, seq, header.oldest_open);
        let id = header.transaction.map(|transaction| transaction.id);
        let wanted = asked && self.wants(header.virtual_channel.as_ref());
        wanted.then(|| marker.of(id, header.virtual_channel.clone()))
    }

    /// What is kept.
    fn bytes(&self) -> usize {
        self.chunks.bytes() + self.transactions.bytes()
    }

    /// Takes what is kept from the shared budget; `false` where there is no room.
    fn hold(&self) -> bool {
        let more = |shared: &Charge| self.bytes().saturating_sub(shared.bytes());
        self.shared
            .as_ref()
            .is_none_or(|shared| shared.try_grow(more(shared)))
    }

    /// Gives back to the shared budget what is no longer kept.
    fn give_back(&self) {
        if let Some(shared) = &self.shared
            && let more @ 1.. = shared.bytes().saturating_sub(self.bytes())
        {
            shared.shrink(more);
        }
    }

    /// Sees to it that what is kept stays within the limits: spills the largest, or fails.
    fn make_room(&mut self, id: Option<TransactionId>, lsn: Lsn) -> Result<()> {
        while self.bytes() > self.limit || !self.hold() {
            match (self.spilling.as_ref(), self.transactions.largest()) {
                (Some(spilling), Some(largest)) => self.transactions.spill(largest, spilling)?,
                _ => return Err(self.too_large(id, lsn)),
            }
        }
        Ok(())
    }

    /// Whether so many bytes of a transaction may be delivered at once.
    pub(super) fn check_whole(&self, id: TransactionId, bytes: usize) -> Result<()> {
        if bytes <= self.limit {
            return Ok(());
        }
        let text = "a transaction's messages take more than the scan may keep once their hooks have run; raise \
                    transaction_buffer_bytes";
        Err(Error::new(ErrorKind::TooLarge, text)
            .with_context("transaction", id.0)
            .with_context("bytes", bytes)
            .with_context("transaction_buffer_bytes", self.limit))
    }

    fn too_large(&self, id: Option<TransactionId>, lsn: Lsn) -> Error {
        let all = self.shared.as_ref().filter(|_| self.bytes() <= self.limit);
        let text = match (&self.spilling, all) {
            (Some(_), None) => {
                "a message of many chunks takes more than the scan may keep; raise transaction_buffer_bytes"
            }
            (None, None) => {
                "messages that are not yet whole, or whose transaction is open, take more than the scan may keep; \
                 raise transaction_buffer_bytes, or give a directory to spill to"
            }
            (_, Some(_)) => {
                "messages that are not yet whole, or whose transaction is open, take more than all scans together may \
                 keep; raise that limit, or give a directory to spill to"
            }
        };
        let mut error = Error::new(ErrorKind::TooLarge, text)
            .with_context("lsn", lsn)
            .with_context("bytes", self.bytes())
            .with_context("transaction_buffer_bytes", self.limit);
        if let Some(limits) = all.map(Charge::limits) {
            let category = Category::Transactions;
            error = error
                .with_context("bytes of all scans", limits.used(category))
                .with_context("limit of all scans", limits.limit(category));
        }
        match id {
            Some(id) => error.with_context("transaction", id.0),
            None => error,
        }
    }
}

/// The oldest transaction that a record is of, or that is open with it.
fn oldest(header: &Header) -> Option<Seq> {
    let own = header.transaction.map(|transaction| transaction.id.0);
    [own, header.oldest_open].into_iter().flatten().min()
}
