//! Reads a few messages round an offset, to find out where something stands.
//!
//! A look reads by a client that the store keeps for looks, on a thread that may block, a few KiB at a time, and keeps
//! nothing of what it reads: memory is bounded whatever lies in the topic. What comes before and behind (marks, foreign
//! records, the control records of transactions) is passed over.

mod damage;
mod first;
mod last;
mod lookers;
mod near;
mod newest;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rdkafka::error::RDKafkaErrorCode as Code;
use walx_core::{Error, ErrorKind, Result};
use walx_utility::clock;
use walx_utility::signal::Signal;
use walx_utility::spawn;

use crate::error;
use crate::record::{Content, decode};
use crate::scanner::fault;
use crate::scanner::queue::{Message, Queue};
use crate::shared::Tend;
use crate::store::{Store, closed};

pub(crate) use first::Seen;
pub(crate) use lookers::Lookers;
pub(crate) use newest::{Newest, mark_at, newest};

use lookers::Lent;

/// How many messages are pulled at a time, and how long nothing may come before it is asked again whether to go on.
const AT_ONCE: usize = 256;
const WAIT: Duration = Duration::from_millis(100);
/// How often a look is tried anew where what it looks at is truncated meanwhile.
const TRIES: usize = 10;

/// Looks at one topic.
pub(crate) struct Look<'a> {
    store: &'a Store,
    topic: &'a str,
    looker: Lent<'a>,
    /// The first offset that is kept, and the one behind the last, when the look began.
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// Looks on a thread that may block, again where a truncation comes in between.
pub(crate) async fn look<T: Send + 'static>(
    store: &Arc<Store>,
    topic: &str,
    looking: impl Fn(&Look<'_>) -> Result<T> + Send + 'static,
) -> Result<T> {
    let (store, topic) = (Arc::clone(store), topic.to_owned());
    let looked = spawn::blocking(move || look_blocking(&store, &topic, looking)).await;
    looked.unwrap_or_else(|spawn::Lost| Err(error::broken("look at the topic")))
}

/// As [`look`], on a thread that may block.
pub(crate) fn look_blocking<T>(
    store: &Store,
    topic: &str,
    looking: impl Fn(&Look<'_>) -> Result<T>,
) -> Result<T> {
    let truncated = |error: &Error| matches!(error.kind(), ErrorKind::PositionLost { .. });
    for _ in 1..TRIES {
        match looking(&Look::new(store, topic)?) {
            Err(error) if truncated(&error) => {}
            looked => return looked,
        }
    }
    looking(&Look::new(store, topic)?)
}

impl<'a> Look<'a> {
    fn new(store: &'a Store, topic: &'a str) -> Result<Self> {
        let (low, high) = store.watermarks_blocking(topic)?;
        Ok(Self {
            store,
            topic,
            looker: store.lookers.lend(store)?,
            low,
            high,
        })
    }

    /// The first record that counts.
    pub(crate) fn earliest(&self) -> Result<Option<i64>> {
        let seen = self.first(self.low, self.high, |_| true)?;
        Ok(seen.map(|seen| seen.offset))
    }

    /// The last record that counts, and what lies behind it.
    pub(crate) fn newest_record(&self) -> Result<Newest> {
        self.newest(true)
    }

    /// The first offset whose timestamp is not before this one.
    pub(crate) fn offset_at(&self, unix_ms: i64) -> Result<Option<i64>> {
        self.store.offset_at_blocking(self.topic, unix_ms)
    }

    /// Hands the messages from `from` on and before `until` to `f`, until it breaks.
    ///
    /// # Errors
    /// `PositionLost` where `from` was truncated meanwhile; `Unavailable` where nothing comes for too long.
    pub(crate) fn read<B>(
        &self,
        from: i64,
        until: i64,
        mut f: impl FnMut(i64, Content) -> Result<ControlFlow<B>>,
    ) -> Result<Option<B>> {
        let mut from = from;
        while from < until {
            match self.read_up_to_damage(from, until, &mut f)? {
                Passed::Found(found) => return Ok(Some(found)),
                Passed::Whole => break,
                // It may have been damaged on its way: then it is read again.
                Passed::Damaged { base, next } => {
                    from = match self.damaged_at(next)? {
                        Some(again) if again == base => self.behind_damage(base, next)?,
                        _ => next,
                    };
                }
            }
        }
        Ok(None)
    }

    fn read_up_to_damage<B>(
        &self,
        from: i64,
        until: i64,
        f: &mut impl FnMut(i64, Content) -> Result<ControlFlow<B>>,
    ) -> Result<Passed<B>> {
        let mut queue = self.start(from)?;
        let mut next = from;
        loop {
            self.fill(&mut queue)?;
            while let Some(message) = queue.next() {
                let offset = message.offset();
                match self.step(&message, next, until, f)? {
                    Step::On => {}
                    Step::Found(found) => return Ok(Passed::Found(found)),
                    Step::End => return Ok(Passed::Whole),
                    // Nothing that comes behind it is believed: librdkafka loses its place there.
                    Step::Damaged => return Ok(Passed::Damaged { base: offset, next }),
                }
                if message.error().is_none() {
                    next = next.max(offset + 1);
                }
            }
        }
    }

    fn start(&self, from: i64) -> Result<Queue> {
        let consumer = Arc::clone(&self.looker.consumer);
        let queue = Queue::start(consumer, self.topic, from, Arc::<Signal>::default());
        queue.map_err(|error| error::of("look at the topic", &error, &self.store.health))
    }

    /// Waits until there is something.
    fn fill(&self, queue: &mut Queue) -> Result<()> {
        let deadline = clock::now() + self.store.config().timeout.0;
        loop {
            // Also where there is always more: a look may be long.
            self.check(deadline)?;
            if queue.fill(AT_ONCE, WAIT) {
                return Ok(());
            }
            self.looker.consumer.tend();
        }
    }

    fn step<B>(
        &self,
        message: &Message<'_>,
        from: i64,
        until: i64,
        f: &mut impl FnMut(i64, Content) -> Result<ControlFlow<B>>,
    ) -> Result<Step<B>> {
        let offset = message.offset();
        if let Some((code, text)) = message.error() {
            return match code {
                Code::PartitionEOF if offset >= until => Ok(Step::End),
                // The copy that answers lags behind the one that told the end.
                Code::PartitionEOF => Ok(Step::On),
                // What can't be read counts for nothing.
                Code::BadMessage => Ok(Step::Damaged),
                code => Err(fault::of(self.topic, code, &text)),
            };
        }
        // What an earlier look has left.
        if offset < from {
            return Ok(Step::On);
        }
        if offset >= until {
            return Ok(Step::End);
        }
        let content = match message.headers() {
            // Payloads are not looked at.
            Ok(headers) => Some(decode(offset, &[], headers, &mut BytesMut::new())),
            // Damage, as scanners tell it.
            Err(_) => None,
        };
        match content {
            None => {}
            Some(Ok(content)) => {
                if let ControlFlow::Break(found) = f(offset, content)? {
                    return Ok(Step::Found(found));
                }
            }
            Some(Err(error)) if error.kind() == ErrorKind::Corrupt => {}
            Some(Err(error)) => return Err(fault::at(error, self.topic, offset)),
        }
        Ok(if offset + 1 >= until {
            Step::End
        } else {
            Step::On
        })
    }

    fn check(&self, deadline: clock::Instant) -> Result<()> {
        if self.store.ending.is_ended() {
            return Err(closed());
        }
        if clock::now() < deadline {
            return Ok(());
        }
        let error = rdkafka::error::KafkaError::Global(Code::OperationTimedOut);
        Err(error::of("look at the topic", &error, &self.store.health))
    }
}

enum Step<B> {
    On,
    Found(B),
    End,
    /// A batch that begins there is damaged.
    Damaged,
}

/// How far a look came.
enum Passed<B> {
    Whole,
    Found(B),
    /// The batch that begins at `base` came damaged; everything before `next` was looked at.
    Damaged {
        base: i64,
        next: i64,
    },
}
