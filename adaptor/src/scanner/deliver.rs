//! Checks what a scanner has read and delivers what is wanted.

use std::collections::VecDeque;
use std::sync::Arc;

use walx_core::{Entry, Error, ErrorKind, GapReason, Place, PlacedMessage, PlacedTransaction};
use walx_impls::{Kind, StoredRecord};

use super::ScannerAdaptor;
use super::assembly::{Committed, Whole};
use super::check::Seen;
use super::foreign::Foreign;
use super::range::goes_on;
use super::source::Source;
use super::spill::Spilled;
use super::transaction::Kept;
use crate::interceptor::gap_met;

impl ScannerAdaptor {
    /// Checks a record, and delivers it if it is wanted; `true` where the scan ends with it.
    pub(super) fn deliver(&mut self, record: &StoredRecord, out: &mut Vec<Entry>) -> bool {
        let parts = &mut self.parts;
        // Only the first record of a source tells where it starts.
        let earliest = parts.earliest.take();
        parts.proved = parts.proved || parts.from.is_kept_by(record, earliest);
        if record.record.header.seq.is_some() {
            let kept = match std::mem::replace(&mut parts.proved, true) {
                true => parts.check.check_start(record),
                false => parts.from.check_kept(record),
            };
            match kept {
                Err(error) if goes_on(parts.on_lost, error.kind()) => {
                    parts
                        .check
                        .expect_hole(GapReason::Truncated, error.message().to_owned());
                }
                Err(error) => {
                    self.fail(error);
                    return true;
                }
                Ok(()) => {}
            }
        }
        let seen = parts.check.see(record);
        let excluded = parts.until.excludes(record);
        let ends = excluded || parts.until.ends_with(record);
        let before = parts.from.is_before(record);
        let header = &record.record.header;
        if seen == Seen::Nothing {
            return ends;
        }
        if let Some(gap) = parts.foreign.before(record.id, before) {
            self.push(Entry::Gap(gap), out);
        }
        match seen {
            Seen::Nothing | Seen::Next => {}
            // A hole that ends before the start is nobody's concern.
            Seen::Stale(gap) => {
                if !before {
                    self.push(Entry::Gap(gap), out);
                }
                return ends;
            }
            Seen::Behind(gap) => {
                self.parts.assembly.behind(&gap, header);
                if !before {
                    self.push(Entry::Gap(gap), out);
                }
            }
        }
        if excluded {
            return ends;
        }
        let assembly = &self.parts.assembly;
        let plain = header.transaction.is_none() && header.chunk.is_none();
        if plain && header.kind == Kind::Data && assembly.is_idle() {
            let wanted = !before && assembly.wants(header.virtual_channel.as_ref());
            if wanted && let (Some(seq), Some(lsn)) = (header.seq, header.lsn) {
                let place = Place::new(record.id, lsn, header.tick, header.owner);
                let placed =
                    PlacedMessage::new(place, record.record.message(), seq, header.oldest_open);
                self.push(Entry::Message(placed), out);
            }
            return ends;
        }
        if !assembly.is_primed() && self.must_read_back(record, before, ends) {
            return false;
        }
        self.assemble(record, before, out);
        ends
    }

    /// Delivers what is whole with a record, unless it stands before the start.
    pub(super) fn assemble(&mut self, record: &StoredRecord, before: bool, out: &mut Vec<Entry>) {
        match self.parts.assembly.add(record) {
            Err(error) => self.fail(error),
            Ok(None) => {}
            Ok(Some(_)) if before => {}
            Ok(Some(Whole::Message(placed))) => self.push(Entry::Message(placed), out),
            Ok(Some(Whole::Marker(marker))) => self.push(Entry::Marker(marker), out),
            Ok(Some(Whole::Gap(gap))) => self.push(Entry::Gap(gap), out),
            Ok(Some(Whole::Transaction(committed))) => self.push_transaction(committed, out),
        }
    }

    /// Lets the hooks see the messages of a transaction, those that are spilled once they are read, and delivers it.
    fn push_transaction(&mut self, committed: Committed, out: &mut Vec<Entry>) {
        let hooks = self.parts.log.hooks();
        let Committed {
            place,
            id,
            virtual_channel,
            kept,
            bytes,
            seq,
            oldest_open,
        } = committed;
        let (bodies, spilled) = match kept {
            Kept::Here(bodies) => (bodies, None),
            Kept::Spilled(spill) => {
                let spilled = Spilled {
                    spill,
                    id,
                    virtual_channel: virtual_channel.clone(),
                    hooks: Arc::clone(hooks),
                };
                (Vec::new(), Some(spilled))
            }
        };
        let (mut bodies, mut whole) = (bodies, 0);
        for body in &mut bodies {
            let ran = hooks.run(body);
            whole += body.message.bytes();
            // What was compressed may be much larger now.
            if let Err(error) = ran.and_then(|()| self.parts.assembly.check_whole(id, whole)) {
                return self.fail(error);
            }
        }
        let bytes = bytes.max(whole);
        let mut placed = PlacedTransaction::new(place, id, bodies, seq, oldest_open)
            .with_virtual_channel(virtual_channel);
        if let Some(spilled) = spilled {
            placed = placed.stored(Arc::new(spilled));
        }
        self.filled_bytes += bytes;
        self.push(Entry::Transaction(placed), out);
    }

    pub(super) fn push(&mut self, mut entry: Entry, out: &mut Vec<Entry>) {
        let hooked = match &mut entry {
            Entry::Message(placed) => self.parts.log.hooks().run(placed),
            _ => Ok(()),
        };
        if let Err(error) = hooked {
            return self.fail(error);
        }
        match &entry {
            Entry::Message(placed) => {
                self.filled_messages += 1;
                self.filled_bytes += placed.message.bytes();
            }
            Entry::Transaction(placed) => self.filled_messages += placed.count() as u64,
            Entry::Foreign(record) => self.filled_bytes += record.bytes(),
            Entry::Gap(gap) => {
                gap_met(&self.parts.log.channel.name, gap);
                self.parts.log.metrics.gap(gap);
            }
            _ => {}
        }
        out.push(entry);
    }

    pub(super) fn fail(&mut self, error: Error) {
        let error = error
            .with_operation("scan")
            .with_channel(&self.parts.log.channel.name);
        self.failed.get_or_insert(error);
    }

    /// Frees everything but what is ready.
    pub(super) fn end(&mut self) {
        self.go_to(Source::Ended);
        self.parts.pending = VecDeque::new();
        self.parts.back = None;
        self.parts.foreign = Foreign::default();
        self.parts.assembly.clear();
        self.parts.follow = None;
    }
}

pub(super) fn unreadable(message: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}
