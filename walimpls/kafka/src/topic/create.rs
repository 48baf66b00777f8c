use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use walx_core::{Error, ErrorKind, Result, Status};
use walx_utility::backoff::Backoff;
use walx_utility::{clock, spawn};

use super::{Layout, layout};
use crate::again::again;
use crate::error;
use crate::store::Store;
use crate::words;

/// Brokers from 3.6 on refuse records whose time is an hour ahead of theirs, unless the topic allows it: the tick of a
/// record may come from elsewhere, and the order of the log doesn't depend on the broker's clock.
const AHEAD: &str = "message.timestamp.after.max.ms";

/// Makes a topic and waits until it takes records. One that somebody else made meanwhile will do.
pub(super) async fn create(store: &Arc<Store>, topic: &str) -> Result<Layout> {
    // Brokers before 3.6 don't know it, and refuse what they don't know.
    let knows = store.cluster.setting("log.message.timestamp.after.max.ms");
    match ask(store, topic, knows.is_some(), false).await? {
        Ok(()) | Err(RDKafkaErrorCode::TopicAlreadyExists) => usable(store, topic).await,
        Err(code) => Err(refused(store, topic, code)),
    }
}

/// Whether this user may make a topic with these settings, as far as the brokers tell beforehand.
pub(crate) async fn could_create(store: &Arc<Store>, topic: &str) -> Result<()> {
    let asked = ask(store, topic, false, true).await?;
    asked.map_err(|code| refused(store, topic, code))
}

async fn ask(
    store: &Arc<Store>,
    topic: &str,
    ahead: bool,
    only_ask: bool,
) -> Result<std::result::Result<(), RDKafkaErrorCode>> {
    let config = store.config();
    let max_message = config.max_message.0.to_string();
    let (copies, min_insync) = store.copies();
    let (longest, min_insync) = (i64::MAX.to_string(), min_insync.to_string());
    let mut new = NewTopic::new(topic, 1, TopicReplication::Fixed(i32::from(copies)))
        .set("cleanup.policy", "delete")
        .set("retention.ms", "-1")
        .set("retention.bytes", "-1")
        .set("message.timestamp.type", "CreateTime")
        .set("unclean.leader.election.enable", "false")
        .set("min.insync.replicas", &min_insync)
        .set("max.message.bytes", &max_message);
    if ahead {
        new = new.set(AHEAD, &longest);
    }
    for (name, value) in &config.topic {
        new = new.set(name, value);
    }
    let shared = store.admin().await?;
    let admin = shared.admin()?;
    let made = again(config.timeout.0, |left| {
        let options = AdminOptions::new().operation_timeout(Some(left));
        let options = options.request_timeout(Some(left)).validate_only(only_ask);
        admin.create_topics([&new], &options)
    });
    match made.await.map(|it| it.into_iter().next()) {
        Ok(Some(Err((_, code)))) => Ok(Err(code)),
        Ok(_) => Ok(Ok(())),
        Err(error) => Err(error::of("create the topic", &error, &store.health)),
    }
}

fn refused(store: &Store, topic: &str, code: RDKafkaErrorCode) -> Error {
    let config = store.config();
    let (copies, min_insync) = store.copies();
    let up = store.cluster.brokers.len();
    let why = match code {
        RDKafkaErrorCode::InvalidReplicationFactor => format!(
            "it is to have {}, and the store found {}: start more, or set replication",
            words::copies(copies),
            words::brokers(up)
        ),
        RDKafkaErrorCode::InvalidConfig | RDKafkaErrorCode::PolicyViolation => format!(
            "the brokers don't take its settings: look at max_message={}, min_insync={min_insync}{}",
            config.max_message,
            config.topic.iter().map(|(k, v)| format!(", topic.{k}={v}")).collect::<String>(),
        ),
        RDKafkaErrorCode::InvalidTopic => {
            "a topic of this name can't be, or one with '.' for '_' is there: choose another name".to_owned()
        }
        RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => {
            "this user may not: allow Create on it, or have it made by somebody who may (the docs of walx-kafka list its settings)".to_owned()
        }
        other => {
            let doing = format!("create the topic '{topic}'");
            return error::of(&doing, &KafkaError::AdminOp(other), &store.health);
        }
    };
    let text = format!("can't create the topic '{topic}' ({code}): {why}");
    Error::new(error::kind(code), text)
}

/// The brokers answer before all of them know the topic, and before it has a leader.
async fn usable(store: &Arc<Store>, topic: &str) -> Result<Layout> {
    let end = clock::now() + store.config().timeout.0;
    let mut pauses = Backoff::new(Duration::from_millis(5), Duration::from_millis(200));
    loop {
        let found = match layout(store, topic).await {
            Err(error) if error.status() != Status::Temporary => return Err(error),
            found => found.ok().flatten(),
        };
        if let Some(layout) = found.filter(|it| it.led) {
            let (asking, name) = (Arc::clone(store), topic.to_owned());
            let ends = spawn::blocking(move || asking.watermarks_blocking(&name));
            if ends.await.is_ok_and(|ends| ends.is_ok()) {
                return Ok(layout);
            }
        }
        if clock::now() >= end {
            let text = format!(
                "the topic '{topic}' was made, but has no leader yet: look at the brokers, then try again"
            );
            return Err(Error::new(ErrorKind::Unavailable, text));
        }
        clock::sleep(pauses.pause()).await;
    }
}
