//! Records, and marks of writers, as messages of Kafka.
//!
//! ```text
//! record  value = payload, no key, timestamp = the tick's Unix ms, headers:
//!         walx           header v1 of walx (helper's frame) ‖ writer u64
//!         walx.read      u64; only of writers that fence by reading back
//!         <name>         a user property, one header each, in order
//!         walx.p.<name>  one whose name is `walx` or starts with `walx.`
//!         walx.x.<hex>   one whose name holds a NUL, at which librdkafka would cut it
//! mark    no value, header walx.mark = version u8 (1) ‖ token (16 random bytes)
//! ```
//!
//! All numbers are little endian. `writer` is the offset of the mark that the record's writer left last when it opened,
//! and so its number: a larger one came later. A message without `walx` and `walx.mark` is somebody else's: foreign.
//!
//! `walx.read` is what lets a reader start anywhere where brokers don't fence. It says: up to this offset the writer
//! had read the log back, and its own mark was the newest one, when the record was appended. So whether the record is
//! one of a writer that was overtaken is decided by what lies between that offset and the record, which is no more than
//! was in flight.

mod decode;
mod encode;
mod name;
#[cfg(test)]
mod tests;

use walx_core::Record;

pub(crate) use decode::decode;
pub(crate) use encode::{headers, mark, unix_ms};

/// What makes a message a record of walx.
pub(crate) const RECORD: &str = "walx";
/// What makes a message the mark of a writer.
const MARK: &str = "walx.mark";
/// How far its writer had read back.
const READ: &str = "walx.read";
/// The version of marks that this walx writes, and the newest that it reads.
const MARK_VERSION: u8 = 1;

/// What tells a writer's mark from all others.
pub(crate) type Token = [u8; 16];

/// What a writer adds to each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The offset of the writer's mark.
    pub(crate) writer: i64,
    /// The offset up to which the writer had read back, where it fences so.
    pub(crate) read: Option<i64>,
}

/// What a message is.
#[derive(Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all of them are records, which a box would slow down"
)]
pub(crate) enum Content {
    /// A record, and what its writer added.
    Record(Record, Stamp),
    /// What a writer leaves when it opens.
    Mark(Token),
    /// Nothing of walx.
    Foreign,
}
