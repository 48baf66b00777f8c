//! What the brokers tell of themselves.

mod fence;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use rdkafka::admin::ResourceSpecifier;
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use walx_core::{ErrorKind, Result};
use walx_utility::{clock, spawn};

use crate::client::Settings;
use crate::describe::{Described, describe};
use crate::error;
use crate::shared::Shared;
use crate::words;

pub(crate) use fence::{Verified, verified};

/// How long one try to reach a broker takes, before the next one looks at what the client reported meanwhile.
const TRY: Duration = Duration::from_millis(500);
/// Settings of brokers that are looked at.
const LOOKED_AT: &[&str] = &[
    "auto.create.topics.enable",
    "default.replication.factor",
    "inter.broker.protocol.version",
    "log.message.timestamp.after.max.ms",
    "min.insync.replicas",
    "process.roles",
    "transaction.max.timeout.ms",
    "transaction.partition.verification.enable",
    "transaction.state.log.min.isr",
    "transaction.state.log.replication.factor",
    "unclean.leader.election.enable",
    "zookeeper.connect",
];

/// The brokers of a store, as they were when it was opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) id: Option<String>,
    pub(crate) brokers: Vec<Broker>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Broker {
    pub(crate) id: i32,
    /// What it advertises.
    pub(crate) address: String,
    /// Those of its settings that are looked at; why not where it doesn't tell.
    pub(crate) settings: Described,
}

impl Broker {
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        let settings = self.settings.as_ref().ok()?;
        settings.get(name).map(String::as_str)
    }

    /// The release, as near as its settings tell: brokers before 4.0 name the protocol between them.
    fn release(&self) -> Option<String> {
        let settings = self.settings.as_ref().ok()?;
        match settings.get("inter.broker.protocol.version") {
            Some(version) => {
                let version = version.split('-').next().unwrap_or(version);
                Some(format!("Kafka {version}"))
            }
            None if settings.contains_key("transaction.partition.verification.enable") => {
                Some("Kafka 4".to_owned())
            }
            None => None,
        }
    }
}

impl Cluster {
    /// Waits for the first broker that answers, no longer than the store's `timeout`, then asks all of them.
    pub(crate) async fn meet(settings: &Settings, shared: &Arc<Shared>) -> Result<Self> {
        let (asked, time) = (Arc::clone(shared), settings.config.timeout.0);
        let greeted = spawn::blocking(move || greet(&asked, time)).await;
        let mut cluster = greeted.unwrap_or_else(|spawn::Lost| Err(error::broken("connect")))?;
        let making = Arc::clone(shared);
        let made = spawn::blocking(move || making.admin().map(|_| ())).await;
        made.unwrap_or_else(|spawn::Lost| Err(error::broken("connect")))?;
        let admin = shared.admin()?;
        // All of them are on their way before the first answer is waited for.
        let asked = cluster.brokers.iter();
        let asked = asked.map(|it| describe(admin, ResourceSpecifier::Broker(it.id), time));
        let answers = join_all(asked).await;
        for (broker, answer) in cluster.brokers.iter_mut().zip(answers) {
            broker.settings = answer.map(|mut settings| {
                settings.retain(|name, _| LOOKED_AT.contains(&name.as_str()));
                settings
            });
        }
        Ok(cluster)
    }

    /// A setting as the first broker that tells has it.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.brokers.iter().find_map(|it| it.setting(name))
    }

    /// Copies of a topic that is created, where the configuration leaves it open: the brokers' default, but three
    /// where there are three brokers. The default alone may be 1; the count of brokers alone may be that of an outage.
    pub(crate) fn copies(&self) -> u16 {
        let default = self.setting("default.replication.factor");
        let default = default.and_then(|it| it.parse().ok()).unwrap_or(1);
        let brokers = u16::try_from(self.brokers.len()).unwrap_or(u16::MAX);
        brokers.clamp(1, 3).max(default)
    }

    /// What the servers are, for reports.
    pub(crate) fn server(&self) -> Option<String> {
        let release = self.brokers.iter().find_map(Broker::release)?;
        Some(match self.brokers.len() {
            1 => release,
            count => format!("{release}, {}", words::brokers(count)),
        })
    }
}

/// Who is there. Asked in short tries: a wrong password is known long before the time is over.
fn greet(shared: &Shared, time: Duration) -> Result<Cluster> {
    let end = clock::now() + time;
    loop {
        let left = end.saturating_duration_since(clock::now());
        // Some topic has to be named, or they tell of all that they have.
        let met = shared.asker.fetch_metadata(Some("walx"), TRY.min(left));
        let cause = match met {
            Ok(found) if !found.brokers().is_empty() => {
                let brokers = found.brokers().iter().map(|it| Broker {
                    id: it.id(),
                    address: format!("{}:{}", it.host(), it.port()),
                    settings: Err(RDKafkaErrorCode::OperationNotAttempted),
                });
                let mut brokers: Vec<_> = brokers.collect();
                brokers.sort_by_key(|it| it.id);
                shared.health.good();
                return Ok(Cluster {
                    id: shared.asker.client().fetch_cluster_id(TRY),
                    brokers,
                });
            }
            Ok(_) => KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerNotAvailable),
            Err(cause) => cause,
        };
        let error = error::of("connect", &cause, &shared.health);
        let hopeless = error.kind() == ErrorKind::Denied;
        if hopeless || clock::now() >= end {
            return Err(error);
        }
    }
}
