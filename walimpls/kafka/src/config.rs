mod check;
mod choice;
mod location;
pub(crate) mod refused;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use walx_helper::config::{ByteSize, HumanDuration, Secret};

pub use choice::{
    KafkaAccept, KafkaCommit, KafkaCompression, KafkaFence, KafkaSasl, KafkaTruncate,
};
pub use location::KafkaLocation;

/// The header of a batch of records, format 2.
const BATCH_HEADER: u64 = 61;
/// What a record takes beside payload, properties with their lengths, and walx's header: at most 36 bytes of lengths and
/// deltas, name and lengths of the header `walx`, and the writer's number.
const RECORD_FRAME: u64 = 67;

/// How a store is configured: `kafka://b1:9092,b2:9092/prefix?replication=3&min_insync=2`. A channel is the topic
/// `<prefix><channel>`, partition 0.
///
/// ```
/// use walx_kafka::{KafkaCommit, KafkaConfig, KafkaFence};
///
/// let mut config = KafkaConfig::new("b1:9092,b2:9092/orders-".parse().unwrap());
/// config.replication = Some(3);
/// assert_eq!((config.fence, config.commit), (KafkaFence::Transaction, KafkaCommit::Long));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct KafkaConfig {
    /// The brokers to begin with, and the prefix of the topics.
    pub location: KafkaLocation,
    /// What keeps an older writer from appending: `transaction` (the default) or `readback`.
    pub fence: KafkaFence,
    /// When a transaction is committed: `long` (the default), `interval:<time>` or `each`.
    pub commit: KafkaCommit,
    /// How long a transaction stays open with `commit=long`: 5 min by default, at most half of `transaction_timeout`.
    pub roll: HumanDuration,
    /// When the broker ends a transaction that nobody commits: 15 min by default, the most that brokers allow by default.
    pub transaction_timeout: HumanDuration,
    /// How long an append may be on its way before its outcome is unknown: 30 s by default.
    pub delivery_timeout: HumanDuration,
    /// How long a scanner waits for brokers that don't answer before it ends with `Unavailable`: 30 s by default.
    pub read_timeout: HumanDuration,
    /// How long brokers may take to answer a question, and to connect: 10 s by default.
    pub timeout: HumanDuration,
    /// How long the client waits for more records before it sends a batch: 0 by default. Under load batches form anyway.
    pub linger: HumanDuration,
    /// How batches are compressed: `none` (the default), `gzip`, `snappy`, `lz4` or `zstd`.
    pub compression: KafkaCompression,
    /// Copies of a topic that is created; none = the brokers' default, but 3 where there are three brokers.
    pub replication: Option<u16>,
    /// Copies that must have a record before it is acknowledged; none = 2, but 1 where there is one copy.
    pub min_insync: Option<u16>,
    /// The largest batch, as `max.message.bytes` of the topic counts it: 1 MiB by default. A record must fit in one.
    pub max_message: ByteSize,
    /// What a truncation does: `exact` (the default) or `permission`.
    pub truncate: KafkaTruncate,
    /// The most clients (connections, threads) at a time: one a writer and one a scanner. 1024 by default.
    pub max_clients: usize,
    /// Findings about existing topics that are accepted, such as `retention`.
    pub accept: Vec<KafkaAccept>,
    /// How often the client's statistics become metrics; 0 s (the default) = never.
    pub statistics: HumanDuration,
    /// Whether connections are encrypted. Needs the feature `ssl`.
    pub tls: bool,
    /// The certificates that the brokers' are checked with, a PEM file; none = those of the system.
    pub ca: Option<PathBuf>,
    /// The client's certificate, a PEM file.
    pub cert: Option<PathBuf>,
    /// The client's key, a PEM file.
    pub key: Option<PathBuf>,
    /// The password of the key. Better in a file or in the environment.
    pub key_password: Option<Secret>,
    /// A file with the password of the key.
    pub key_password_file: Option<PathBuf>,
    /// The environment variable with the password of the key.
    pub key_password_env: Option<String>,
    /// How the client says who it is: `plain`, `scram-sha-256` or `scram-sha-512`; SCRAM needs the feature `ssl`.
    pub sasl: Option<KafkaSasl>,
    /// Who it is.
    pub user: Option<String>,
    /// The user's password. Better in a file or in the environment.
    pub password: Option<Secret>,
    /// A file with the user's password.
    pub password_file: Option<PathBuf>,
    /// The environment variable with the user's password.
    pub password_env: Option<String>,
    /// Options of topics that are created: `topic.segment.bytes=268435456`.
    pub topic: BTreeMap<String, String>,
    /// Options of librdkafka: `kafka.client.id=orders`.
    pub kafka: BTreeMap<String, Secret>,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        let seconds = |seconds| HumanDuration(Duration::from_secs(seconds));
        Self {
            location: KafkaLocation::default(),
            fence: KafkaFence::default(),
            commit: KafkaCommit::default(),
            roll: seconds(5 * 60),
            transaction_timeout: seconds(15 * 60),
            delivery_timeout: seconds(30),
            read_timeout: seconds(30),
            timeout: seconds(10),
            linger: seconds(0),
            compression: KafkaCompression::default(),
            replication: None,
            min_insync: None,
            max_message: ByteSize(1 << 20),
            truncate: KafkaTruncate::default(),
            max_clients: 1024,
            accept: Vec::new(),
            statistics: seconds(0),
            tls: false,
            ca: None,
            cert: None,
            key: None,
            key_password: None,
            key_password_file: None,
            key_password_env: None,
            sasl: None,
            user: None,
            password: None,
            password_file: None,
            password_env: None,
            topic: BTreeMap::new(),
            kafka: BTreeMap::new(),
        }
    }
}

impl KafkaConfig {
    /// The defaults, at a location.
    pub fn new(location: KafkaLocation) -> Self {
        Self {
            location,
            ..Self::default()
        }
    }
    /// What the records of a batch may take: `max_message` counts the batch's own header as well.
    pub(crate) fn max_batch_records(&self) -> u64 {
        self.max_message.0.saturating_sub(BATCH_HEADER)
    }

    /// The largest record as walx counts it: its payload, properties and header.
    pub(crate) fn max_record_bytes(&self) -> usize {
        let bytes = self.max_batch_records().saturating_sub(RECORD_FRAME);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}
