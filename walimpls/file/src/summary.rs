//! What a segment holds: a line a channel, and a sparse index. In memory for the segment that is written, in the
//! footer of sealed ones.

use std::collections::{BTreeMap, HashMap};

use walx_core::Header;

use crate::varint;

/// How much log lies between two index entries of a channel.
const SPACING: u64 = 256 << 10;
/// The most entries of a segment (3 MiB); where there are more channels, entries stand further apart.
const MOST: usize = 1 << 16;

/// What a segment holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) first_serial: u64,
    pub(crate) end_serial: u64,
    /// Every channel that has records here or before.
    pub(crate) channels: BTreeMap<u32, Span>,
    pub(crate) index: Vec<Entry>,
    last_entry: HashMap<u32, u64>,
}

/// What a segment holds of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// The number of its first record here; where there is none, `end`.
    pub(crate) first: u64,
    /// The number behind its last record here or before.
    pub(crate) end: u64,
    /// How many records lie here.
    pub(crate) records: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
}

/// A place from which a channel can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) channel: u32,
    /// The number of the channel's first record in the frame.
    pub(crate) number: u64,
    /// The first serial of the frame.
    pub(crate) serial: u64,
    /// The offset of the frame.
    pub(crate) offset: u64,
    /// The lsn of that record; `None` on a Barrier.
    pub(crate) lsn: Option<u64>,
    /// The tick of that record.
    pub(crate) tick: u64,
}

impl Summary {
    /// A new segment's: it knows the channels of those before.
    pub(crate) fn following(&self, first_serial: u64) -> Self {
        let channels = self.channels.iter().map(|(channel, span)| {
            (
                *channel,
                Span {
                    first: span.end,
                    end: span.end,
                    records: 0,
                    bytes: 0,
                },
            )
        });
        Self {
            first_serial,
            end_serial: first_serial,
            channels: channels.collect(),
            ..Self::default()
        }
    }

    /// Adds a record. `place` is (first serial, offset) of its frame; `header` is asked for where an entry is due.
    pub(crate) fn add(
        &mut self,
        channel: u32,
        number: u64,
        bytes: u64,
        place: (u64, u64),
        header: impl FnOnce() -> Option<(Option<u64>, u64)>,
    ) {
        let span = self.channels.entry(channel).or_default();
        if span.records == 0 {
            span.first = number;
        }
        span.end = number + 1;
        span.records += 1;
        span.bytes += bytes;
        let (serial, offset) = place;
        let due = self
            .last_entry
            .get(&channel)
            .is_none_or(|last| offset >= last + SPACING);
        if due
            && self.index.len() < MOST
            && let Some((lsn, tick)) = header()
        {
            self.last_entry.insert(channel, offset);
            self.index.push(Entry {
                channel,
                number,
                serial,
                offset,
                lsn,
                tick,
            });
        }
    }

    /// A channel's line, if it has records here.
    pub(crate) fn span(&self, channel: u32) -> Option<&Span> {
        self.channels.get(&channel).filter(|span| span.records > 0)
    }

    /// A channel's entries, ascending.
    pub(crate) fn entries(&self, channel: u32) -> impl DoubleEndedIterator<Item = &Entry> {
        self.index
            .iter()
            .filter(move |entry| entry.channel == channel)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for number in [
            self.first_serial,
            self.end_serial,
            self.channels.len() as u64,
        ] {
            varint::put(&mut out, number);
        }
        for (channel, span) in &self.channels {
            for number in [
                u64::from(*channel),
                span.first,
                span.end,
                span.records,
                span.bytes,
            ] {
                varint::put(&mut out, number);
            }
        }
        varint::put(&mut out, self.index.len() as u64);
        for entry in &self.index {
            let lsn = entry.lsn.map_or(0, |lsn| lsn.saturating_add(1));
            for number in [
                u64::from(entry.channel),
                entry.number,
                entry.serial,
                entry.offset,
                lsn,
                entry.tick,
            ] {
                varint::put(&mut out, number);
            }
        }
        out
    }

    pub(crate) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let bytes = &mut bytes;
        let mut summary = Self {
            first_serial: varint::take(bytes)?,
            end_serial: varint::take(bytes)?,
            ..Self::default()
        };
        if !varint::are_possible(&[summary.first_serial, summary.end_serial]) {
            return None;
        }
        for _ in 0..varint::take(bytes)? {
            let channel = u32::try_from(varint::take(bytes)?).ok()?;
            let span = Span {
                first: varint::take(bytes)?,
                end: varint::take(bytes)?,
                records: varint::take(bytes)?,
                bytes: varint::take(bytes)?,
            };
            if !varint::are_possible(&[span.first, span.end, span.records, span.bytes]) {
                return None;
            }
            summary.channels.insert(channel, span);
        }
        for _ in 0..varint::take(bytes)? {
            let channel = u32::try_from(varint::take(bytes)?).ok()?;
            let (number, serial, offset) = (
                varint::take(bytes)?,
                varint::take(bytes)?,
                varint::take(bytes)?,
            );
            if !varint::are_possible(&[number, serial, offset]) {
                return None;
            }
            let (lsn, tick) = (varint::take(bytes)?.checked_sub(1), varint::take(bytes)?);
            summary.index.push(Entry {
                channel,
                number,
                serial,
                offset,
                lsn,
                tick,
            });
        }
        Some(summary)
    }
}

/// What the index keeps of a record's header.
pub(crate) fn marks(header: &Header) -> (Option<u64>, u64) {
    (header.lsn.map(walx_core::Lsn::get), header.tick.get())
}
