//! Stands for the system that records go to, with the least it must be able to do: keep records in order, and tell an
//! older writer from the newest one. A real backend has its client here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use walx_core::{Bounds, ChannelName, Error, ErrorKind, MessageId, Record, Result};
use walx_impls::{Batch, Scanned, StoredRecord};

use super::id;

// ANCHOR: types
#[derive(Default)]
pub(crate) struct System {
    logs: Mutex<BTreeMap<ChannelName, Log>>,
    /// Wakes the scanners that wait.
    pub(crate) changed: Notify,
}

impl System {
    pub(crate) fn logs(&self) -> MutexGuard<'_, BTreeMap<ChannelName, Log>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One channel.
#[derive(Default)]
pub(crate) struct Log {
    /// Grows with each writer: those of a smaller one are powerless.
    pub(crate) epoch: u64,
    /// Whether an append of the newest writer failed.
    pub(crate) failed: bool,
    /// The number of the first record that is kept.
    first: u64,
    records: VecDeque<Record>,
}
// ANCHOR_END: types

impl Log {
    // ANCHOR: append
    pub(crate) fn append(
        &mut self,
        batch: Batch<Record>,
        max_bytes: usize,
    ) -> Result<Batch<MessageId>> {
        if self.failed {
            let text = "an append of this handle failed before; open the channel again";
            return Err(Error::new(ErrorKind::NotWritten, text));
        }
        let largest = batch.as_slice().iter().map(Record::bytes).max();
        if largest > Some(max_bytes) {
            self.failed = true;
            let text = format!("a record is larger than {max_bytes} bytes: raise max_record");
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        Ok(batch.map(|record| {
            self.records.push_back(record);
            id::of(self.end() - 1)
        }))
    }
    // ANCHOR_END: append

    // ANCHOR: read
    /// What is kept from a number on, as many bytes as told; at least one record, or nothing at the tail.
    pub(crate) fn read(&self, from: u64, max_bytes: usize) -> Result<Vec<Scanned>> {
        let skip = self.kept(from)?;
        let mut bytes = 0;
        let some = self.records.iter().skip(skip).take_while(|record| {
            let is_first = bytes == 0;
            bytes += record.bytes();
            is_first || bytes <= max_bytes
        });
        let stored = (from..).zip(some).map(|(number, record)| StoredRecord {
            id: id::of(number),
            record: record.clone(),
        });
        Ok(stored.map(Scanned::Record).collect())
    }

    /// How many records that are kept lie before a number; an error where the next one is gone.
    pub(crate) fn kept(&self, number: u64) -> Result<usize> {
        let skip = number.checked_sub(self.first).ok_or_else(|| {
            let earliest = self.bounds().earliest;
            let text = "what comes next was truncated; start at the earliest record";
            Error::new(ErrorKind::PositionLost { earliest }, text)
        })?;
        Ok(skip as usize)
    }
    // ANCHOR_END: read

    // ANCHOR: truncate
    pub(crate) fn truncate(&mut self, number: u64) -> Result<()> {
        self.known(number)?;
        let dropped = (number + 1).saturating_sub(self.first);
        self.records.drain(..dropped as usize);
        self.first += dropped;
        Ok(())
    }
    // ANCHOR_END: truncate

    // ANCHOR: bounds
    pub(crate) fn known(&self, number: u64) -> Result<()> {
        let text = || format!("{} lies beyond the newest record", id::of(number));
        let known = (number < self.end()).then_some(());
        known.ok_or_else(|| Error::new(ErrorKind::InvalidInput, text()))
    }

    pub(crate) fn bounds(&self) -> Bounds {
        let newest = self.end().checked_sub(1).map(id::of);
        let earliest = (!self.records.is_empty()).then(|| id::of(self.first));
        Bounds::new(earliest, newest)
    }

    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    pub(crate) fn end(&self) -> u64 {
        self.first + self.records.len() as u64
    }
    // ANCHOR_END: bounds
}
