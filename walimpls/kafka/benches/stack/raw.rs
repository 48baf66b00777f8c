//! The side of the client alone: one `ThreadedProducer` in one long transaction, and one consumer that is polled.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{DeliveryResult, Header, Headers, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};
use walx_core::{Header as WalxHeader, Kind, Lsn, Owner, Seq, Term, Tick};
use walx_helper::frame;
use walx_utility::{clock, spawn, sync::lock};

use crate::{Figure, IN_FLIGHT, measured, of_latencies, payload};

const TIME: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub(crate) struct Side {
    topic: String,
    producer: Arc<ThreadedProducer<Reports>>,
}

/// Counts what is reported; the caller waits for it.
#[derive(Default)]
struct Reports {
    reported: AtomicUsize,
    lock: Mutex<()>,
    changed: Condvar,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, report: &DeliveryResult<'_>, number: usize) {
        assert!(report.is_ok(), "record {number}: {report:?}");
        let reported = self.reported.fetch_add(1, Ordering::AcqRel) + 1;
        // A caller that waits for a quarter of all in flight needs no more wake-ups than that.
        if reported.is_multiple_of(IN_FLIGHT / 4) || number == usize::MAX {
            drop(lock(&self.lock));
            self.changed.notify_all();
        }
    }
}

impl Reports {
    fn wait(&self, count: usize) {
        let mut held = lock(&self.lock);
        while self.reported.load(Ordering::Acquire) < count {
            let pause = Duration::from_millis(1);
            held = self.changed.wait_timeout(held, pause).expect("a lock").0;
        }
    }
}

impl Side {
    pub(crate) async fn open(brokers: &str, topic: &str) -> Self {
        let admin: AdminClient<DefaultClientContext> = client(brokers).create().expect("a client");
        // By default the broker deletes what its timestamp calls old.
        let wanted =
            [NewTopic::new(topic, 1, TopicReplication::Fixed(1)).set("retention.ms", "-1")];
        let options = AdminOptions::new();
        let made = admin.create_topics(&wanted, &options);
        for topic in made.await.expect("an answer") {
            topic.expect("a topic");
        }
        let (config, topic) = (client(brokers), topic.to_owned());
        let open = spawn::blocking(move || {
            let mut config = config;
            config
                .set("enable.idempotence", "true")
                .set("acks", "all")
                .set("linger.ms", "0")
                .set("queue.buffering.max.messages", "0")
                .set("queue.buffering.max.kbytes", "2147483647")
                .set("transactional.id", &topic)
                .set("transaction.timeout.ms", "900000");
            let producer: ThreadedProducer<Reports> = config
                .create_with_context(Reports::default())
                .expect("a client");
            producer.init_transactions(TIME).expect("an epoch");
            producer.begin_transaction().expect("a transaction");
            let side = Self {
                topic,
                producer: Arc::new(producer),
            };
            side.send(0, b"first", 0);
            side.reports().wait(1);
            side
        });
        open.await.expect("a thread")
    }

    fn reports(&self) -> &Reports {
        self.producer.context()
    }

    fn send(&self, seq: u64, payload: &[u8], number: usize) {
        let headers = headers(seq);
        let record: BaseRecord<'_, (), [u8], usize> =
            BaseRecord::with_opaque_to(&self.topic, number)
                .partition(0)
                .payload(payload)
                .timestamp(1_700_000_000_000)
                .headers(headers);
        if let Err((error, _)) = self.producer.send(record) {
            panic!("record {seq}: {error}");
        }
    }

    pub(crate) async fn append(&self, records: usize, bytes: usize) -> Figure {
        let side = self.clone();
        let appends = spawn::blocking(move || {
            let payload = payload(bytes);
            let begun = side.reports().reported.load(Ordering::Acquire);
            for i in 0..records {
                if i >= IN_FLIGHT && i.is_multiple_of(IN_FLIGHT / 4) {
                    side.reports().wait(begun + i - IN_FLIGHT * 3 / 4);
                }
                side.send(i as u64, &payload, i);
            }
            side.reports().wait(begun + records);
        });
        measured(records, async { appends.await.expect("a thread") }).await
    }

    pub(crate) async fn latency(&self, records: usize, bytes: usize) -> Figure {
        let side = self.clone();
        let appends = spawn::blocking(move || {
            let payload = payload(bytes);
            let mut latencies = Vec::with_capacity(records);
            for i in 0..records {
                let begun = side.reports().reported.load(Ordering::Acquire);
                let begin = clock::now();
                side.send(i as u64, &payload, usize::MAX);
                side.reports().wait(begun + 1);
                latencies.push(begin.elapsed());
            }
            latencies
        });
        of_latencies(appends.await.expect("a thread"))
    }

    pub(crate) async fn close(self) {
        let end = spawn::blocking(move || {
            self.producer.commit_transaction(TIME).expect("a commit");
            drop(self);
        });
        end.await.expect("a thread");
    }
}

/// Polls so many records and more from the beginning.
pub(crate) async fn scan(brokers: &str, topic: &str, records: usize) -> Figure {
    let (config, topic) = (client(brokers), topic.to_owned());
    let (sent, consumer) = tokio::sync::oneshot::channel();
    let poll = spawn::blocking(move || {
        let mut config = config;
        config
            .set("group.id", "bench")
            .set("isolation.level", "read_uncommitted")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // As much as walx reads ahead.
            .set("queued.max.messages.kbytes", "4096")
            .set("fetch.message.max.bytes", "1048576")
            .set("fetch.queue.backoff.ms", "5");
        let consumer: BaseConsumer = config.create().expect("a client");
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(&topic, 0, Offset::Beginning)
            .expect("a place");
        consumer.assign(&from).expect("an assignment");
        let (mut seen, mut bytes) = (0, 0);
        while seen < records + 1 {
            let message = consumer.poll(TIME).expect("the next record");
            let message = message.expect("a record");
            // What every reader of ours must look at.
            bytes += message.payload().map_or(0, <[u8]>::len);
            bytes += message.headers().map_or(0, Headers::count);
            seen += 1;
        }
        std::hint::black_box(bytes);
        // Its end is no part of the scan.
        drop(sent.send(consumer));
    });
    let figure = measured(records, async { poll.await.expect("a thread") }).await;
    let consumer = consumer.await.expect("the consumer");
    spawn::blocking(move || drop(consumer))
        .await
        .expect("a thread");
    figure
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

/// A header as walx writes it for a plain message, with the writer's number behind it.
fn headers(seq: u64) -> OwnedHeaders {
    let header = WalxHeader::new(Kind::Data, Owner::new(Term::FIRST), Tick::new(seq))
        .numbered(Seq::new(seq), Lsn::new(seq));
    let mut bytes = Vec::with_capacity(64);
    frame::encode_header(&header, &mut bytes);
    bytes.extend_from_slice(&0_u64.to_le_bytes());
    let value = Some(&bytes);
    OwnedHeaders::new_with_capacity(1).insert(Header { key: "walx", value })
}
