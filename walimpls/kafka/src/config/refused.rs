//! Options of topics and of librdkafka that would break a promise, or have a key of their own.

use walx_core::{Error, ErrorKind, Result};

/// Names, why not, and the way out. A name with `*` at its end stands for all that begin so.
pub(crate) type Refused = &'static [(&'static [&'static str], &'static str, &'static str)];

/// Options of topics that walx sets itself.
pub(crate) const TOPIC: Refused = &[
    (
        &["cleanup.policy"],
        "compaction drops records",
        "leave it out",
    ),
    (
        &[
            "retention.ms",
            "retention.bytes",
            "local.retention.*",
            "remote.log.*",
            "remote.storage.*",
        ],
        "only a truncation may drop records",
        "leave it out, and truncate",
    ),
    (
        &["message.timestamp.*"],
        "a record has the time of its tick",
        "leave it out",
    ),
    (
        &["min.insync.replicas"],
        "it has a key of its own",
        "use min_insync",
    ),
    (
        &["max.message.bytes"],
        "it has a key of its own",
        "use max_message",
    ),
    (
        &["unclean.leader.election.enable"],
        "a copy that lacks acknowledged records must not become the leader",
        "leave it out",
    ),
    (
        &[
            "leader.replication.throttled.replicas",
            "follower.replication.throttled.replicas",
        ],
        "it belongs to one move of partitions, not to a topic",
        "leave it out",
    ),
];

/// Options of librdkafka.
pub(crate) const CLIENT: Refused = &[
    (
        &["bootstrap.servers", "metadata.broker.list"],
        "the location names the brokers",
        "write kafka://HOST:PORT,HOST:PORT/PREFIX",
    ),
    (
        &["security.protocol"],
        "it follows from other keys",
        "use tls and sasl",
    ),
    (&["ssl.ca.*", "ssl_ca"], "it has a key of its own", "use ca"),
    (
        &[
            "ssl.certificate.location",
            "ssl.certificate.pem",
            "ssl_certificate",
        ],
        "it has a key of its own",
        "use cert",
    ),
    (
        &["ssl.key.location", "ssl.key.pem", "ssl_key"],
        "it has a key of its own",
        "use key",
    ),
    (
        &["ssl.key.password"],
        "it has a key of its own",
        "use key_password_file or key_password_env",
    ),
    (
        &["ssl.keystore.*"],
        "certificate and key are PEM files",
        "convert the store by openssl pkcs12, and use cert and key",
    ),
    (
        &["sasl.mechanism", "sasl.mechanisms"],
        "it has a key of its own",
        "use sasl",
    ),
    (&["sasl.username"], "it has a key of its own", "use user"),
    (
        &["sasl.password"],
        "it has a key of its own",
        "use password_file or password_env",
    ),
    (
        &[
            "sasl.kerberos.*",
            "sasl.oauthbearer.*",
            "enable.sasl.oauthbearer.unsecure.jwt",
        ],
        "this client knows PLAIN, SCRAM and certificates",
        "use sasl, or cert and key",
    ),
    (
        &["acks", "request.required.acks"],
        "an acknowledged record must be on all copies that are in sync",
        "leave it out, and set min_insync",
    ),
    (
        &[
            "enable.idempotence",
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "retries",
            "message.send.max.retries",
        ],
        "records must land once and in order",
        "leave it out; delivery_timeout ends what takes too long",
    ),
    (
        &[
            "queuing.strategy",
            "msg_order_cmp",
            "enable.gapless.guarantee",
        ],
        "walx keeps the order, and lets nothing overtake a hole",
        "leave it out",
    ),
    (
        &["transactional.id"],
        "the fence has one of its own for each channel",
        "use a prefix for a namespace",
    ),
    (
        &["transaction.timeout.ms"],
        "it has a key of its own",
        "use transaction_timeout",
    ),
    (
        &["delivery.timeout.ms", "message.timeout.ms"],
        "it has a key of its own",
        "use delivery_timeout",
    ),
    (
        &["linger.ms", "queue.buffering.max.ms"],
        "it has a key of its own",
        "use linger",
    ),
    (
        &["compression.codec", "compression.type"],
        "it has a key of its own",
        "use compression",
    ),
    (
        &["message.max.bytes"],
        "it has a key of its own",
        "use max_message",
    ),
    (
        &["queue.buffering.max.messages", "queue.buffering.max.kbytes"],
        "the wal bounds what is on its way, in bytes",
        "use max_in_flight_bytes of the open",
    ),
    (
        &[
            "queued.min.messages",
            "queued.max.messages.kbytes",
            "fetch.message.max.bytes",
            "max.partition.fetch.bytes",
            "fetch.max.bytes",
        ],
        "the scan bounds what is read ahead, in bytes",
        "use read_ahead_bytes of the scan",
    ),
    (
        &["isolation.level"],
        "an acknowledged record is read also while its transaction is open",
        "leave it out",
    ),
    (
        &["auto.offset.reset", "enable.partition.eof"],
        "a lost place is an error or a gap, never a jump",
        "leave it out, and choose by on_lost of the scan",
    ),
    (
        &[
            "enable.auto.commit",
            "auto.commit.*",
            "enable.auto.offset.store",
            "offset.store.*",
        ],
        "walx keeps no places of readers in Kafka",
        "leave it out, and keep a resume token",
    ),
    (
        &[
            "group.id",
            "group.instance.id",
            "group.protocol*",
            "group.remote.assignor",
            "partition.assignment.strategy",
            "session.timeout.ms",
            "heartbeat.interval.ms",
            "max.poll.interval.ms",
        ],
        "readers join no group",
        "leave it out",
    ),
    (
        &["client.rack"],
        "the leader knows first what is confirmed, and readers ask it",
        "leave it out",
    ),
    (
        &["allow.auto.create.topics", "topic.blacklist"],
        "topics are made by writers, and all of the store's are seen",
        "leave it out",
    ),
    (
        &["statistics.interval.ms"],
        "it has a key of its own",
        "use statistics",
    ),
    (
        &["api.version.*", "broker.version.fallback"],
        "the fence needs brokers that tell what they can",
        "leave it out",
    ),
    (
        &["plugin.library.paths", "interceptors"],
        "code in the client could change records",
        "use walx's interceptors",
    ),
    (
        &[
            "log_level",
            "log.queue",
            "enabled_events",
            "opaque",
            "default_topic_conf",
            "delivery.report.only.error",
            "internal.termination.signal",
            "ssl_engine_callback_data",
            "ssl.certificate.verify_cb",
            "test.*",
            "ut_*",
        ],
        "walx uses it itself, or it is for tests of the client",
        "leave it out; logs go into tracing, kafka.debug asks for more of them",
    ),
];

/// Refuses a name of the table, and any callback.
pub(super) fn check(table: &str, refused: Refused, name: &str) -> Result<()> {
    let same = |pattern: &str| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    let found = refused
        .iter()
        .find(|(names, _, _)| names.iter().any(|it| same(it)));
    let (why, way_out) = match found {
        Some((_, why, way_out)) => (*why, *way_out),
        None if name.ends_with("_cb") => ("walx uses it itself", "leave it out"),
        None => return Ok(()),
    };
    let text = format!("{table}.{name} can't be set, as {why}: {way_out}");
    Err(Error::new(ErrorKind::InvalidInput, text))
}
