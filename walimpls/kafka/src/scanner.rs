//! Reads a topic: batches of records, without a thread and without a group.

mod batch;
pub(crate) mod consumer;
pub(crate) mod fault;
pub(crate) mod floor;
mod outage;
pub(crate) mod queue;
mod start;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use walx_core::{BoxFuture, ChannelName, Error, ErrorKind, Result};
use walx_impls::{ScanOptions, Scanned, ScannerImpls, Start};
use walx_utility::signal::Signal;
use walx_utility::spawn;

use crate::ending::{Ending, Watch};
use crate::error;
use crate::look::look_blocking;
use crate::store::Store;

use batch::{Course, End};
use consumer::{Consumer, dispose};
use floor::Floor;
use outage::Outage;
use queue::Queue;

/// So many batches in a row may hold nothing to hand out before others get their turn.
const EMPTY_BATCHES: usize = 16;

/// Starts a reader of a channel, which ends with `ending`.
pub(crate) async fn scan(
    store: &Arc<Store>,
    ending: &Arc<Ending>,
    channel: &ChannelName,
    start: Start,
    options: ScanOptions,
) -> Result<Box<dyn ScannerImpls>> {
    let watch = ending.watch();
    if watch.is_ended() {
        return Err(closed(channel));
    }
    let topic: Arc<str> = store.topic(channel)?.into();
    let (store, channel) = (Arc::clone(store), channel.clone());
    let named = channel.clone();
    let started = spawn::blocking(move || {
        let place = start::find(&store, &topic, start)?;
        let signal = Arc::<Signal>::default();
        let consumer = Consumer::reader(&store, &topic, options.read_ahead_bytes, &signal)?;
        let queue = open(&store, &consumer, &topic, place.offset, &signal)?;
        let floor = Floor::new(place.offset, place.low);
        Ok(Box::new(KafkaScanner {
            course: Course::new(topic, floor, place.offset, options.read_ahead_bytes),
            anew: start == Start::Earliest,
            outage: Outage::of(&consumer, place.offset),
            store,
            channel,
            watch,
            signal,
            reading: Some(Reading::new(queue, consumer)),
            left: None,
            work: None,
        }))
    });
    let started = started.await;
    let started = started.unwrap_or_else(|spawn::Lost| Err(error::broken("start a scanner")));
    match started {
        Ok(scanner) => Ok(scanner),
        Err(error) => Err(error.with_operation("scan").with_channel(&named)),
    }
}

/// One reader.
struct KafkaScanner {
    store: Arc<Store>,
    channel: ChannelName,
    watch: Watch,
    /// Set when the queue has something.
    signal: Arc<Signal>,
    /// `None` while `work` has it, and behind an error.
    reading: Option<Reading>,
    course: Course,
    /// Whether it may start at another earliest record: nothing was handed out yet.
    anew: bool,
    outage: Outage,
    /// Why the last batch ended, where that wasn't handled yet.
    left: Option<End>,
    work: Option<BoxFuture<Result<Worked>>>,
}

/// What a scanner reads by. Given back on a thread of its own, wherever it is dropped: also with the answer of work that
/// nobody waits for any more.
struct Reading(Option<(Queue, Arc<Consumer>)>);

impl Reading {
    fn new(queue: Queue, consumer: Arc<Consumer>) -> Self {
        Self(Some((queue, consumer)))
    }

    fn queue(&mut self) -> Option<&mut Queue> {
        self.0.as_mut().map(|(queue, _)| queue)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // The queue before the client.
        if let Some(reading) = self.0.take() {
            dispose(reading);
        }
    }
}

/// What became of the reason why a batch ended.
struct Worked {
    reading: Reading,
    floor: Floor,
    next: i64,
    decided: Option<Box<batch::Undecided>>,
}

impl ScannerImpls for KafkaScanner {
    fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        let polled = self.poll(context);
        if let Poll::Ready(Err(error)) = polled {
            (self.work, self.reading) = (None, None);
            let error = error.with_operation("scan").with_channel(&self.channel);
            return Poll::Ready(Err(error));
        }
        polled
    }
}

impl KafkaScanner {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        for _ in 0..EMPTY_BATCHES {
            if self.watch.is_ended() {
                return Poll::Ready(Err(closed(&self.channel)));
            }
            let mut batch = Vec::new();
            if let Some(left) = self.left.take() {
                self.work = Some(self.handle(left)?);
            }
            if let Some(work) = &mut self.work {
                let Poll::Ready(worked) = Pin::new(work).poll(context) else {
                    return self.pending(context);
                };
                self.work = None;
                self.take_back(worked?, &mut batch);
            }
            let Some(queue) = self.reading.as_mut().and_then(Reading::queue) else {
                return Poll::Ready(Err(closed(&self.channel)));
            };
            let end = match &self.left {
                None => self.course.collect(queue, &mut batch),
                Some(_) => End::Full,
            };
            self.outage.progress(self.course.next);
            let empty = matches!(end, End::Empty);
            if !matches!(end, End::Empty | End::Full) {
                self.left = Some(end);
            }
            if !batch.is_empty() {
                self.anew = false;
                return Poll::Ready(Ok(batch));
            }
            // Set since the queue was last found empty, or left over from before: looks again.
            if empty && self.signal.poll_take(context).is_pending() {
                if let Poll::Ready(error) =
                    self.outage.poll(&self.store, &self.course.topic, context)
                {
                    return Poll::Ready(Err(error));
                }
                return self.pending(context);
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn pending(&self, context: &mut Context<'_>) -> Poll<Result<Vec<Scanned>>> {
        if self.watch.poll_ended(context) {
            return Poll::Ready(Err(closed(&self.channel)));
        }
        Poll::Pending
    }

    /// Handles, off the runtime, that a batch ended in the middle.
    fn handle(&mut self, left: End) -> Result<BoxFuture<Result<Worked>>> {
        let (mut undecided, mut damaged) = (None, None);
        match left {
            End::Failed(error) => return Err(error),
            End::LookBack(from, record) => undecided = Some((from, record)),
            End::Damaged(base) => damaged = Some(base),
            End::Lost | End::Empty | End::Full => {}
        }
        let Some(mut reading) = self.reading.take() else {
            return Err(closed(&self.channel));
        };
        let store = Arc::clone(&self.store);
        let signal = Arc::clone(&self.signal);
        let topic = Arc::clone(&self.course.topic);
        let (mut floor, next, anew) = (self.course.floor, self.course.next, self.anew);
        let work = spawn::blocking(move || {
            if let Some((from, undecided)) = undecided {
                let until = floor.from();
                let newest = look_blocking(&store, &topic, |look| {
                    look.largest(from.max(look.low), until)
                })?;
                floor.looked_back(from, newest);
                return Ok(Worked {
                    reading,
                    floor,
                    next,
                    decided: Some(undecided),
                });
            }
            let next = match damaged {
                Some(base) => look_blocking(&store, &topic, |look| look.behind_damage(base, next))?,
                None => next,
            };
            let (low, high) = store.watermarks_blocking(&topic)?;
            let next = match next {
                _ if next < low && anew => {
                    floor = Floor::new(low, low);
                    low
                }
                _ if next < low => return Err(start::lost(&store, &topic)),
                _ if next > high => {
                    return Err(fault::cut_off(&topic, next).with_context("end", high));
                }
                // Both were moving.
                next => next,
            };
            let Some((queue, consumer)) = reading.0.take() else {
                return Err(error::broken("go on with a scan"));
            };
            drop(queue);
            let queue = open(&store, &consumer, &topic, next, &signal)?;
            Ok(Worked {
                reading: Reading::new(queue, consumer),
                floor,
                next,
                decided: None,
            })
        });
        Ok(Box::pin(async move {
            let worked = work.await;
            worked.unwrap_or_else(|spawn::Lost| Err(error::broken("go on with a scan")))
        }))
    }

    fn take_back(&mut self, worked: Worked, batch: &mut Vec<Scanned>) {
        self.reading = Some(worked.reading);
        self.course.floor = worked.floor;
        self.course.next = worked.next;
        if let Some(undecided) = worked.decided {
            match self.course.decide(*undecided) {
                Ok(item) => batch.extend(item),
                Err(end) => self.left = Some(end),
            }
        }
    }
}

fn open(
    store: &Store,
    consumer: &Arc<Consumer>,
    topic: &str,
    offset: i64,
    signal: &Arc<Signal>,
) -> Result<Queue> {
    let queue = Queue::start(Arc::clone(consumer), topic, offset, Arc::clone(signal));
    queue.map_err(|error| error::of("read the topic", &error, &store.health))
}

fn closed(channel: &ChannelName) -> Error {
    let text = "the wal or its opener was closed; open it again";
    Error::new(ErrorKind::Closed, text)
        .with_operation("scan")
        .with_channel(channel)
}
