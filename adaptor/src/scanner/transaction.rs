//! Keeps the messages of open transactions until they are committed.

use std::collections::BTreeMap;

use walx_core::{Lsn, PlacedMessage, Result, Seq, VirtualChannel};

use super::spill::{Spill, Spilling};

/// The open transactions, by the seqs of their Begins.
#[derive(Default)]
pub(super) struct Transactions {
    open: BTreeMap<Seq, Open>,
    bytes: usize,
}

/// A transaction that has begun.
pub(super) struct Open {
    pub(super) virtual_channel: Option<VirtualChannel>,
    /// The lsn of the first message behind its Begin.
    pub(super) lsn: Lsn,
    /// Whether its messages are kept; if not, they are only counted.
    wanted: bool,
    /// Its records: each chunk of a message is one.
    records: u64,
    /// Bytes of its messages, wherever they are.
    pub(super) bytes: usize,
    /// What its messages take in memory.
    held: usize,
    bodies: Vec<PlacedMessage>,
    spill: Option<Spill>,
}

/// Where the messages of a committed transaction are.
pub(super) enum Kept {
    Here(Vec<PlacedMessage>),
    Spilled(Spill),
}

impl Open {
    /// Whether it has as many records as its Commit says.
    pub(super) fn is_whole(&self, count: Option<u32>) -> bool {
        count.is_some_and(|count| u64::from(count) == self.records)
    }

    /// Its messages; where some of them are spilled, the others follow them.
    pub(super) fn into_kept(self) -> Result<Kept> {
        let Some(mut spill) = self.spill else {
            return Ok(Kept::Here(self.bodies));
        };
        for body in &self.bodies {
            spill.push(body)?;
        }
        Ok(Kept::Spilled(spill))
    }

    /// Moves what is in memory to its file.
    fn spill(&mut self, to: &Spilling) -> Result<()> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            none => none.insert(to.create()?),
        };
        for body in std::mem::take(&mut self.bodies) {
            spill.push(&body)?;
        }
        Ok(())
    }
}

impl Transactions {
    /// What their messages take in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn begin(
        &mut self,
        id: Seq,
        lsn: Lsn,
        virtual_channel: Option<VirtualChannel>,
        wanted: bool,
    ) {
        self.end(id);
        let open = Open {
            virtual_channel,
            lsn,
            wanted,
            records: 0,
            bytes: 0,
            held: 0,
            bodies: Vec::new(),
            spill: None,
        };
        self.open.insert(id, open);
    }

    /// Counts a record; whether its message is wanted.
    pub(super) fn count(&mut self, id: Seq) -> bool {
        let Some(open) = self.open.get_mut(&id) else {
            return false;
        };
        open.records += 1;
        open.wanted
    }

    /// Keeps a message, once its last record is counted.
    pub(super) fn push(&mut self, id: Seq, body: PlacedMessage) {
        let Some(open) = self.open.get_mut(&id).filter(|open| open.wanted) else {
            return;
        };
        let bytes = body.message.bytes();
        let held = bytes + size_of::<PlacedMessage>() + body.message.properties.held_bytes();
        open.bytes += bytes;
        open.held += held;
        self.bytes += held;
        open.bodies.push(body);
    }

    /// Takes one out, because it is committed or given up.
    pub(super) fn end(&mut self, id: Seq) -> Option<Open> {
        let open = self.open.remove(&id)?;
        self.bytes -= open.held;
        Some(open)
    }

    /// Drops those that began before `oldest`, or all: their ends are lost.
    pub(super) fn drop_before(&mut self, oldest: Option<Seq>) {
        self.open.retain(|id, open| {
            let stays = oldest.is_some_and(|oldest| *id >= oldest);
            if !stays {
                self.bytes -= open.held;
            }
            stays
        });
    }

    /// The one that takes most memory.
    pub(super) fn largest(&self) -> Option<Seq> {
        let largest = self.open.iter().max_by_key(|(_, open)| open.held)?;
        (largest.1.held > 0).then_some(*largest.0)
    }

    /// Moves a transaction's messages out of memory.
    pub(super) fn spill(&mut self, id: Seq, to: &Spilling) -> Result<()> {
        if let Some(open) = self.open.get_mut(&id) {
            open.spill(to)?;
            self.bytes -= std::mem::take(&mut open.held);
        }
        Ok(())
    }
}
