//! Proves end to end that what is read is what was handed in.

use walx_core::{AppendContext, Interceptor, Message, PlacedMessage, Result, ScanContext, Stage};

use super::mark::{self, CHECKSUM, context, corrupt};

/// A CRC-32C over payload, properties, key, virtual channel and exclusiveness of each message.
///
/// It finds what happens between this hook's `before` in the writer and its `scan` in the reader: in walx, in the
/// backend, in its server, on its disks. It does not prove who wrote: that is what
/// [`Encryption`](super::Encryption) does. A reader needs no such hook: it verifies wherever it meets the mark.
///
/// Order: behind hooks that change messages, before compression and encryption, so that it covers what the user sees.
///
/// A mismatch ends the scan with `Corrupt`, which names channel and lsn.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Checksum;

impl Checksum {
    /// The hook.
    pub const fn new() -> Self {
        Self
    }
}

impl Interceptor for Checksum {
    fn name(&self) -> &'static str {
        "checksum"
    }

    fn stage(&self) -> Option<Stage> {
        Some(Stage::Checksum)
    }

    fn before(&self, _: &AppendContext<'_>, message: &mut Message) -> Result<()> {
        let sum = sum(message).to_be_bytes();
        message.properties.push(CHECKSUM, sum.to_vec());
        Ok(())
    }

    fn scan(&self, _: &ScanContext<'_>, placed: &mut PlacedMessage) -> Result<()> {
        verify(placed)
    }
}

/// Verifies a message that has a checksum, and takes the mark away.
pub(super) fn verify(placed: &mut PlacedMessage) -> Result<()> {
    match mark::take(&mut placed.message, CHECKSUM) {
        Some(stored) if stored[..] != sum(&placed.message).to_be_bytes() => {
            let why = "the message is not what was handed in: its checksum differs; restore it, or repair the store";
            Err(corrupt(placed, "checksum", why))
        }
        _ => Ok(()),
    }
}

fn sum(message: &Message) -> u32 {
    let mut sum = crc32c::crc32c(&message.payload);
    context(message, |bytes| sum = crc32c::crc32c_append(sum, bytes));
    sum
}
