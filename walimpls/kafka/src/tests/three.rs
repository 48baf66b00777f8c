//! On three brokers.

use rdkafka::admin::{NewTopic, TopicReplication};
use walx_core::{ChannelName, Durability, Health};
use walx_helper::config;
use walx_impls::{Claim, OpenerBuilderImpls};
use walx_testkit::server;

use super::{at, make};
use crate::KafkaBuilder;
use crate::config::KafkaConfig;
use crate::store::Store;
use crate::topic;

/// `None` where the run does without them.
fn three() -> Option<KafkaConfig> {
    Some(at(&server("WALX_KAFKA3")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn three_brokers_keep_three_copies_and_want_two_in_sync_unless_told() {
    let Some(config) = three() else { return };
    let table = config::to_config(&config).unwrap();
    let opener = KafkaBuilder.build(table.clone()).await.unwrap();
    assert_eq!(opener.capability().durability, Durability::Replicated);
    assert_eq!(opener.server().as_deref(), Some("Kafka 4, 3 brokers"));
    let channel = ChannelName::new("orders").unwrap();
    let wal = opener.open(&channel, Claim::TakeOver).await.unwrap();
    wal.close().await.unwrap();
    opener.close().await.unwrap();

    let checks = KafkaBuilder.doctor(table).await;
    let bad: Vec<_> = checks
        .iter()
        .filter(|it| it.health != Health::Good)
        .collect();
    assert!(bad.is_empty(), "{bad:#?}");
    assert!(
        checks.iter().any(|it| it.text.contains("gets 3 copies")),
        "{checks:#?}"
    );
    let store = Store::connect(config).await.unwrap();
    let name = store.topic(&channel).unwrap();
    assert_eq!(topic::exists(&store, &name).await.unwrap().copies, 3);
    let settings = topic::settings(&store, &name).await.unwrap().unwrap();
    assert_eq!(settings["min.insync.replicas"], "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_with_fewer_copies_in_sync_than_promised_is_warned_of() {
    let Some(mut config) = three() else { return };
    let store = Store::connect(config.clone()).await.unwrap();
    let name = format!("{}weak", config.location.prefix());
    let new = NewTopic::new(&name, 1, TopicReplication::Fixed(3))
        .set("min.insync.replicas", "1")
        .set("retention.ms", "-1");
    make(&store, &new).await;
    topic::prepare(&store, &name).await.unwrap();
    let layout = topic::exists(&store, &name).await.unwrap();
    let settings = topic::settings(&store, &name).await.unwrap().unwrap();
    let found = topic::findings(&store, &name, &layout, &settings);
    assert_eq!(found.len(), 1, "{found:?}");
    for part in [
        "min.insync.replicas = 1",
        "--add-config min.insync.replicas=2",
        "accept=min_insync",
    ] {
        assert!(
            found[0].text.contains(part),
            "{part:?} is not in: {found:?}"
        );
    }
    config.accept = vec!["min_insync".parse().unwrap()];
    let store = Store::connect(config).await.unwrap();
    assert_eq!(topic::findings(&store, &name, &layout, &settings), []);
}
