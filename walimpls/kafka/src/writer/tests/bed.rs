//! What the tests of writers have in common.

use std::sync::Arc;

use rdkafka::TopicPartitionList;
use rdkafka::admin::AdminOptions;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::Offset;
use walx_core::{
    ChannelName, Error, Header, Kind, Lsn, MessageId, Owner, Record, Result, Seq, Term, Tick,
};
use walx_impls::{Appending, Batch, Claim, ScanOptions, Scanned, Start, WalImpls};
use walx_testkit::faults::proxy::Proxy;
use walx_utility::{clock, spawn};

use crate::config::KafkaConfig;
use crate::id;
use crate::record::{self, Content};
use crate::store::{PARTITION, Store};
use crate::tests::config;
use crate::tests::line::Proxied;
pub(super) use crate::tests::{PATIENCE, until};

/// So many appends may be on a line without an answer, each in a request of its own: librdkafka sends five requests, and
/// one of them may be about something else. The others wait for answers before they are sent.
pub(super) const UNANSWERED: u64 = 4;

/// A store, and a channel of it that nobody else has.
pub(super) struct Bed {
    pub(super) store: Arc<Store>,
    pub(super) channel: ChannelName,
    pub(super) topic: String,
}

/// A store whose connections go through a proxy, and beside it the same store straight at the broker.
pub(super) struct Line {
    pub(super) bed: Bed,
    pub(super) straight: Bed,
    proxied: Proxied,
}

impl Line {
    pub(super) async fn with(change: impl FnOnce(&mut KafkaConfig)) -> Self {
        let proxied = Proxied::start().await;
        let proxied = proxied.expect("WALX_WITHOUT leaves Kafka out");
        let mut config = config();
        change(&mut config);
        Self {
            bed: Bed::of(proxied.reach(config.clone())).await,
            straight: Bed::of(config).await,
            proxied,
        }
    }

    pub(super) fn proxy(&self) -> &Proxy {
        &self.proxied.proxy
    }
}

/// A message as other programs see it.
#[derive(Debug, PartialEq)]
pub(super) enum Seen {
    Mark(i64),
    Record { offset: i64, lsn: u64, writer: i64 },
}

impl Bed {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut KafkaConfig)) -> Self {
        let mut config = config();
        change(&mut config);
        Self::of(config).await
    }

    async fn of(config: KafkaConfig) -> Self {
        let store = Store::connect(config).await.unwrap();
        let channel = ChannelName::new("orders").unwrap();
        let topic = store.topic(&channel).unwrap();
        Self {
            store,
            channel,
            topic,
        }
    }

    pub(super) async fn try_open(&self, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        super::super::open(&self.store, &self.channel, claim).await
    }

    pub(super) async fn open(&self) -> Arc<dyn WalImpls> {
        self.try_open(Claim::TakeOver).await.unwrap()
    }

    pub(super) async fn resume(&self, wal: &Arc<dyn WalImpls>) -> Result<Arc<dyn WalImpls>> {
        self.try_open(Claim::Resume(wal.fence_token())).await
    }

    /// The offset behind the last message, control records included.
    pub(super) async fn end(&self) -> i64 {
        let (store, topic) = (Arc::clone(&self.store), self.topic.clone());
        let ends = spawn::blocking(move || store.watermarks_blocking(&topic));
        ends.await.unwrap().unwrap().1
    }

    /// What a reader of that isolation level finds up to the end that it sees.
    pub(super) async fn see(&self, isolation: &str) -> Vec<Seen> {
        let mut config = self.store.settings.reader(1 << 20);
        config.set("isolation.level", isolation);
        config.set("enable.partition.eof", "true");
        config.set("group.id", "walx-test");
        let topic = self.topic.clone();
        let seen = spawn::blocking(move || {
            let consumer: BaseConsumer = config.create().unwrap();
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&topic, PARTITION, Offset::Beginning)
                .unwrap();
            consumer.assign(&list).unwrap();
            let mut seen = Vec::new();
            loop {
                match consumer.poll(PATIENCE).expect("an answer in time") {
                    Ok(message) => seen.extend(seen_as(&message)),
                    Err(KafkaError::PartitionEOF(_)) => return seen,
                    Err(error) => panic!("{error}"),
                }
            }
        });
        seen.await.unwrap()
    }

    /// How many clients of writers and readers there are.
    pub(super) fn clients(&self) -> usize {
        let room = std::iter::from_fn(|| self.store.client().ok())
            .collect::<Vec<_>>()
            .len();
        self.store.config().max_clients - room
    }

    /// Removes the topic, and waits until it is gone.
    pub(super) async fn delete_topic(&self) {
        let shared = self.store.admin().await.unwrap();
        let (admin, options) = (shared.admin().unwrap(), AdminOptions::new());
        admin.delete_topics(&[&self.topic], &options).await.unwrap();
        let gone = async || {
            crate::topic::exists(&self.store, &self.topic)
                .await
                .is_err()
        };
        until("the topic gone", gone).await;
    }

    /// The lsns of all records that a reader of walx sees.
    pub(super) async fn lsns(&self) -> Vec<u64> {
        lsns(&self.see("read_uncommitted").await)
    }

    /// The same of other programs that read committed records only.
    pub(super) async fn committed(&self) -> Vec<u64> {
        lsns(&self.see("read_committed").await)
    }
}

fn seen_as(message: &impl Message) -> Option<Seen> {
    let offset = message.offset();
    let headers: Vec<_> = message
        .headers()
        .map(|it| it.iter().collect())
        .unwrap_or_default();
    let headers = headers
        .iter()
        .map(|it| (it.key.as_bytes(), it.value.unwrap_or_default()));
    let payload = message.payload().unwrap_or_default();
    match record::decode(offset, payload, headers, &mut bytes::BytesMut::new()).unwrap() {
        Content::Mark(_) => Some(Seen::Mark(offset)),
        Content::Record(record, stamp) => Some(Seen::Record {
            offset,
            lsn: record.header.lsn.unwrap().get(),
            writer: stamp.writer,
        }),
        Content::Foreign => None,
    }
}

pub(super) fn lsns(seen: &[Seen]) -> Vec<u64> {
    let lsn = |it: &Seen| match it {
        Seen::Record { lsn, .. } => Some(*lsn),
        Seen::Mark(_) => None,
    };
    seen.iter().filter_map(lsn).collect()
}

/// The lsns that a scanner hands out, up to and including one.
pub(super) async fn scanned(wal: &Arc<dyn WalImpls>, last: u64) -> Vec<u64> {
    let mut scanner = wal
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    let mut lsns = Vec::new();
    while lsns.last() != Some(&last) {
        let batch = std::future::poll_fn(|context| scanner.poll_batch(context));
        for item in in_time(batch).await.unwrap() {
            match item {
                Scanned::Record(stored) => lsns.push(stored.record.header.lsn.unwrap().get()),
                other => panic!("{other:?}"),
            }
        }
    }
    lsns
}

/// The record with this number.
pub(super) fn record(number: u64) -> Record {
    sized(number, 16)
}

pub(super) fn sized(number: u64, bytes: usize) -> Record {
    let owner = Owner::new(Term::FIRST);
    let tick = Tick::from_unix_ms(1_700_000_000_000 + number);
    let header = Header::new(Kind::Data, owner, tick).numbered(Seq::new(number), Lsn::new(number));
    let mut record = Record::marker(header);
    record.payload = vec![b'x'; bytes].into();
    record
}

pub(super) fn append(wal: &Arc<dyn WalImpls>, number: u64) -> Appending {
    wal.append(Batch::One(record(number)))
}

/// Appends a record and waits for its offset.
pub(super) async fn append_now(wal: &Arc<dyn WalImpls>, number: u64) -> Result<i64> {
    in_time(append(wal, number)).await.map(|ids| offset(&ids))
}

pub(super) fn offset(ids: &Batch<MessageId>) -> i64 {
    id::offset(ids.as_slice()[0]).unwrap()
}

pub(super) async fn in_time<F: Future>(future: F) -> F::Output {
    clock::timeout(PATIENCE, future)
        .await
        .expect("an answer in time")
}

/// The kind of an error.
pub(super) fn kind<T>(outcome: Result<T>) -> walx_core::ErrorKind {
    outcome
        .map(|_| ())
        .map_err(|error: Error| error.kind())
        .expect_err("an error")
}
