//! The keys that a log's newest records carry, for its next owner.

use walx_core::{Header, IdempotencyOption, Kind, MessageId, Owner, Place, Record, Seq, Tick};

use super::{Keyed, Window, counted};

/// The header of a record that keys depend on.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    id: MessageId,
    header: Header,
    /// Of its record, and of those behind it that no key depends on.
    bytes: u64,
    /// The newest of those before it that no key depends on.
    before: Option<Newest>,
}

/// Of a record; a Barrier has no seq.
type Newest = (Owner, Option<Seq>);

/// What an owner that was before has written of keys, read from the end of the log towards its beginning.
pub(crate) struct Keys {
    option: IdempotencyOption,
    /// The newest first.
    kept: Vec<Kept>,
    /// Of the records since the last one that was kept.
    bytes: u64,
    /// Of all records.
    read: u64,
    newest: Option<Tick>,
    /// Where the last Checkpoint says that the window begins.
    start: Option<Seq>,
}

impl Keys {
    pub(crate) fn new(option: IdempotencyOption) -> Self {
        Self {
            option,
            kept: Vec::new(),
            bytes: 0,
            read: 0,
            newest: None,
            start: None,
        }
    }

    /// A Checkpoint says from where the log must be read.
    pub(crate) fn starts_at(&mut self, start: Seq) {
        self.start.get_or_insert(start);
    }

    /// Takes the record before those that were taken; `false` where nothing before it matters.
    pub(crate) fn take(&mut self, id: MessageId, record: &Record) -> bool {
        let header = &record.header;
        let Some(seq) = header.seq else {
            self.stands_before(header);
            return true;
        };
        if self.start.is_some_and(|start| seq < start) {
            return false;
        }
        let newest = *self.newest.get_or_insert(header.tick);
        let age_ms = newest.unix_ms().saturating_sub(header.tick.unix_ms());
        self.bytes += counted(record);
        self.read += counted(record);
        let has_key = header.kind == Kind::Data && header.idempotency_key.is_some();
        if has_key || matches!(header.kind, Kind::Commit | Kind::Rollback) {
            self.kept.push(Kept {
                id,
                header: header.clone(),
                bytes: std::mem::take(&mut self.bytes),
                before: None,
            });
        } else {
            self.stands_before(header);
        }
        // Chunks before it may be older than the last one, where a recovery has written that one again.
        let goes_on = header.chunk.is_some_and(|it| it.index > 0);
        self.read < self.option.bytes as u64
            && (u128::from(age_ms) <= self.option.keep.as_millis() || goes_on)
    }

    fn stands_before(&mut self, header: &Header) {
        if let Some(kept) = self.kept.last_mut() {
            kept.before = kept.before.max(Some((header.owner, header.seq)));
        }
    }
}

impl<W> From<Keys> for Window<W> {
    fn from(keys: Keys) -> Self {
        let mut window = Self::new(keys.option);
        for kept in keys.kept.iter().rev() {
            window.restore(kept);
        }
        window
    }
}

/// How far the log was read.
#[derive(Default)]
pub(super) struct Restored {
    newest: Option<Newest>,
    /// The seq and index of the chunk that carries on.
    next_chunk: Option<(Seq, u32)>,
}

impl<W> Window<W> {
    /// Reads the log at an open: headers that matter, each with the bytes of its record and of those behind it that don't.
    pub(in crate::append) fn restore(&mut self, it: &Kept) {
        let header = &it.header;
        let at = self.count(header, it.bytes);
        let (Some(seq), Some(lsn)) = (header.seq, header.lsn) else {
            return;
        };
        // A copy, or of an owner that was overtaken, as scans drop them.
        self.restored.newest = self.restored.newest.max(it.before);
        let is_late = |(owner, last): Newest| header.owner < owner || Some(seq) <= last;
        if self.restored.newest.is_some_and(is_late) {
            return;
        }
        self.restored.newest = Some((header.owner, Some(seq)));
        let whole = self.restored.is_whole(header, seq);
        if whole || header.kind != Kind::Data {
            self.note(header, at, Vec::new());
        }
        if let Some(what) = Keyed::of(header).filter(|_| whole) {
            let place = Place::new(it.id, lsn, header.tick, header.owner);
            // Nobody waits yet.
            self.decided(what, Ok(place), &mut Vec::new());
        }
    }
}

impl Restored {
    /// Whether the record is a whole one, or the last chunk of a message whose chunks were all there.
    fn is_whole(&mut self, header: &Header, seq: Seq) -> bool {
        let expected = self.next_chunk.take();
        let Some(chunk) = header.chunk else {
            return true;
        };
        let carries_on = chunk.index == 0 || expected == Some((seq, chunk.index));
        let ends = header.ends_message();
        if carries_on && !ends {
            self.next_chunk = Some((seq.next(), chunk.index + 1));
        }
        carries_on && ends
    }
}
