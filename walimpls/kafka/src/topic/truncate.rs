use std::sync::Arc;

use rdkafka::TopicPartitionList;
use rdkafka::admin::AdminOptions;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;
use walx_core::{Error, ErrorKind, Result};

use crate::again::again;
use crate::config::KafkaTruncate;
use crate::error;
use crate::store::{PARTITION, Store};

/// Drops what lies before an offset, where the store may; what is gone already is no error. The caller has checked that
/// the offset is not beyond the end.
pub(crate) async fn truncate(store: &Arc<Store>, topic: &str, first_kept: i64) -> Result<()> {
    match store.config().truncate {
        KafkaTruncate::Permission => Ok(()),
        KafkaTruncate::Exact => delete(store, topic, first_kept).await,
    }
}

/// Has the broker delete what lies before an offset.
pub(crate) async fn delete(store: &Arc<Store>, topic: &str, first_kept: i64) -> Result<()> {
    let mut cut = TopicPartitionList::new();
    let added = cut.add_partition_offset(topic, PARTITION, Offset::Offset(first_kept));
    added.map_err(|cause| named(store, topic, &cause))?;
    let shared = store.admin().await?;
    let admin = shared.admin()?;
    let done = again(store.config().timeout.0, |left| {
        let options = AdminOptions::new().operation_timeout(Some(left));
        let options = options.request_timeout(Some(left));
        let asked = admin.delete_records(&cut, &options);
        // What a partition's leader says, or that it wasn't reached, stands beside the partition.
        async { asked.await?.elements().iter().try_for_each(|it| it.error()) }
    });
    done.await.map_err(|cause| named(store, topic, &cause))
}

fn named(store: &Store, topic: &str, cause: &KafkaError) -> Error {
    let never = matches!(
        error::code(cause),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::PolicyViolation
                | RDKafkaErrorCode::UnsupportedVersion
                | RDKafkaErrorCode::UnsupportedFeature
        )
    );
    let error = error::of(
        &format!("truncate the topic '{topic}'"),
        cause,
        &store.health,
    );
    if !never {
        return error;
    }
    let kind = match error.kind() {
        ErrorKind::Denied => ErrorKind::Denied,
        _ => ErrorKind::Unsupported,
    };
    let text = format!(
        "the brokers don't delete records of the topic '{topic}' ({}): allow Delete on it, or configure truncate=permission, with which records stay until the topic's retention drops them",
        error::code(cause)
            .map(|it| it.to_string())
            .unwrap_or_default()
    );
    Error::new(kind, text)
}
