//! What was appended, and what of it must be there after each kind of end.

use std::fmt::Write as _;

use walx_core::{Header, Kind, Lsn, Owner, Record, Seq, Term, Tick};

/// What went wrong, in words.
pub(super) type Verdict<T = ()> = Result<T, String>;

/// Demands something.
pub(super) fn demand(holds: bool, text: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(text()) }
}

/// A record that was handed in.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) channel: usize,
    /// No other record has it.
    pub(super) tag: u64,
    pub(super) len: usize,
    /// Records of one batch are there together or not at all.
    pub(super) batch: u64,
    /// What the backend gave it, once that is known.
    pub(super) number: Option<u64>,
    /// The disk decayed where it lies.
    pub(super) lost: bool,
}

impl Entry {
    /// What the backend gets, and must give back.
    pub(super) fn record(&self) -> Record {
        let header = Header::new(Kind::Data, Owner::new(Term::FIRST), Tick::new(1 + self.tag))
            .numbered(Seq::new(self.tag), Lsn::new(self.tag));
        let mut payload = vec![self.tag as u8; self.len];
        for (byte, at) in payload.iter_mut().zip(0_u64..24) {
            *byte = (self.tag.wrapping_mul(at + 1) >> 3) as u8;
        }
        let mut record = Record::marker(header);
        record.payload = payload.into();
        if self.tag.is_multiple_of(3) {
            record
                .properties
                .push("tag", self.tag.to_string().into_bytes());
        }
        record
    }
}

/// How far a channel is truncated.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    /// Numbers below it are gone.
    pub(super) from: u64,
    /// They may be, up to here: nobody was told.
    pub(super) asked: u64,
}

/// All channels of the store.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// By serial: the log has them in this order.
    pub(super) entries: Vec<Entry>,
    /// So many of them were acknowledged.
    pub(super) acked: usize,
    /// So many of them survive a loss of power.
    pub(super) durable: usize,
    /// No more of them may be there.
    pub(super) most: Option<usize>,
    pub(super) marks: Vec<Mark>,
    next_tag: u64,
    next_batch: u64,
}

/// What a reader got of a channel.
#[derive(Debug, Default)]
pub(super) struct Got {
    /// With their numbers.
    pub(super) records: Vec<(u64, Record)>,
    /// Places that it was told of where records are lost.
    pub(super) gaps: usize,
}

/// What readers got of each channel.
pub(super) type Seen = Vec<Got>;

impl Model {
    pub(super) fn new(channels: usize) -> Self {
        Self {
            marks: vec![Mark::default(); channels],
            ..Self::default()
        }
    }

    /// One more batch, which the caller appends right away; where it stands.
    pub(super) fn append(&mut self, channel: usize, sizes: &[usize]) -> std::ops::Range<usize> {
        let start = self.entries.len();
        self.next_batch += 1;
        for len in sizes {
            let (tag, len, batch) = (self.tag(), *len, self.next_batch);
            let number = None;
            self.entries.push(Entry {
                channel,
                tag,
                len,
                batch,
                number,
                lost: false,
            });
        }
        start..self.entries.len()
    }

    pub(super) fn tag(&mut self) -> u64 {
        self.next_tag += 1;
        self.next_tag
    }

    /// Compares what a reader got with what may be there: at least so many of the entries, or exactly so many where
    /// that is known. How many are.
    pub(super) fn compare(
        &mut self,
        seen: &Seen,
        least: usize,
        exactly: Option<usize>,
    ) -> Verdict<usize> {
        let tail = &self.entries[least..];
        let last = tail.iter().rposition(|entry| {
            let seen = seen[entry.channel].records.last();
            seen.is_some_and(|(_, record)| record.header.seq == Some(Seq::new(entry.tag)))
        });
        let there = exactly.unwrap_or_else(|| least + last.map_or(0, |last| last + 1));
        let most = self.most.unwrap_or(self.entries.len());
        demand((least..=most).contains(&there), || {
            format!("{there} entries are there, and {least} to {most} should be")
        })?;
        let torn = there > 0
            && self.entries.get(there).is_some_and(|entry| {
                self.entries[there - 1].batch == entry.batch && !self.is_gone(entry)
            });
        demand(!torn, || {
            format!("the batch of the entry {there} is there in part")
        })?;
        for (channel, seen) in seen.iter().enumerate() {
            self.compare_channel(channel, seen, there)?;
        }
        Ok(there)
    }

    fn compare_channel(&mut self, channel: usize, got: &Got, there: usize) -> Verdict {
        let (seen, lossy) = (&got.records, self.has_losses());
        let own = |entry: &&mut Entry| entry.channel == channel;
        let mut own: Vec<_> = self.entries[..there].iter_mut().filter(own).collect();
        let mark = self.marks[channel];
        let kept = |entry: &&mut Entry, from| entry.number.is_none_or(|number| number >= from);
        let count = |from| {
            let there = |entry: &&&mut Entry| kept(entry, from) && !entry.lost;
            own.iter().filter(there).count()
        };
        let from = match seen.len() {
            len if len == count(mark.from) => mark.from,
            len if len == count(mark.asked) => mark.asked,
            len => {
                let mut text = format!(
                    "channel {channel} has {len} records of {there} entries, not {} from {mark:?} on:",
                    count(mark.from)
                );
                for (number, record) in seen {
                    let _ = write!(text, " {number}:{:?}", record.header.seq.map(Seq::get));
                }
                text.push_str("\nentries:");
                for entry in &own {
                    let _ = write!(text, " {:?}:{}", entry.number, entry.tag);
                }
                return Err(text);
            }
        };
        own.retain(|entry| kept(entry, from));
        let lost = own.iter().filter(|entry| entry.lost).count();
        let told = got.gaps;
        demand((lost == 0 || told > 0) && (told == 0 || lossy), || {
            format!("channel {channel}: {lost} records are lost, and {told} gaps are told")
        })?;
        own.retain(|entry| !entry.lost);
        let mut before = None;
        for (entry, (number, record)) in own.into_iter().zip(seen) {
            demand(entry.number.is_none_or(|known| known == *number), || {
                format!("channel {channel}: {entry:?} is there with the number {number}")
            })?;
            demand(before < Some(*number), || {
                format!("channel {channel}: number {number} comes behind {before:?}")
            })?;
            demand(*record == entry.record(), || {
                format!(
                    "channel {channel}: {number} is {:?}, not {entry:?}",
                    record.header
                )
            })?;
            before = Some(*number);
            entry.number = Some(*number);
        }
        Ok(())
    }

    /// Whether the entry there may be truncated, so that nobody sees whether it is there.
    pub(super) fn may_hide(&self, at: usize) -> bool {
        self.entries
            .get(at)
            .is_some_and(|entry| self.is_gone(entry))
    }

    /// Whether it may be truncated.
    fn is_gone(&self, entry: &Entry) -> bool {
        let asked = self.marks[entry.channel].asked;
        entry.number.is_some_and(|number| number < asked)
    }

    /// Whether records are lost, of any channel: each is told of places where it may have had some.
    pub(super) fn has_losses(&self) -> bool {
        self.entries.iter().any(|entry| entry.lost)
    }

    /// From now on so many are there, whatever happens.
    pub(super) fn settle(&mut self, there: usize) {
        self.entries.truncate(there);
        (self.acked, self.durable, self.most) = (there, there, None);
    }

    /// How far truncations came, as an owner sees it.
    pub(super) fn settle_mark(&mut self, channel: usize, from: u64) -> Verdict {
        let mark = &mut self.marks[channel];
        demand(from == mark.from || from == mark.asked, || {
            format!("channel {channel} starts at {from}, not at one of {mark:?}")
        })?;
        *mark = Mark { from, asked: from };
        Ok(())
    }

    /// The records of a channel that are kept, by number, of the first `there`.
    pub(super) fn kept(&self, channel: usize, there: usize) -> impl Iterator<Item = u64> {
        let from = self.marks[channel].from;
        self.entries[..there]
            .iter()
            .filter(move |entry| entry.channel == channel && !entry.lost)
            .filter_map(|entry| entry.number)
            .filter(move |number| *number >= from)
    }
}
