//! Each row of the table of topics, on the broker.

use std::sync::Arc;

use rdkafka::admin::{NewTopic, TopicReplication};
use walx_core::{Error, ErrorKind, Result};

use super::{here, make};
use crate::config::KafkaConfig;
use crate::store::Store;
use crate::topic::{self, Finding, Grade};

/// `None` where the run does without a broker.
async fn connect(change: impl FnOnce(&mut KafkaConfig)) -> Option<Arc<Store>> {
    let mut config = here()?;
    change(&mut config);
    Some(Store::connect(config).await.unwrap())
}

/// Somebody else's topic, with a log's settings but for these.
async fn foreign(
    store: &Arc<Store>,
    name: &str,
    partitions: i32,
    settings: &[(&str, &str)],
) -> String {
    let name = format!("{}{name}", store.config().location.prefix());
    let mut new = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
    let good = [("retention.ms", "-1"), ("retention.bytes", "-1")];
    for (key, value) in good.iter().chain(settings) {
        new.config.retain(|(it, _)| it != key);
        new = new.set(key, value);
    }
    make(store, &new).await;
    name
}

async fn refused(store: &Arc<Store>, name: &str) -> Error {
    let error = topic::prepare(store, name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    error
}

async fn found(store: &Arc<Store>, name: &str) -> Result<Vec<Finding>> {
    let layout = topic::exists(store, name).await?;
    let settings = topic::settings(store, name).await?.unwrap();
    Ok(topic::findings(store, name, &layout, &settings))
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_would_lose_records_are_refused_by_name_with_the_command_that_mends_them() {
    let Some(store) = connect(|it| {
        it.topic.insert("flush.messages".into(), "1".into());
    })
    .await
    else {
        return;
    };
    for (at, (setting, value, mended)) in [
        ("cleanup.policy", "compact", "cleanup.policy=delete"),
        ("cleanup.policy", "compact,delete", "cleanup.policy=delete"),
        (
            "message.timestamp.type",
            "LogAppendTime",
            "message.timestamp.type=CreateTime",
        ),
        ("retention.ms", "604800000", "retention.ms=-1"),
        ("retention.bytes", "1000000000", "retention.bytes=-1"),
        ("max.message.bytes", "100000", "max.message.bytes=1048576"),
        ("flush.messages", "1000", "flush.messages=1"),
    ]
    .into_iter()
    .enumerate()
    {
        let settings = [("flush.messages", "1"), (setting, value)];
        let name = foreign(&store, &format!("r{at}"), 1, &settings).await;
        let error = refused(&store, &name).await.to_string();
        for part in [
            &format!("{setting} = {value}"),
            &name,
            mended,
            "kafka-configs.sh",
        ] {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    }
    let name = foreign(&store, "many", 3, &[("flush.messages", "1")]).await;
    let error = refused(&store, &name).await.to_string();
    assert!(
        error.contains("partitions = 3") && error.contains("accept=partitions"),
        "{error}"
    );
    // Nothing else is wrong with a topic of theirs.
    let name = foreign(&store, "good", 1, &[("flush.messages", "1")]).await;
    topic::prepare(&store, &name).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_accepted_by_name_is_let_be() {
    let Some(store) = connect(|it| {
        it.accept = ["retention", "partitions", "replication", "unclean_election"]
            .map(|it| it.parse().unwrap())
            .to_vec();
    })
    .await
    else {
        return;
    };
    let settings = [
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000000"),
        ("unclean.leader.election.enable", "true"),
    ];
    let name = foreign(&store, "accepted", 2, &settings).await;
    topic::prepare(&store, &name).await.unwrap();
    assert_eq!(found(&store, &name).await.unwrap(), []);
    let compacted = foreign(&store, "compacted", 1, &[("cleanup.policy", "compact")]).await;
    refused(&store, &compacted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_endangers_records_is_warned_of_by_name() {
    let Some(store) = connect(|_| {}).await else {
        return;
    };
    let settings = [
        ("unclean.leader.election.enable", "true"),
        ("min.insync.replicas", "2"),
    ];
    let name = foreign(&store, "warned", 1, &settings).await;
    topic::prepare(&store, &name).await.unwrap();
    let found = found(&store, &name).await.unwrap();
    assert!(
        found.iter().all(|it| it.grade == Grade::Warned),
        "{found:?}"
    );
    let texts: Vec<_> = found.iter().map(|it| it.text.as_str()).collect();
    for part in [
        "replication = 1",
        "min.insync.replicas = 2 with 1 copy",
        "unclean.leader.election.enable = true",
    ] {
        assert!(
            texts.iter().any(|it| it.contains(part)),
            "{part:?} is not in: {texts:?}"
        );
    }
    assert_eq!(texts.len(), 3, "{texts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_walx_makes_has_no_fault_but_its_one_copy() {
    let Some(store) = connect(|it| {
        it.topic.insert("segment.bytes".into(), "1048576".into());
    })
    .await
    else {
        return;
    };
    let name = format!("{}made", store.config().location.prefix());
    topic::prepare(&store, &name).await.unwrap();
    let settings = topic::settings(&store, &name).await.unwrap().unwrap();
    for (setting, value) in [
        ("cleanup.policy", "delete"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("message.timestamp.type", "CreateTime"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
        ("max.message.bytes", "1048576"),
        ("min.insync.replicas", "1"),
        ("unclean.leader.election.enable", "false"),
        ("segment.bytes", "1048576"),
    ] {
        assert_eq!(settings[setting], value, "{setting}");
    }
    let found = found(&store, &name).await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].text.contains("replication = 1"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_can_not_be_made_says_why() {
    let Some(store) = connect(|it| it.replication = Some(3)).await else {
        return;
    };
    let name = format!("{}three", store.config().location.prefix());
    let error = topic::prepare(&store, &name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error
            .to_string()
            .contains("3 copies, and the store found 1 broker"),
        "{error}"
    );
    let Some(store) = connect(|it| {
        it.topic.insert("segment.bytes".into(), "many".into());
    })
    .await
    else {
        return;
    };
    let name = format!("{}wrong", store.config().location.prefix());
    let error = topic::prepare(&store, &name).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(
        error.to_string().contains("topic.segment.bytes=many"),
        "{error}"
    );
}
