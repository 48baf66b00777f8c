//! The fence of brokers that have none: a writer acknowledges what it has read back, and nothing once it has met a newer
//! mark. What it appends behind that lands all the same; readers pass over it.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rdkafka::error::RDKafkaErrorCode as Code;
use walx_core::Result;
use walx_utility::clock::{self, Instant};
use walx_utility::signal::Signal;

use super::claim::stale;
use super::failure::Cause;
use super::flights::{Gate, LEASE, View};
use super::keeper::Keeper;
use super::token::WriterToken;
use crate::error;
use crate::look;
use crate::record::{Content, decode};
use crate::scanner::consumer::Consumer;
use crate::scanner::fault;
use crate::scanner::queue::Queue;
use crate::store::Store;

/// How much is read ahead, and how many messages are taken at a time.
const AHEAD_BYTES: usize = 1 << 20;
const AT_ONCE: usize = 1024;

/// A writer's own reader.
pub(super) struct Reader {
    topic: String,
    queue: Queue,
    /// Everything before this offset was read.
    next: i64,
    /// The newest mark that was met.
    newest: i64,
    /// When ownership was proved by a look.
    proved: Instant,
}

impl Reader {
    /// Reads from an offset on. For threads that may block.
    pub(super) fn start(store: &Store, topic: &str, from: i64) -> Result<Self> {
        let signal = Arc::<Signal>::default();
        let consumer = Consumer::reader(store, topic, AHEAD_BYTES, &signal)?;
        let queue = Queue::start(consumer, topic, from, signal);
        Ok(Self {
            topic: topic.to_owned(),
            queue: queue.map_err(|error| error::of("read back", &error, &store.health))?,
            next: from,
            newest: -1,
            proved: clock::now(),
        })
    }

    /// Reads what is there; waits so long for the first message.
    fn read(&mut self, wait: Duration) -> Result<()> {
        if !self.queue.fill(AT_ONCE, wait) {
            return Ok(());
        }
        while let Some(message) = self.queue.next() {
            let offset = message.offset();
            match message.error() {
                None => {}
                // What can't be read is nobody's mark.
                Some((Code::BadMessage | Code::PartitionEOF, _)) => continue,
                Some((code, text)) => return Err(fault::of(&self.topic, code, &text)),
            }
            let content = match message.headers() {
                // Payloads are not looked at.
                Ok(headers) => decode(offset, &[], headers, &mut BytesMut::new()),
                Err(_) => Ok(Content::Foreign),
            };
            if let Ok(Content::Mark(_)) = content {
                self.newest = offset;
            }
            self.next = offset + 1;
        }
        Ok(())
    }
}

/// What a writer begins with that fences by reading back.
pub(super) struct Reading {
    reader: Reader,
    past: Past,
}

/// The log before it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    high: i64,
    /// Whether somebody has written to it.
    has_writer: bool,
}

impl Reading {
    /// For threads that may block.
    pub(super) fn start(store: &Store, topic: &str) -> Result<Self> {
        let newest = look::newest(store, topic)?;
        let past = Past {
            high: newest.high,
            has_writer: newest.writer.is_some(),
        };
        let reader = Reader::start(store, topic, past.high)?;
        Ok(Self { reader, past })
    }

    pub(super) fn split(self) -> (Reader, Past) {
        (self.reader, self.past)
    }
}

impl Past {
    /// Its mark is in the log.
    ///
    /// A writer that resumes has looked for another one's before; one that came between is found here. That one is
    /// overtaken all the same: only brokers that fence can tell before.
    pub(super) async fn end(
        self,
        store: &Arc<Store>,
        topic: &str,
        resumed: Option<WriterToken>,
        mark: i64,
    ) -> Result<()> {
        if let Some(resumed) = resumed {
            let high = self.high;
            let largest = look::look(store, topic, move |look| look.largest(high, mark)).await?;
            if largest.is_some_and(|largest| largest > resumed.mark) {
                return Err(stale(largest));
            }
        }
        if self.has_writer {
            // An older writer has read so much back before this mark, and may acknowledge it for so long.
            clock::sleep(LEASE).await;
        }
        Ok(())
    }
}

impl Keeper {
    /// Reads back, and takes the client's reports beside it.
    pub(super) fn serve_reader(&mut self, time: Duration) {
        let Some(reader) = &mut self.reader else {
            return;
        };
        if let Err(error) = reader.read(time) {
            self.read_error.get_or_insert(error);
        }
        self.writer.set_read(reader.next);
        // Each call serves one event: a request's reports, or a line of its log.
        loop {
            let before = self.writer.flights.reports();
            self.producer.poll(Duration::ZERO);
            if self.writer.flights.reports() == before {
                break;
            }
        }
        self.writer.flights.flush();
    }

    /// Acknowledges what was read back.
    pub(super) fn acknowledge_read(&mut self, view: &View) -> Option<Cause> {
        let reader = self.reader.as_mut()?;
        if let Some(error) = self.read_error.take() {
            return Some(Cause::Unproved(error));
        }
        let mark = self.writer.token.get().map(|token| token.mark);
        if mark.is_some_and(|mark| mark < reader.newest) {
            return Some(Cause::Overtaken(reader.newest));
        }
        let called = view.unanswered?;
        let limit = self.writer.limits.delivery_timeout;
        if view.now.saturating_duration_since(called) > limit {
            return Some(Cause::Late);
        }
        let (next, proved) = (reader.next, called.max(reader.proved));
        let flights = &self.writer.flights;
        if mark.is_none() || flights.is_fresh(proved) {
            flights.acknowledge(next, proved, Gate::Thread);
            return None;
        }
        if !flights.can_acknowledge(next) {
            return None;
        }
        let at = clock::now();
        match self.newest() {
            Ok(newest) if mark.is_some_and(|mark| mark < newest) => Some(Cause::Overtaken(newest)),
            Ok(_) => {
                // Where the look took too long it is asked again.
                if let Some(reader) = &mut self.reader {
                    reader.proved = at;
                }
                None
            }
            Err(error) => {
                tracing::debug!(channel = %self.writer.channel, %error, "a look at the end of the log");
                None
            }
        }
    }
}
