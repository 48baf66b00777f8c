use walx_core::{Config, ErrorKind, Result};
use walx_helper::config::{self, HumanDuration, Secret};
use walx_helper::uri;

use crate::config::{KafkaAccept, KafkaCommit, KafkaConfig, KafkaFence, KafkaSasl, refused};
use crate::id::NAME;
use crate::security::Security;

fn parsed(query: &str) -> Result<KafkaConfig> {
    let uri = uri::parse(&format!("kafka://b1:9092,b2:9092/orders-?{query}"))?;
    config::parse::<KafkaConfig>(NAME, &uri.config)?.check()
}

fn refusal(query: &str) -> walx_core::Error {
    parsed(query).and_then(|it| Security::of(&it)).unwrap_err()
}

#[test]
fn a_uri_sets_every_kind_of_key() {
    let config = parsed(
        "fence=transaction&commit=interval:2s&transaction_timeout=60s&replication=3&min_insync=2&max_message=4MiB&\
         accept=retention,unclean_election&topic.segment.bytes=1000000&kafka.client.id=me&linger=5ms&sasl=scram-sha-512",
    )
    .unwrap();
    assert_eq!(config.location.to_string(), "b1:9092,b2:9092/orders-");
    assert_eq!(config.fence, KafkaFence::Transaction);
    assert_eq!(
        config.commit,
        KafkaCommit::Interval(std::time::Duration::from_secs(2))
    );
    assert_eq!((config.replication, config.min_insync), (Some(3), Some(2)));
    assert_eq!(
        config.accept,
        [KafkaAccept::Retention, KafkaAccept::UncleanElection]
    );
    assert_eq!(config.topic["segment.bytes"], "1000000");
    assert_eq!(config.kafka["client.id"], Secret::new("me"));
    assert_eq!(config.sasl, Some(KafkaSasl::ScramSha512));
}

#[test]
fn a_configuration_survives_the_way_into_a_table_and_back() {
    let mut all = KafkaConfig::new("b1:9092/p".parse().unwrap());
    assert_eq!(
        config::parse::<KafkaConfig>(NAME, &config::to_config(&all).unwrap()).unwrap(),
        all
    );
    all.fence = KafkaFence::ReadBack;
    all.accept = vec![KafkaAccept::Partitions];
    all.password = Some(Secret::new("hunter2"));
    all.kafka.insert("ssl.providers".into(), Secret::new("x"));
    all.roll = HumanDuration(std::time::Duration::from_millis(1500));
    let table: Config = config::to_config(&all).unwrap();
    assert_eq!(table.get("password"), Some("hunter2"));
    assert_eq!(config::parse::<KafkaConfig>(NAME, &table).unwrap(), all);
}

#[test]
fn what_can_not_work_is_refused_with_key_reason_and_way_out() {
    for (query, says) in [
        ("rol=1s", "there is no key 'rol'"),
        ("fence=lock", "use one of transaction, readback"),
        ("commit=often", "use one of long, interval:<time>"),
        ("roll=0s", "roll of 0ns"),
        ("roll=8m", "at most half of transaction_timeout=15m"),
        ("commit=interval:10m", "commit=interval of 600s"),
        ("fence=readback&commit=each", "needs transactions"),
        (
            "delivery_timeout=20m",
            "longer than transaction_timeout=15m",
        ),
        (
            "transaction_timeout=500ms&roll=100ms&delivery_timeout=400ms",
            "use 1s or more",
        ),
        ("timeout=1ms", "timeout=1ms is not possible"),
        ("linger=31s", "linger=31s"),
        ("statistics=1ms", "statistics=1ms"),
        ("replication=0", "replication=0"),
        ("min_insync=0", "min_insync=0"),
        ("replication=2&min_insync=3", "no more than replication"),
        ("max_message=1KiB", "use 4KiB to 1GB"),
        ("max_clients=0", "max_clients=0"),
        ("accept=everything", "use one of retention, partitions"),
        (
            "topic.retention.ms=1000",
            "topic.retention.ms can't be set, as only a truncation may drop records",
        ),
        ("topic.cleanup.policy=compact", "topic.cleanup.policy"),
        ("kafka.acks=1", "kafka.acks can't be set"),
        (
            "kafka.bootstrap.servers=x",
            "the location names the brokers",
        ),
        (
            "kafka.test.mock.num.brokers=3",
            "kafka.test.mock.num.brokers can't be set",
        ),
        ("kafka.rebalance_cb=x", "kafka.rebalance_cb can't be set"),
        ("ca=ca.pem", "add tls=true"),
        ("user=me", "add sasl=plain"),
        ("sasl=plain", "add user=NAME"),
        ("sasl=plain&user=me", "add password_file=FILE"),
        (
            "sasl=plain&user=me&password=a&password_env=B",
            "leave one of them",
        ),
        ("sasl=plain&user=me&password=", "is empty"),
        (
            "sasl=plain&user=me&password_env=WALX_NOT_SET_AT_ALL",
            "WALX_NOT_SET_AT_ALL",
        ),
    ] {
        let error = refusal(query);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{query}: {error}");
        assert!(
            error.to_string().contains(says),
            "{query}: {says:?} is not in: {error}"
        );
    }
    let bare = config::parse::<KafkaConfig>(NAME, &Config::new()).unwrap();
    let error = bare.check().unwrap_err().to_string();
    assert!(error.contains("kafka://HOST:PORT/PREFIX"), "{error}");
    let missing = refusal("sasl=plain&user=me&password_file=/no/such/file");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(
        missing
            .to_string()
            .contains("/no/such/file that password_file names"),
        "{missing}"
    );
}

#[test]
fn every_refused_option_of_the_table_is_refused() {
    for (table, rows) in [("topic", refused::TOPIC), ("kafka", refused::CLIENT)] {
        for name in rows.iter().flat_map(|(names, _, _)| *names) {
            let query = format!("{table}.{}=1", name.replace('*', "x"));
            let error = refusal(&query);
            assert!(
                error.to_string().contains("can't be set, as"),
                "{query}: {error}"
            );
        }
    }
}

#[cfg(not(feature = "ssl"))]
#[test]
fn what_needs_a_feature_names_it() {
    for (query, feature) in [
        ("tls=true", "'ssl'"),
        ("sasl=scram-sha-256&user=me&password=x", "'ssl'"),
        ("sasl=scram-sha-512&user=me&password=x", "'ssl'"),
        #[cfg(not(feature = "zstd"))]
        ("compression=zstd", "'zstd'"),
    ] {
        let error = refusal(query);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{query}");
        assert!(error.to_string().contains(feature), "{error}");
    }
}

#[test]
fn secrets_stand_in_no_debug_and_no_error() {
    let query = "sasl=plain&user=me&password=hunter2&kafka.ssl.engine.id=hunter2";
    let config = parsed(query).unwrap();
    let security = Security::of(&config).unwrap();
    let shown = format!("{config:?} {security:?} {}", security.in_words());
    assert!(
        shown.contains("me") && !shown.contains("hunter2"),
        "{shown}"
    );
    for query in [
        "sasl=plain&user=me&password=hunter2&password_env=X",
        "key_password=hunter2",
        "password=hunter2",
        "kafka.sasl.password=hunter2",
        "kafka.ssl.key.pem=hunter2",
        "sasl=plain&user=me&password=hunter2%00",
        "passwort=hunter2",
    ] {
        let error = refusal(query);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn a_password_stands_in_a_file_or_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    // The runner of tests sets it for each of them.
    let variable = "CARGO_PKG_NAME";
    for (query, password) in [
        (format!("password_file={}", file.display()), "hunter2"),
        (format!("password_env={variable}"), "walx-kafka"),
        ("password=here".to_owned(), "here"),
    ] {
        let config = parsed(&format!("sasl=plain&user=me&{query}")).unwrap();
        let mut client = rdkafka::ClientConfig::new();
        Security::of(&config).unwrap().apply(&mut client);
        assert_eq!(client.get("sasl.password"), Some(password));
        assert_eq!(client.get("security.protocol"), Some("sasl_plaintext"));
    }
}
