use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, ClientContext};
use walx_core::Result;
use walx_utility::signal::Signal;
use walx_utility::spawn;

use super::queue;
use crate::client::Context;
use crate::error;
use crate::shared::Tend;
use crate::store::{ClientPermit, Store};

/// A client that reads. It belongs to no group: it needs no rights on groups, asks for no coordinator, and ends at once.
pub(crate) struct Consumer {
    pub(super) client: BaseConsumer<Telling>,
    pub(super) alarm: Arc<Alarm>,
    /// Given back behind the client.
    _permit: Option<ClientPermit>,
}

impl Consumer {
    /// A scanner's; counts among the store's clients.
    pub(crate) fn reader(
        store: &Store,
        topic: &str,
        read_ahead_bytes: usize,
        signal: &Arc<Signal>,
    ) -> Result<Arc<Self>> {
        let permit = store.client()?;
        let config = store.settings.reader(read_ahead_bytes);
        let told = Context::clone(&store.context("reader", topic));
        Self::new(store, &config, told, Some(permit), Arc::clone(signal))
    }

    /// One to look by, at any topic.
    pub(crate) fn looker(store: &Store) -> Result<Arc<Self>> {
        let config = store.settings.looker();
        let told = store.context("looker", "");
        Self::new(store, &config, told, None, Arc::default())
    }

    /// Connects in the background. Reading keys and certificates may take a while: for threads that may block.
    fn new(
        store: &Store,
        config: &ClientConfig,
        told: Context,
        permit: Option<ClientPermit>,
        signal: Arc<Signal>,
    ) -> Result<Arc<Self>> {
        let alarm = Arc::new(Alarm {
            raised: AtomicU8::new(0),
            signal,
        });
        let telling = Telling {
            told,
            alarm: Arc::clone(&alarm),
        };
        let client = config.create_with_context(telling);
        let client = client.map_err(|error| error::of("make a client", &error, &store.health))?;
        let consumer = Arc::new(Self {
            client,
            alarm,
            _permit: permit,
        });
        let tended: Arc<dyn Tend> = Arc::<Self>::clone(&consumer);
        store.tend(Arc::downgrade(&tended))?;
        Ok(consumer)
    }
}

impl Tend for Consumer {
    /// Logs, statistics and errors that are not a message's go to the context.
    fn tend(&self) {
        for _ in 0..queue::events(self) {
            let _ = self.client.poll(Duration::ZERO);
        }
    }
}

/// What the client has told since it was last looked at.
pub(super) struct Alarm {
    raised: AtomicU8,
    signal: Arc<Signal>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Trouble {
    /// Something with the brokers, which may be over soon.
    Brokers = 1,
    /// They may not know the topic any more.
    Topic = 2,
}

impl Alarm {
    pub(super) fn take(&self) -> Option<Trouble> {
        match self.raised.swap(0, Ordering::AcqRel) {
            0 => None,
            1 => Some(Trouble::Brokers),
            _ => Some(Trouble::Topic),
        }
    }

    fn raise(&self, trouble: Trouble) {
        self.raised.fetch_max(trouble as u8, Ordering::AcqRel);
        self.signal.set();
    }
}

/// Passes on what the client tells, and raises the alarm.
pub(super) struct Telling {
    told: Context,
    alarm: Arc<Alarm>,
}

impl ClientContext for Telling {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.told.log(level, facility, text);
        // That a topic is gone stands among its messages as what the batch pull takes for an error of the client, which
        // it can only log.
        if facility == "ERROR" {
            self.alarm.raise(Trouble::Topic);
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.told.stats_raw(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.told.error(error, reason);
        self.alarm.raise(Trouble::Brokers);
    }
}

impl ConsumerContext for Telling {}

/// Drops what may take a second to end, on a thread of its own: neither the runtime waits for it nor, where the last
/// waker drops a scanner, a thread of librdkafka.
pub(crate) fn dispose(what: impl Send + 'static) {
    // Where the system gives no thread, it is dropped right here.
    let _ = spawn::thread("walx-kafka-end", move || drop(what));
}
