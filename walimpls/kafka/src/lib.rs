//! The Kafka backend of walx: a channel is a topic, and the broker itself refuses a writer that another one has replaced.
//!
//! | You look for | See |
//! |---|---|
//! | the keys of the configuration, with their defaults | [`KafkaConfig`] |
//! | options of topics and of librdkafka that are refused, and why | [below](#what-is-refused) |
//! | what a topic must be like | [below](#topics) |
//! | which error means what | [below](#errors) |
//! | how a record lies in Kafka, for other programs | [below](#the-log) |
//! | what fences, what a transaction costs, what others see | [below](#fence-and-commit) |
//! | the append path | `writer` → `writer/order` → librdkafka → `writer/context` → `writer/flights` |
//! | the scan path | `scanner` → `scanner/queue` (the only `unsafe`) → `scanner/batch` → `record/decode` |
//! | what an open does | `opener` → `writer/claim` → `topic` (make, check) → `look` (who was last) |
//!
//! # The store
//! `kafka://HOST:PORT,HOST:PORT/PREFIX?key=value&…`. One broker is enough to find the others. The channel `eu` of a store
//! with the prefix `orders.` is partition 0 of the topic `orders.eu`, and its transactional id is the same name.
//!
//! Features: `ssl` for TLS and SCRAM (OpenSSL), `zstd` for that compression. Without them a configuration that needs them
//! is `Unsupported`, and the error names the feature.
//!
//! # The log
//! An id is an offset. Control records of transactions and marks of writers take offsets too, so ids have holes; records
//! are numbered by walx, which finds what is missing.
//!
//! | In Kafka | What |
//! |---|---|
//! | value | the payload |
//! | timestamp | the Unix ms of the record's tick; the topic is `CreateTime` |
//! | header `walx` | the header of walx (format 1 of `walx_helper::frame`), then 8 bytes, little endian: the writer, which is the offset of its mark |
//! | header `walx.read` | only with `fence=readback`: how far the writer had read back |
//! | other headers | user properties, in order, under their own names; `walx.p.NAME` stands for one that is called `walx` or `walx.…`, `walx.x.HEX` for one with a zero byte in its name |
//! | key | none |
//!
//! A message with the header `walx.mark` is the mark that each open leaves: version 1, then 16 bytes of chance. With
//! `fence=transaction` a new owner of a log that isn't empty leaves two, of which the second one is its number. Anything
//! else without `walx` is foreign: another program wrote it, and scanners tell it as a gap or hand it out as it is. An
//! owner's own scan that follows its log from the write-ahead cache doesn't meet it. A record whose writer is not before it
//! is damage.
//!
//! # Fence and commit
//! | `fence` | Who keeps an older writer out | Needs | Costs |
//! |---|---|---|---|
//! | `transaction` | the broker: `init_transactions` of the new writer ends all others | Kafka 3.6 or later with `transaction.partition.verification.enable`; checked when the store is opened | up to 1 s an open where the older one is still there; nothing an append |
//! | `readback` | nobody: an owner acknowledges what it has read back and seen no newer mark before; readers drop records that an older writer landed behind a newer mark | any broker | a read of each record by its writer, 0.2 ms an append |
//!
//! A writer keeps one transaction open and appends inside it. Readers of walx read uncommitted: an acknowledged record
//! counts, whether its transaction is committed, aborted or still open. Other programs see it at once if they read
//! uncommitted (`kcat -X isolation.level=read_uncommitted`). Most clients read committed by default:
//!
//! | `commit` | What they see, and when | Price |
//! |---|---|---|
//! | `long` | records appear at each roll, after about `roll` (5 min), earlier when the log is idle | none; a roll holds appends for 5 to 45 ms |
//! | `interval:<time>` | the same each so often, while there is something to commit | 5 to 45 ms each time |
//! | `each` | what is acknowledged | 35 to 105 ms an append or group of appends |
//!
//! What was open when a writer was killed or fenced is aborted: they never see it, though walx does. With `each`, too, where
//! a group's commit fails: the wal recovers, finds the records in the log and acknowledges them, as every reader of walx has
//! them, and readers of committed records never see them.
//!
//! While a transaction ends, appends wait in a list of at most 128 MiB (`writer/order`). The one that doesn't fit is
//! `NotWritten` and ends the handle, and the wal opens the channel again. It can't be where the wal's
//! `max_in_flight_bytes` is no larger.
//!
//! A writer that commits nothing for `transaction_timeout` (15 min; it rolls long before) is fenced by the coordinator.
//! The wal then recovers by itself: it opens again and finds out whether another owner came.
//!
//! # Durability
//! Brokers acknowledge from memory. An acknowledged record is on all copies in sync, at least `min_insync` of them:
//! [`Durability::Replicated`](walx_core::Durability::Replicated) where that and `replication` are 2 or more. With one copy
//! it survives the broker's process, not its machine; `topic.flush.messages=1` syncs each batch (2.9 ms an append instead of
//! 0.3, measured).
//!
//! # Topics
//! The first writer makes the topic, with one partition, `replication` copies and these settings: `cleanup.policy=delete`,
//! `retention.ms=-1`, `retention.bytes=-1`, `message.timestamp.type=CreateTime`, `message.timestamp.after.max.ms` without
//! limit (from 3.6 on), `unclean.leader.election.enable=false`, `min.insync.replicas` from `min_insync`,
//! `max.message.bytes` from `max_message`, and what `topic.<name>` says. Each writer that takes a channel over looks at them:
//!
//! <!-- the table of topics -->
//!
//! | Setting | Found | The topic is | Accepted by | Why |
//! |---|---|---|---|---|
//! | `cleanup.policy` | has `compact` | refused |  | compaction drops records, those without a key or of an aborted transaction first |
//! | `message.timestamp.type` | `LogAppendTime` | refused |  | the time of a record is that of its tick, by which scans start |
//! | `retention.ms` | not `-1` | refused | `accept=retention` | the broker drops records by age that nobody has truncated |
//! | `retention.bytes` | not `-1` | refused | `accept=retention` | the broker drops records by size that nobody has truncated |
//! | `partitions` | more than 1 | refused | `accept=partitions` | walx uses partition 0 only, and never sees what others hold |
//! | `max.message.bytes` | less than `max_message` | refused |  | the largest records that the store takes don't fit |
//! | `flush.messages` | not `1` though `topic.flush.messages=1` | refused |  | the store promises that acknowledged records are synced, and they are not |
//! | `replication` | 1 | warned about | `accept=replication` | the log is gone with its only broker |
//! | `min.insync.replicas` | less than `min_insync`, or 1 with several copies | warned about | `accept=min_insync` | an acknowledged record may be on so few brokers, and lost with them |
//! | `min.insync.replicas` | more than there are copies | warned about |  | no append will ever be acknowledged |
//! | `unclean.leader.election.enable` | `true` | warned about | `accept=unclean_election` | a copy that lacks acknowledged records may become the leader, and they are gone |
//!
//! <!-- its end -->
//!
//! The text of the refusal or warning names the topic, the value, and the command that mends it.
//!
//! # Errors
//! A code that stands in no row is `Internal`. librdkafka tries again by itself as long as it has time; what it reported
//! meanwhile stands in the error: a wrong password is `Denied`, not a time-out.
//!
//! <!-- the table of errors -->
//!
//! | Kind | Codes | What to do |
//! |---|---|---|
//! | `Fenced` | `Fenced`, `ProducerFenced`, `InvalidProducerEpoch`, `InvalidProducerIdMapping` | another writer was opened, or the broker gave up the transaction: open again to find out |
//! | `Closed` | `BrokerDestroy` | the store or the handle was closed: open it anew |
//! | `NotFound` | `UnknownTopicOrPartition`, `UnknownTopic`, `UnknownPartition`, `UnknownTopicId`, `ResourceNotFound` | there is no such topic: check the prefix and the channel's name, or open a writer, which makes it |
//! | `Conflict` | `TopicAlreadyExists`, `ReassignmentInProgress` | somebody else works on the topic: try again |
//! | `InvalidInput` | `InvalidTopic`, `InvalidArgument`, `InvalidConfig`, `InvalidReplicationFactor`, `InvalidReplicaAssignment`, `InvalidPartitions`, `InvalidRequest`, `InvalidTimestamp`, `InvalidTransactionTimeout`, `InvalidRequiredAcks`, `PolicyViolation`, `UnknownBroker` | the brokers don't take the value: change it, or their settings |
//! | `TooLarge` | `MessageSizeTooLarge`, `MessageBatchTooLarge`, `InvalidMessageSize` | split the record, or raise `max_message` and the topic's max.message.bytes |
//! | `Overloaded` | `QueueFull`, `ThrottlingQuotaExceeded` | a limit of the client or a quota of the brokers is reached: wait and try again |
//! | `PositionLost` | `OffsetOutOfRange`, `AutoOffsetReset`, `NoOffset`, `LogTruncation` | the place is no longer in the topic, or not yet: start at what bounds names |
//! | `Corrupt` | `BadMessage`, `BadCompression`, `InvalidMessage`, `InvalidRecord` | a record is damaged on the broker's disk or on the way: look at the broker's disks |
//! | `OutcomeUnknown` | `MessageTimedOut`, `TimedOutQueue`, `PurgeInflight`, `NotEnoughReplicasAfterAppend` | it may have been written: open again and read the tail |
//! | `NotWritten` | `PurgeQueue` | it was not sent: append it again |
//! | `Unsupported` | `UnsupportedVersion`, `UnsupportedFeature`, `UnsupportedForMessageFormat`, `UnsupportedCompressionType`, `NotImplemented`, `TopicDeletionDisabled` | the brokers or this build of the client can't do it: upgrade, or change the setting |
//! | `Denied` | `TopicAuthorizationFailed`, `GroupAuthorizationFailed`, `ClusterAuthorizationFailed`, `TransactionalIdAuthorizationFailed`, `Authentication`, `SaslAuthenticationFailed`, `UnsupportedSASLMechanism`, `IllegalSASLState`, `SecurityDisabled` | check sasl, user and password, and the rights of that user on the topic, its transactional id and the cluster |
//! | `Denied` | `SSL` | the two sides don't trust each other: check ca, cert and key, and that the broker's port speaks TLS |
//! | `Unavailable` | `BrokerTransportFailure`, `AllBrokersDown`, `Resolve`, `NetworkException`, `BrokerNotAvailable`, `DestroyBroker` | check that the brokers run, that the addresses are right (those that the brokers advertise, too), and whether they want TLS |
//! | `Unavailable` | `OperationTimedOut`, `RequestTimedOut`, `LeaderNotAvailable`, `NotLeaderForPartition`, `ReplicaNotAvailable`, `PreferredLeaderNotAvailable`, `EligibleLeadersNotAvailable`, `FencedLeaderEpoch`, `UnknownLeaderEpoch`, `OffsetNotAvailable`, `ISRInsufficient`, `NotEnoughReplicas`, `NotController`, `StaleControllerEpoch`, `StaleBrokerEpoch`, `CoordinatorLoadInProgress`, `CoordinatorNotAvailable`, `NotCoordinator`, `WaitingForCoordinator`, `TransactionCoordinatorFenced`, `ConcurrentTransactions`, `KafkaStorageError`, `FetchSessionIdNotFound`, `InvalidFetchSessionEpoch`, `InProgress`, `PreviousInProgress`, `Retry`, `WaitCache`, `Outdated`, `RebootstrapRequired`, `OperationNotAttempted` | the brokers don't answer in time, or have no leader or too few copies: look at them, then try again |
//!
//! <!-- its end -->
//!
//! What an append gets depends on what is known as well: `NotWritten` only where the record was never sent.
//!
//! # What is refused
//! Any other option of a topic can be set by `topic.<name>`, any other option of librdkafka by `kafka.<name>`. `*` stands
//! for any rest of a name.
//!
//! <!-- the table of refused options -->
//!
//! | Option | Why not | Instead |
//! |---|---|---|
//! | `topic.cleanup.policy` | compaction drops records | leave it out |
//! | `topic.retention.ms`, `topic.retention.bytes`, `topic.local.retention.*`, `topic.remote.log.*`, `topic.remote.storage.*` | only a truncation may drop records | leave it out, and truncate |
//! | `topic.message.timestamp.*` | a record has the time of its tick | leave it out |
//! | `topic.min.insync.replicas` | it has a key of its own | use `min_insync` |
//! | `topic.max.message.bytes` | it has a key of its own | use `max_message` |
//! | `topic.unclean.leader.election.enable` | a copy that lacks acknowledged records must not become the leader | leave it out |
//! | `topic.leader.replication.throttled.replicas`, `topic.follower.replication.throttled.replicas` | it belongs to one move of partitions, not to a topic | leave it out |
//! | `kafka.bootstrap.servers`, `kafka.metadata.broker.list` | the location names the brokers | write kafka://HOST:PORT,HOST:PORT/PREFIX |
//! | `kafka.security.protocol` | it follows from other keys | use tls and sasl |
//! | `kafka.ssl.ca.*`, `kafka.ssl_ca` | it has a key of its own | use ca |
//! | `kafka.ssl.certificate.location`, `kafka.ssl.certificate.pem`, `kafka.ssl_certificate` | it has a key of its own | use cert |
//! | `kafka.ssl.key.location`, `kafka.ssl.key.pem`, `kafka.ssl_key` | it has a key of its own | use key |
//! | `kafka.ssl.key.password` | it has a key of its own | use `key_password_file` or `key_password_env` |
//! | `kafka.ssl.keystore.*` | certificate and key are PEM files | convert the store by openssl pkcs12, and use cert and key |
//! | `kafka.sasl.mechanism`, `kafka.sasl.mechanisms` | it has a key of its own | use sasl |
//! | `kafka.sasl.username` | it has a key of its own | use user |
//! | `kafka.sasl.password` | it has a key of its own | use `password_file` or `password_env` |
//! | `kafka.sasl.kerberos.*`, `kafka.sasl.oauthbearer.*`, `kafka.enable.sasl.oauthbearer.unsecure.jwt` | this client knows PLAIN, SCRAM and certificates | use sasl, or cert and key |
//! | `kafka.acks`, `kafka.request.required.acks` | an acknowledged record must be on all copies that are in sync | leave it out, and set `min_insync` |
//! | `kafka.enable.idempotence`, `kafka.max.in.flight`, `kafka.max.in.flight.requests.per.connection`, `kafka.retries`, `kafka.message.send.max.retries` | records must land once and in order | leave it out; `delivery_timeout` ends what takes too long |
//! | `kafka.queuing.strategy`, `kafka.msg_order_cmp`, `kafka.enable.gapless.guarantee` | walx keeps the order, and lets nothing overtake a hole | leave it out |
//! | `kafka.transactional.id` | the fence has one of its own for each channel | use a prefix for a namespace |
//! | `kafka.transaction.timeout.ms` | it has a key of its own | use `transaction_timeout` |
//! | `kafka.delivery.timeout.ms`, `kafka.message.timeout.ms` | it has a key of its own | use `delivery_timeout` |
//! | `kafka.linger.ms`, `kafka.queue.buffering.max.ms` | it has a key of its own | use linger |
//! | `kafka.compression.codec`, `kafka.compression.type` | it has a key of its own | use compression |
//! | `kafka.message.max.bytes` | it has a key of its own | use `max_message` |
//! | `kafka.queue.buffering.max.messages`, `kafka.queue.buffering.max.kbytes` | the wal bounds what is on its way, in bytes | use `max_in_flight_bytes` of the open |
//! | `kafka.queued.min.messages`, `kafka.queued.max.messages.kbytes`, `kafka.fetch.message.max.bytes`, `kafka.max.partition.fetch.bytes`, `kafka.fetch.max.bytes` | the scan bounds what is read ahead, in bytes | use `read_ahead_bytes` of the scan |
//! | `kafka.isolation.level` | an acknowledged record is read also while its transaction is open | leave it out |
//! | `kafka.auto.offset.reset`, `kafka.enable.partition.eof` | a lost place is an error or a gap, never a jump | leave it out, and choose by `on_lost` of the scan |
//! | `kafka.enable.auto.commit`, `kafka.auto.commit.*`, `kafka.enable.auto.offset.store`, `kafka.offset.store.*` | walx keeps no places of readers in Kafka | leave it out, and keep a resume token |
//! | `kafka.group.id`, `kafka.group.instance.id`, `kafka.group.protocol*`, `kafka.group.remote.assignor`, `kafka.partition.assignment.strategy`, `kafka.session.timeout.ms`, `kafka.heartbeat.interval.ms`, `kafka.max.poll.interval.ms` | readers join no group | leave it out |
//! | `kafka.client.rack` | the leader knows first what is confirmed, and readers ask it | leave it out |
//! | `kafka.allow.auto.create.topics`, `kafka.topic.blacklist` | topics are made by writers, and all of the store's are seen | leave it out |
//! | `kafka.statistics.interval.ms` | it has a key of its own | use statistics |
//! | `kafka.api.version.*`, `kafka.broker.version.fallback` | the fence needs brokers that tell what they can | leave it out |
//! | `kafka.plugin.library.paths`, `kafka.interceptors` | code in the client could change records | use walx's interceptors |
//! | `kafka.log_level`, `kafka.log.queue`, `kafka.enabled_events`, `kafka.opaque`, `kafka.default_topic_conf`, `kafka.delivery.report.only.error`, `kafka.internal.termination.signal`, `kafka.ssl_engine_callback_data`, `kafka.ssl.certificate.verify_cb`, `kafka.test.*`, `kafka.ut_*` | walx uses it itself, or it is for tests of the client | leave it out; logs go into tracing, kafka.debug asks for more of them |
//!
//! <!-- its end -->

mod again;
mod apart;
mod bounds;
mod builder;
mod client;
mod cluster;
mod config;
mod describe;
mod doctor;
mod ending;
mod error;
mod id;
mod look;
mod opener;
mod record;
mod scanner;
mod security;
mod shared;
mod store;
#[cfg(test)]
mod tests;
mod topic;
mod wal;
mod words;
mod writer;

pub use builder::KafkaBuilder;
pub use config::{
    KafkaAccept, KafkaCommit, KafkaCompression, KafkaConfig, KafkaFence, KafkaLocation, KafkaSasl,
    KafkaTruncate,
};
pub use id::NAME;
pub use walx_helper::config::{ByteSize, HumanDuration, Secret};
