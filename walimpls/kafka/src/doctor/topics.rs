use std::sync::Arc;

use walx_core::{Check, Health};
use walx_utility::random;

use super::problem;
use crate::config::KafkaTruncate;
use crate::store::Store;
use crate::topic::{self, Grade};
use crate::words;

/// Whether a topic could be made, without making one.
pub(super) async fn create(store: &Arc<Store>) -> Check {
    let prefix = store.config().location.prefix();
    let name = format!("{prefix}doctor-{:016x}", random::number());
    match topic::could_create(store, &name).await {
        Ok(()) => {
            let text = format!("topics '{prefix}*' can be made as configured");
            Check::new("rights", Health::Good, text)
        }
        Err(error) => problem("rights", error),
    }
}

/// The faults of the topics of channels.
pub(super) async fn existing(store: &Arc<Store>) -> Vec<Check> {
    let channels = match topic::list(store).await {
        Ok(channels) => channels,
        Err(error) => return vec![problem("channels", error)],
    };
    let mut checks = Vec::new();
    for channel in &channels {
        match of(store, channel).await {
            Ok(found) => checks.extend(found),
            Err(error) => checks.push(problem("channel", error.with_channel(channel))),
        }
    }
    if checks.is_empty() {
        let text = format!(
            "{}, and no topic has a fault",
            words::count(channels.len() as u64, "channel", "channels")
        );
        checks.push(Check::new("channels", Health::Good, text));
    }
    if let (Some(channel), KafkaTruncate::Exact) = (channels.first(), store.config().truncate) {
        checks.push(truncate(store, channel).await);
    }
    checks
}

async fn of(store: &Arc<Store>, channel: &walx_core::ChannelName) -> walx_core::Result<Vec<Check>> {
    let name = store.topic(channel)?;
    let layout = topic::exists(store, &name).await?;
    let settings = match topic::settings(store, &name).await? {
        Ok(settings) => settings,
        Err(code) => {
            let text = format!(
                "the settings of the topic '{name}' can't be looked at ({code}): allow DescribeConfigs on it"
            );
            return Ok(vec![Check::new("channel", Health::Warning, text)]);
        }
    };
    let found = topic::findings(store, &name, &layout, &settings).into_iter();
    Ok(found
        .map(|it| {
            let health = match it.grade {
                Grade::Refused => Health::Problem,
                Grade::Warned => Health::Warning,
            };
            Check::new("channel", health, it.text)
        })
        .collect())
}

/// Whether records may be deleted, by deleting none: those before the first one.
async fn truncate(store: &Arc<Store>, channel: &walx_core::ChannelName) -> Check {
    let deleted = match store.topic(channel) {
        Ok(name) => topic::delete(store, &name, 0).await,
        Err(error) => Err(error),
    };
    match deleted {
        Ok(()) => Check::new(
            "truncation",
            Health::Good,
            "the brokers let this user delete records",
        ),
        Err(error) => Check::new("truncation", Health::Warning, error.to_string()),
    }
}
