//! What an append brings to the stage, and the frame that it becomes a part of.

use std::sync::Arc;

use walx_core::{Error, ErrorKind, Header};

use crate::completion::Completion;
use crate::summary::marks;

/// One record on its way, encoded.
pub(crate) struct Encoded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) crc: u32,
    pub(crate) lsn: Option<u64>,
    pub(crate) tick: u64,
}

impl Encoded {
    pub(crate) fn new(bytes: Vec<u8>, header: &Header) -> Self {
        let (lsn, tick) = marks(header);
        Self {
            crc: crc32c::crc32c(&bytes),
            bytes,
            lsn,
            tick,
        }
    }
}

/// A record's line for the summary.
pub(crate) struct Staged {
    pub(crate) channel: u32,
    pub(crate) number: u64,
    pub(crate) bytes: u32,
    pub(crate) lsn: Option<u64>,
    pub(crate) tick: u64,
}

/// A frame that grows.
pub(crate) struct Group {
    pub(crate) first_serial: u64,
    pub(crate) dir: Vec<u8>,
    pub(crate) body: Vec<u8>,
    pub(crate) records: Vec<Staged>,
    pub(crate) done: Arc<Completion>,
}

impl Group {
    pub(crate) fn new(first_serial: u64) -> Self {
        let done = Arc::default();
        Self {
            first_serial,
            dir: Vec::new(),
            body: Vec::new(),
            records: Vec::new(),
            done,
        }
    }

    pub(crate) fn end_serial(&self) -> u64 {
        self.first_serial + self.records.len() as u64
    }
}

impl Drop for Group {
    /// Whatever happened to the writer, nobody waits for ever; an outcome that was told stays.
    fn drop(&mut self) {
        let text = "the writer ended; open the channel again and scan";
        self.done
            .complete_late(|| Error::new(ErrorKind::OutcomeUnknown, text));
    }
}
