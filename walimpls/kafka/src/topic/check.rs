use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::ResourceSpecifier;
use rdkafka::error::KafkaError;
use walx_core::{Error, ErrorKind, Result};
use walx_utility::clock;

use super::Layout;
use super::rules::{Grade, Mend, RULES, Topic};
use crate::describe::{Described, describe};
use crate::error;
use crate::store::Store;

/// How often the settings of a topic are asked for where several brokers may answer, and the pause between.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_millis(150);

/// A fault of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) grade: Grade,
    /// The setting with its value, why it is a fault, and what to do.
    pub(crate) text: String,
}

/// Refuses a topic that would lose records, and warns of what endangers it, each by name.
pub(super) async fn check(store: &Arc<Store>, topic: &str, layout: &Layout) -> Result<()> {
    let findings = match settings(store, topic).await? {
        Ok(settings) => findings(store, topic, layout, &settings),
        Err(code) => {
            tracing::warn!(
                topic,
                "the settings of the topic can't be looked at ({code}): allow DescribeConfigs on it to have them checked"
            );
            return Ok(());
        }
    };
    for finding in findings {
        match finding.grade {
            Grade::Refused => return Err(Error::new(ErrorKind::InvalidInput, finding.text)),
            Grade::Warned => tracing::warn!(topic, "{}", finding.text),
        }
    }
    Ok(())
}

/// All faults that the store doesn't accept, the worst first.
pub(crate) fn findings(
    store: &Store,
    name: &str,
    layout: &Layout,
    settings: &BTreeMap<String, String>,
) -> Vec<Finding> {
    let config = store.config();
    let topic = Topic {
        config,
        layout,
        settings,
        copies: store.copies(),
    };
    let broken = RULES.iter().filter_map(|rule| {
        let accepted = rule.accept.is_some_and(|it| config.accept.contains(&it));
        let value = (rule.found)(&topic).filter(|_| !accepted)?;
        let setting = rule.setting;
        let mend = match &rule.mend {
            Mend::Words(words) => (*words).to_owned(),
            Mend::Set(good) => format!(
                "kafka-configs.sh --bootstrap-server {} --alter --entity-type topics --entity-name {name} --add-config {setting}={}",
                config.location.brokers().join(","),
                good(&topic)
            ),
        };
        let accept = rule.accept.map(|it| format!("; accept={it} lets it be")).unwrap_or_default();
        let why = rule.why;
        Some(Finding {
            grade: rule.grade,
            text: format!("the topic '{name}' has {setting} = {value}, and so {why}: {mend}{accept}"),
        })
    });
    broken.collect()
}

/// The settings of a topic; the inner error where this user may not see them.
pub(crate) async fn settings(store: &Arc<Store>, topic: &str) -> Result<Described> {
    let shared = store.admin().await?;
    let (admin, time) = (shared.admin()?, store.config().timeout.0);
    let mut described = describe(admin, ResourceSpecifier::Topic(topic), time).await;
    // A broker that hasn't heard of a new topic yet looks like one that doesn't tell.
    for _ in 1..TRIES.min(store.cluster.brokers.len()) {
        if described.is_ok() {
            break;
        }
        clock::sleep(PAUSE).await;
        described = describe(admin, ResourceSpecifier::Topic(topic), time).await;
    }
    match described {
        Err(code)
            if !matches!(
                error::kind(code),
                ErrorKind::Denied | ErrorKind::Unsupported
            ) =>
        {
            let error = KafkaError::AdminOp(code);
            Err(error::of(
                "look at the topic's settings",
                &error,
                &store.health,
            ))
        }
        described => Ok(described),
    }
}
