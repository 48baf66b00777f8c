//! Stands between a workload and a store, and writes down what the one asks and the other answers.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};

use walx_core::{Error, ErrorKind, Opener, Result};
use walx_utility::sync::lock;

use self::opener::RecordedOpener;
use super::History;
use super::event::{Event, EventId, What};

mod append;
mod opener;
mod scanner;
mod stamp;
mod transaction;
mod wal;

/// Records one process's part of a history. Cheap to clone; all clones record into the same one.
///
/// Each event has its number from one lock, so within the process the history has the real order: a call is recorded
/// before it is made, an answer after it came.
///
/// Messages are known again by a property, which costs each one 28 bytes on its way through the store. A workload that
/// tests limits to the byte counts them in.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    process: u32,
    max_events: u64,
    log: Mutex<Log>,
}

struct Log {
    next: u64,
    events: Vec<Event>,
    /// Where events go instead of `events`.
    writer: Option<Box<dyn Write + Send>>,
    failed: Option<String>,
}

impl Recorder {
    /// So many events are kept in memory unless [`with_max_events`](Self::with_max_events) says otherwise; each takes
    /// about 200 bytes.
    pub const MAX_EVENTS: u64 = 4_000_000;

    /// Records into memory. Two processes of one history need different numbers.
    pub fn new(process: u32) -> Self {
        Self::with(process, Self::MAX_EVENTS, None)
    }

    /// Records into a file or a pipe, a line an event, each at once: what is written stays when the process is killed.
    /// Nothing is kept in memory.
    pub fn writing(process: u32, writer: impl Write + Send + 'static) -> Self {
        Self::with(process, u64::MAX, Some(Box::new(writer)))
    }

    /// Sets how many events are kept. Behind that each call and delivery fails with `Overloaded`, so that memory stays
    /// bounded and no workload runs on unseen. Before the first event only.
    #[must_use]
    pub fn with_max_events(self, max_events: u64) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self(Arc::new(Inner {
                max_events,
                ..inner
            })),
            Err(shared) => Self(shared),
        }
    }

    fn with(process: u32, max_events: u64, writer: Option<Box<dyn Write + Send>>) -> Self {
        Self(Arc::new(Inner {
            process,
            max_events,
            log: Mutex::new(Log {
                next: 0,
                events: Vec::new(),
                writer,
                failed: None,
            }),
        }))
    }

    /// The same store, recorded: its wals and scanners too.
    pub fn opener(&self, opener: Arc<dyn Opener>) -> Arc<dyn Opener> {
        Arc::new(RecordedOpener::new(self.clone(), opener))
    }

    /// What is recorded so far; empty where it goes to a file.
    pub fn history(&self) -> History {
        let events = lock(&self.0.log).events.clone();
        // One recorder's own events never wait for each other, and their numbers are its own.
        History::new(events).unwrap_or_default()
    }

    /// The last event of this process, to be sent to another one; none before the first.
    pub fn point(&self) -> Option<EventId> {
        let number = lock(&self.0.log).next.checked_sub(1)?;
        Some(self.id(number))
    }

    /// Says that everything another process saw up to this event came before now.
    pub fn after(&self, point: EventId) {
        self.put(What::After { point });
    }

    /// Says that another process has ended, killed or by itself.
    pub fn ended(&self, process: u32) {
        self.put(What::Ended { process });
    }

    /// Says that the machine lost its power, or that a test took away what was not synced.
    pub fn power_lost(&self) {
        self.put(What::PowerLost);
    }

    /// Says that the test damages what is stored. To be called before it does.
    pub fn damaged(&self) {
        self.put(What::Damaged);
    }

    fn id(&self, number: u64) -> EventId {
        EventId {
            process: self.0.process,
            number,
        }
    }

    /// Puts down a call, before it is made.
    ///
    /// # Errors
    /// `Overloaded` where the history is full, `Unavailable` where it can't be written: the call is not to be made.
    fn call(&self, what: What) -> Result<EventId> {
        let mut log = lock(&self.0.log);
        if let Some(reason) = &log.failed {
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!("the history can't be written, so nothing more is done: {reason}"),
            ));
        }
        if log.next >= self.0.max_events {
            return Err(Error::new(
                ErrorKind::Overloaded {
                    retry_after: std::time::Duration::MAX,
                },
                format!(
                    "the history is full with {} events; record a shorter workload, or raise max_events",
                    log.next
                ),
            ));
        }
        Ok(self.push(&mut log, what))
    }

    /// Puts down an answer; the calls that are open bound how many there are.
    fn put(&self, what: What) -> EventId {
        self.push(&mut lock(&self.0.log), what)
    }

    fn push(&self, log: &mut Log, what: What) -> EventId {
        let id = self.id(log.next);
        log.next += 1;
        let event = Event { id, what };
        match &mut log.writer {
            None => log.events.push(event),
            Some(writer) => {
                let line = format!("{event}\n");
                let written = writer
                    .write_all(line.as_bytes())
                    .and_then(|()| writer.flush());
                if let Err(error) = written {
                    log.failed.get_or_insert_with(|| error.to_string());
                }
            }
        }
        id
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let events = lock(&self.0.log).next;
        write!(
            f,
            "Recorder {{ process: {}, events: {events} }}",
            self.0.process
        )
    }
}
