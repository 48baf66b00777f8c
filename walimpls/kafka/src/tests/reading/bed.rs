//! A topic, and producers that write into it what a test wants.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::message::{DeliveryResult, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use walx_core::{Bounds, ChannelName, Header, Kind, Lsn, Owner, Record, Seq, Term, Tick};
use walx_impls::{ScanOptions, Scanned, ScannerImpls, Start};
use walx_utility::clock;

use crate::bounds::Ends;
use crate::config::KafkaConfig;
use crate::ending::Ending;
use crate::record::{self, Stamp};
use crate::scanner;
use crate::store::Store;
pub(super) use crate::tests::PATIENCE;
use crate::tests::here;
use crate::{id, topic};

/// The tick's ms of the record with number 0; each next one has 10 more.
pub(super) const START_MS: u64 = 1_700_000_000_000;
pub(super) struct Bed {
    pub(super) store: Arc<Store>,
    pub(super) channel: ChannelName,
    pub(super) topic: String,
    pub(super) ending: Arc<Ending>,
    pub(super) ends: Ends,
}

impl Bed {
    /// `None` where the run does without a broker.
    pub(super) async fn new() -> Option<Self> {
        Some(Self::of(here()?).await)
    }

    pub(super) async fn of(config: KafkaConfig) -> Self {
        let store = Store::connect(config).await.unwrap();
        let channel = ChannelName::new("read").unwrap();
        let topic = store.topic(&channel).unwrap();
        topic::prepare(&store, &topic).await.unwrap();
        Self {
            ending: store.ending.below(),
            ends: Ends::default(),
            store,
            channel,
            topic,
        }
    }

    /// Writes outside of transactions.
    pub(super) fn line(&self) -> Line {
        self.producer(&[("enable.idempotence", "true")])
    }

    /// Writes what is sent within a second as one batch.
    pub(super) fn slow_line(&self) -> Line {
        self.producer(&[("linger.ms", "1000")])
    }

    /// Writes in small batches: the broker hands out whole ones.
    pub(super) fn small_line(&self) -> Line {
        self.producer(&[("enable.idempotence", "true"), ("batch.size", "16384")])
    }

    /// Writes in transactions.
    pub(super) fn transactions(&self) -> Line {
        let line = self.producer(&[("transactional.id", &self.topic)]);
        line.producer.init_transactions(PATIENCE).unwrap();
        line
    }

    fn producer(&self, options: &[(&str, &str)]) -> Line {
        let mut config = ClientConfig::new();
        config
            .set(
                "bootstrap.servers",
                self.store.config().location.brokers().join(","),
            )
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("queue.buffering.max.messages", "0");
        for (name, value) in options {
            config.set(*name, *value);
        }
        Line {
            producer: config.create_with_context(Told::default()).unwrap(),
            topic: self.topic.clone(),
        }
    }

    pub(super) async fn scan(&self, start: Start) -> walx_core::Result<Reader> {
        self.scan_with(start, ScanOptions::default()).await
    }

    pub(super) async fn scan_with(
        &self,
        start: Start,
        options: ScanOptions,
    ) -> walx_core::Result<Reader> {
        let scanner = scanner::scan(&self.store, &self.ending, &self.channel, start, options);
        let pending = Vec::new().into_iter();
        Ok(Reader {
            scanner: scanner.await?,
            pending,
        })
    }

    /// The offsets of the records that a scan delivers up to one.
    pub(super) async fn offsets(&self, start: Start, last: i64) -> Vec<i64> {
        let mut reader = self.scan(start).await.unwrap();
        let mut offsets = Vec::new();
        loop {
            if let Scanned::Record(record) = reader.next().await.unwrap() {
                offsets.push(id::offset(record.id).unwrap());
                if offsets.last() == Some(&last) {
                    return offsets;
                }
            }
        }
    }

    pub(super) async fn bounds(&self) -> Bounds {
        // Anew, and with what is known from before.
        let anew = Ends::default()
            .bounds(&self.store, &self.topic)
            .await
            .unwrap();
        let known = self.ends.bounds(&self.store, &self.topic).await.unwrap();
        assert_eq!(anew, known);
        anew
    }

    pub(super) async fn truncate_before(&self, offset: i64) {
        topic::truncate(&self.store, &self.topic, offset)
            .await
            .unwrap();
    }

    pub(super) async fn ends(&self) -> (i64, i64) {
        let (store, topic) = (Arc::clone(&self.store), self.topic.clone());
        let asked = walx_utility::spawn::blocking(move || store.watermarks_blocking(&topic));
        asked.await.unwrap().unwrap()
    }
}

pub(super) struct Reader {
    pub(super) scanner: Box<dyn ScannerImpls>,
    pub(super) pending: std::vec::IntoIter<Scanned>,
}

impl Reader {
    pub(super) async fn next(&mut self) -> walx_core::Result<Scanned> {
        loop {
            if let Some(next) = self.pending.next() {
                return Ok(next);
            }
            let batch = std::future::poll_fn(|context| self.scanner.poll_batch(context));
            let batch = clock::timeout(PATIENCE, batch)
                .await
                .expect("nothing comes");
            let batch = batch?;
            assert!(!batch.is_empty());
            self.pending = batch.into_iter();
        }
    }

    /// The offset of the next item, which must be a record.
    pub(super) async fn record(&mut self) -> i64 {
        match self.next().await.unwrap() {
            Scanned::Record(record) => id::offset(record.id).unwrap(),
            other => panic!("no record: {other:?}"),
        }
    }

    /// Whether nothing comes for a while.
    pub(super) async fn is_silent(&mut self) -> bool {
        let batch = std::future::poll_fn(|context| self.scanner.poll_batch(context));
        self.pending.len() == 0
            && clock::timeout(Duration::from_millis(300), batch)
                .await
                .is_err()
    }
}

pub(super) struct Line {
    pub(super) producer: BaseProducer<Told>,
    topic: String,
}

#[derive(Default)]
pub(super) struct Told(Mutex<Vec<i64>>);

impl ClientContext for Told {}

impl ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        let offset = result.as_ref().expect("a message is delivered").offset();
        self.0.lock().unwrap().push(offset);
    }
}

impl Line {
    pub(super) fn send(&self, headers: OwnedHeaders, payload: &[u8], unix_ms: i64) {
        let mut message = BaseRecord::<(), [u8], ()>::to(&self.topic)
            .partition(0)
            .payload(payload)
            .headers(headers)
            .timestamp(unix_ms);
        while let Err((_, back)) = self.producer.send(message) {
            message = back;
            self.producer.poll(Duration::from_millis(10));
        }
    }

    /// The offsets of what was sent since the last call.
    pub(super) fn offsets(&self) -> Vec<i64> {
        let deadline = clock::now() + PATIENCE;
        // `flush` looks every 100 ms.
        while self.producer.in_flight_count() > 0 {
            assert!(clock::now() < deadline, "the broker doesn't answer");
            self.producer.poll(Duration::ZERO);
            std::thread::yield_now();
        }
        std::mem::take(&mut *self.producer.context().0.lock().unwrap())
    }

    pub(super) fn mark(&self) -> i64 {
        // Before all ticks: a start by time may not find it instead of a record.
        self.send(record::mark(&[7; 16]), b"", START_MS as i64 - 1);
        self.offsets()[0]
    }

    pub(super) fn foreign(&self, payload: &[u8]) {
        self.send(OwnedHeaders::new(), payload, 1);
    }

    /// A record with this seq and lsn.
    pub(super) fn record(&self, number: u64, stamp: Stamp) {
        let record = made(number);
        let headers = record::headers(&record, stamp, &mut Vec::new());
        self.send(headers, &record.payload, record::unix_ms(&record));
    }

    /// Records with these seqs, one after the other.
    pub(super) fn records(&self, numbers: std::ops::Range<u64>, writer: i64) -> Vec<i64> {
        let stamp = Stamp { writer, read: None };
        numbers.for_each(|number| self.record(number, stamp));
        self.offsets()
    }
}

pub(super) fn tick(number: u64) -> Tick {
    Tick::from_unix_ms(START_MS + 10 * number)
}

pub(super) fn made(number: u64) -> Record {
    let header = Header::new(Kind::Data, Owner::new(Term::FIRST), tick(number));
    let mut record = Record::marker(header.numbered(Seq::new(number), Lsn::new(number)));
    record.payload = format!("payload {number}").into();
    record
}
