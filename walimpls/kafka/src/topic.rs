//! The topics of channels: made, looked at, cut.

mod check;
mod create;
mod list;
mod rules;
mod truncate;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use walx_core::{Error, ErrorKind, Result};
use walx_utility::{clock, spawn};

use crate::error;
use crate::store::{PARTITION, Store};

pub(crate) use check::{findings, settings};
pub(crate) use create::could_create;
pub(crate) use list::list;
pub(crate) use rules::Grade;
pub(crate) use truncate::{delete, truncate};
#[cfg(test)]
pub(crate) use {check::Finding, rules::RULES};

/// By when all brokers know a topic that one of them knows.
const LATER: Duration = Duration::from_millis(200);

/// A topic as the brokers tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) partitions: usize,
    /// Copies of partition 0.
    pub(crate) copies: usize,
    /// Whether partition 0 has a leader at present.
    pub(crate) led: bool,
}

/// Makes the topic of a writer that takes over where it is missing, and checks its settings.
pub(crate) async fn prepare(store: &Arc<Store>, topic: &str) -> Result<()> {
    let found = match layout(store, topic).await? {
        Some(layout) => layout,
        None => create::create(store, topic).await?,
    };
    check::check(store, topic, &found).await
}

/// `NotFound` where there is no such topic. Creates nothing.
pub(crate) async fn exists(store: &Arc<Store>, topic: &str) -> Result<Layout> {
    if let Some(found) = layout(store, topic).await? {
        return Ok(found);
    }
    // Of several brokers one may hear of a new topic a little later.
    if store.cluster.brokers.len() > 1 {
        clock::sleep(LATER).await;
        if let Some(found) = layout(store, topic).await? {
            return Ok(found);
        }
    }
    Err(missing(topic))
}

/// The topic; `None` where there is none.
pub(crate) async fn layout(store: &Arc<Store>, topic: &str) -> Result<Option<Layout>> {
    let (asking, name) = (Arc::clone(store), topic.to_owned());
    let looked = spawn::blocking(move || layout_blocking(&asking, &name)).await;
    looked.unwrap_or_else(|spawn::Lost| Err(error::broken("look at the topic")))
}

/// As [`layout`], on a thread that may block.
pub(crate) fn layout_blocking(store: &Store, topic: &str) -> Result<Option<Layout>> {
    store.ask_blocking("look at the topic", |asker, time| {
        let metadata = asker.fetch_metadata(Some(topic), time)?;
        let Some(found) = metadata.topics().first() else {
            return Ok(None);
        };
        match found.error().map(RDKafkaErrorCode::from) {
            None | Some(RDKafkaErrorCode::LeaderNotAvailable) => Ok(of(found)),
            Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Ok(None),
            Some(code) => Err(KafkaError::MetadataFetch(code)),
        }
    })
}

fn of(found: &MetadataTopic) -> Option<Layout> {
    let partitions = found.partitions();
    let ours = partitions.iter().find(|it| it.id() == PARTITION)?;
    Some(Layout {
        partitions: partitions.len(),
        copies: ours.replicas().len(),
        led: ours.leader() >= 0,
    })
}

pub(crate) fn missing(topic: &str) -> Error {
    let text = format!("there is no topic '{topic}'; the channel's first writer makes it");
    Error::new(ErrorKind::NotFound, text)
}

/// What somebody gets whose topic is there, and has no broker that answers for it.
pub(crate) fn leaderless(topic: &str) -> Error {
    let text = format!("the topic '{topic}' has no leader: look at the brokers, then try again");
    Error::new(ErrorKind::Unavailable, text)
}
