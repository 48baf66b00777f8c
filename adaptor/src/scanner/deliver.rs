//! Checks what a scanner has read and delivers what is wanted.

use std::collections::VecDeque;

use walx_core::{Entry, Error, ErrorKind, GapReason, Place, PlacedMessage};
use walx_impls::{Kind, StoredRecord};

use super::ScannerAdaptor;
use super::check::Seen;
use super::range::goes_on;
use super::source::Source;
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
        // A hole that ends before the start is nobody's concern.
        match seen {
            Seen::Nothing => return ends,
            _ if before => return ends,
            Seen::Stale(gap) => {
                self.push(Entry::Gap(gap), out);
                return ends;
            }
            Seen::Behind(gap) => self.push(Entry::Gap(gap), out),
            Seen::Next => {}
        }
        let header = &record.record.header;
        if excluded || header.kind != Kind::Data {
            return ends;
        }
        if header.transaction.is_some() || header.chunk.is_some() {
            self.fail(unreadable(
                "the channel holds transactions or chunks; read it with a newer version of walx",
            ));
            return ends;
        }
        let wanted = match (&self.parts.virtual_channel, &header.virtual_channel) {
            (Some(wanted), Some(virtual_channel)) => wanted == virtual_channel,
            _ => true,
        };
        if wanted && let (Some(seq), Some(lsn)) = (header.seq, header.lsn) {
            let place = Place::new(record.id, lsn, header.tick, header.owner);
            let placed =
                PlacedMessage::new(place, record.record.message(), seq, header.oldest_open);
            self.push(Entry::Message(placed), out);
        }
        ends
    }

    pub(super) fn push(&mut self, mut entry: Entry, out: &mut Vec<Entry>) {
        match self.parts.log.hook(&mut entry) {
            Ok(()) => {
                match &entry {
                    Entry::Message(placed) => {
                        self.filled_messages += 1;
                        self.filled_bytes += placed.message.bytes();
                    }
                    Entry::Gap(gap) => {
                        gap_met(&self.parts.log.channel.name, gap);
                        self.parts.log.metrics.gap(gap);
                    }
                    _ => {}
                }
                out.push(entry);
            }
            Err(error) => self.fail(error),
        }
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
        self.parts.follow = None;
    }
}

pub(super) fn unreadable(message: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}
