//! Makes batches of what a queue hands out.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use metrics::counter;
use rdkafka::error::RDKafkaErrorCode as Code;
use walx_core::{Error, ErrorKind, ForeignRecord, Properties, Record};
use walx_impls::{Scanned, StoredRecord};
use walx_utility::metric;

use super::fault;
use super::floor::{Floor, Verdict};
use super::queue::{Message, Queue};
use crate::id;
use crate::record::{Content, Stamp, decode};

/// The most that one batch has: records, and bytes unless one record is larger.
const MOST_RECORDS: usize = 512;
const MOST_BYTES: usize = 256 << 10;

/// How a reader of a topic goes on.
pub(super) struct Course {
    pub(super) topic: Arc<str>,
    pub(super) floor: Floor,
    /// Everything before it was handed out, or passed over.
    pub(super) next: i64,
    /// The most bytes of a batch.
    pub(super) most_bytes: usize,
    /// How large messages were of late.
    pub(super) average: usize,
    /// The first offset of the damaged batch that was met last.
    damaged: Option<i64>,
}

/// Why a batch ends.
pub(super) enum End {
    /// There is nothing more at present.
    Empty,
    /// It is large enough.
    Full,
    /// Whether this record counts depends on what lies behind this offset.
    LookBack(i64, Box<Undecided>),
    /// What comes next is not in the topic, or came damaged and may come sound.
    Lost,
    /// The batch that begins at this offset is damaged.
    Damaged(i64),
    /// Reading is over.
    Failed(Error),
}

/// A record, of which is not known whether it counts.
pub(super) struct Undecided {
    offset: i64,
    record: Record,
    stamp: Stamp,
}

impl Course {
    /// Of a reader that begins there.
    pub(super) fn new(topic: Arc<str>, floor: Floor, next: i64, read_ahead_bytes: usize) -> Self {
        Self {
            topic,
            floor,
            next,
            most_bytes: read_ahead_bytes.clamp(1, MOST_BYTES),
            average: MOST_BYTES / 16,
            damaged: None,
        }
    }

    /// Adds what is there to `batch`.
    pub(super) fn collect(&mut self, queue: &mut Queue, batch: &mut Vec<Scanned>) -> End {
        // Messages that are passed over count as well: of marks there may be many.
        let (mut met, mut bytes) = (0, 0);
        while met < MOST_RECORDS && bytes < self.most_bytes {
            let room = (self.most_bytes - bytes) / self.average.max(1);
            if !queue.fill(room.clamp(1, MOST_RECORDS - met), Duration::ZERO) {
                return End::Empty;
            }
            let (count, sum) = queue.left();
            batch.reserve(count);
            let mut block = BytesMut::with_capacity(sum.min(MOST_BYTES));
            let before = (met, bytes);
            while met < MOST_RECORDS && bytes < self.most_bytes {
                let Some(message) = queue.next() else {
                    break;
                };
                met += 1;
                match self.take(&message, &mut block) {
                    Taken::Item(item) => {
                        bytes += bytes_of(&item).max(message.payload().len());
                        batch.push(item);
                    }
                    Taken::Nothing => bytes += message.payload().len(),
                    Taken::Damaged(damage, base) => {
                        batch.push(damage);
                        return End::Damaged(base);
                    }
                    Taken::End(end) => return end,
                }
            }
            self.average = (bytes - before.1) / (met - before.0).max(1);
        }
        End::Full
    }

    /// Decides on a record, once it was looked back.
    pub(super) fn decide(&mut self, undecided: Undecided) -> Result<Option<Scanned>, End> {
        let Undecided {
            offset,
            record,
            stamp,
        } = undecided;
        match self.judge(offset, record, stamp) {
            Taken::Item(item) => Ok(Some(item)),
            Taken::Nothing => Ok(None),
            Taken::Damaged(_, base) => Err(End::Damaged(base)),
            Taken::End(end) => Err(end),
        }
    }

    fn take(&mut self, message: &Message<'_>, block: &mut BytesMut) -> Taken {
        let offset = message.offset();
        if let Some((code, text)) = message.error() {
            return match code {
                Code::AutoOffsetReset | Code::OffsetOutOfRange if fault::says_cut_off(&text) => {
                    Taken::End(End::Failed(fault::cut_off(&self.topic, self.next)))
                }
                Code::AutoOffsetReset | Code::OffsetOutOfRange => Taken::End(End::Lost),
                Code::BadMessage => self.take_damaged(offset, &text),
                Code::PartitionEOF => Taken::Nothing,
                code => Taken::End(End::Failed(fault::of(&self.topic, code, &text))),
            };
        }
        // What a start before has left in the client.
        if offset < self.next {
            return Taken::Nothing;
        }
        self.next = offset + 1;
        let headers = match message.headers() {
            Ok(headers) => headers,
            Err(code) => return Taken::Item(self.damage(offset, &code)),
        };
        match decode(offset, message.payload(), headers.clone(), block) {
            Ok(Content::Record(record, stamp)) => self.judge(offset, record, stamp),
            Ok(Content::Mark(_)) => {
                self.floor.mark(offset);
                Taken::Nothing
            }
            Ok(Content::Foreign) => {
                let properties = headers.map(|(name, value)| {
                    let name = String::from_utf8_lossy(name).into_owned();
                    (name, Bytes::copy_from_slice(value))
                });
                let payload = Bytes::copy_from_slice(message.payload());
                let foreign = ForeignRecord::new(id::of(offset), payload)
                    .with_unix_ms(message.unix_ms())
                    .with_key(message.key().map(Bytes::copy_from_slice))
                    .with_properties(properties.collect::<Properties>());
                Taken::Item(Scanned::Foreign(foreign))
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                Taken::Item(self.damage(offset, &error))
            }
            Err(error) => Taken::End(End::Failed(fault::at(error, &self.topic, offset))),
        }
    }

    /// A batch whose checksum is wrong. It is read once more, since it may have been damaged on its way. Nothing that comes
    /// behind it is believed: librdkafka 2.12.1 loses its place there, and takes whatever it finds for batches.
    fn take_damaged(&mut self, base: i64, text: &str) -> Taken {
        if self.damaged != Some(base) {
            self.damaged = Some(base);
            return Taken::End(End::Lost);
        }
        Taken::Damaged(self.damage(base, &text), base)
    }

    fn judge(&mut self, offset: i64, record: Record, stamp: Stamp) -> Taken {
        match self.floor.record(stamp) {
            Verdict::Counts => Taken::Item(Scanned::Record(StoredRecord {
                id: id::of(offset),
                record,
            })),
            Verdict::Overtaken => {
                counter!(metric::KAFKA_OVERTAKEN_RECORDS_TOTAL).increment(1);
                Taken::Nothing
            }
            Verdict::Impossible => Taken::Item(self.damage(
                offset,
                &format!(
                    "the writer that opened at offset {} wrote it, though the brokers had fenced it: another one was \
                     opened since",
                    stamp.writer
                ),
            )),
            Verdict::LookBack(from) => {
                let undecided = Box::new(Undecided {
                    offset,
                    record,
                    stamp,
                });
                Taken::End(End::LookBack(from, undecided))
            }
        }
    }

    fn damage(&self, offset: i64, what: &dyn std::fmt::Display) -> Scanned {
        Scanned::Damage(format!(
            "topic {} partition {} offset {offset}: {what}",
            self.topic,
            crate::store::PARTITION
        ))
    }
}

/// What an item holds in memory.
fn bytes_of(item: &Scanned) -> usize {
    match item {
        Scanned::Record(stored) => stored.record.bytes(),
        Scanned::Foreign(foreign) => foreign.bytes(),
        Scanned::Damage(text) => text.len(),
        _ => 0,
    }
}

enum Taken {
    Item(Scanned),
    Nothing,
    /// What is told of a damaged batch, and the offset at which it begins.
    Damaged(Scanned, i64),
    End(End),
}
