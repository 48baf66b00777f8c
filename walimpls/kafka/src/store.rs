mod ask;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use walx_core::{ChannelName, Error, ErrorKind, Result};
use walx_utility::sync::lock;
use walx_utility::{metric, spawn};

use crate::client::{Context, Health, Settings};
use crate::cluster::Cluster;
use crate::config::KafkaConfig;
use crate::ending::Ending;
use crate::error;
use crate::look::Lookers;
use crate::security::Security;
use crate::shared::{Shared, Tend};

/// The only partition that walx uses.
pub(crate) const PARTITION: i32 = 0;

/// An open store: what its channels share.
pub(crate) struct Store {
    pub(crate) settings: Settings,
    pub(crate) health: Arc<Health>,
    pub(crate) cluster: Cluster,
    /// Ends what belongs to the store.
    pub(crate) ending: Arc<Ending>,
    /// `None` once it is closed.
    shared: Mutex<Option<Arc<Shared>>>,
    clients: Arc<AtomicUsize>,
    /// What looks at topics go by.
    pub(crate) lookers: Lookers,
}

impl Store {
    /// Connects: waits for a broker no longer than `timeout`. The configuration is checked before.
    pub(crate) async fn connect(config: KafkaConfig) -> Result<Arc<Self>> {
        let started = spawn::blocking(move || {
            let security = Security::of(&config)?;
            let health = Arc::new(Health::new(config.location.brokers().join(",")));
            let settings = Settings { config, security };
            Ok((Shared::start(&settings, &health)?, settings, health))
        });
        let started = started.await;
        let started = started.unwrap_or_else(|spawn::Lost| Err(error::broken("connect")));
        let (shared, settings, health) = started?;
        let cluster = Cluster::meet(&settings, &shared).await?;
        Ok(Arc::new(Self {
            settings,
            health,
            cluster,
            ending: Ending::new(),
            shared: Mutex::new(Some(shared)),
            clients: Arc::default(),
            lookers: Lookers::default(),
        }))
    }

    pub(crate) fn config(&self) -> &KafkaConfig {
        &self.settings.config
    }

    /// Copies of a topic that is created, and how many of them must have a record before it is acknowledged.
    pub(crate) fn copies(&self) -> (u16, u16) {
        let config = self.config();
        let copies = config.replication.unwrap_or_else(|| self.cluster.copies());
        (copies, config.min_insync.unwrap_or_else(|| copies.min(2)))
    }

    /// The topic of a channel.
    pub(crate) fn topic(&self, channel: &ChannelName) -> Result<String> {
        self.config().location.topic(channel)
    }

    /// The clients that the channels share; `Closed` once the store is closed.
    pub(crate) fn shared(&self) -> Result<Arc<Shared>> {
        let shared = lock(&self.shared).clone();
        shared.ok_or_else(closed)
    }

    /// Room for one more client: a writer or a reader of its own. Given back when it is dropped, which is to happen
    /// after the client is.
    pub(crate) fn client(&self) -> Result<ClientPermit> {
        let most = self.config().max_clients;
        let more = |count: usize| (count < most).then_some(count + 1);
        let (set, get) = (Ordering::AcqRel, Ordering::Acquire);
        match self.clients.fetch_update(set, get, more) {
            Ok(_) => {
                metrics::gauge!(metric::KAFKA_CLIENTS).increment(1.0);
                Ok(ClientPermit(Arc::clone(&self.clients)))
            }
            Err(_) => {
                let text = format!(
                    "{most} clients are in use, as many as max_clients allows: close wals or scanners, or allow more"
                );
                let retry_after = Duration::from_secs(1);
                Err(Error::new(ErrorKind::Overloaded { retry_after }, text))
            }
        }
    }

    /// How many writers and readers have a client of their own.
    #[cfg(test)]
    pub(crate) fn clients_in_use(&self) -> usize {
        self.clients.load(Ordering::Acquire)
    }

    /// A client's context, which reports to the store's health.
    pub(crate) fn context(&self, role: &'static str, topic: &str) -> Context {
        let channel = self.config().location.channel(topic);
        let channel = channel.as_ref().map_or("", |it| it.as_str());
        Context::new(role, topic, channel, &self.health)
    }

    /// Has the main queue of an idle client served about twice a second, for as long as it lives.
    pub(crate) fn tend(&self, client: Weak<dyn Tend>) -> Result<()> {
        self.shared()?.tend(client);
        Ok(())
    }

    /// The shared clients, with the one that changes topics made: `admin()` of it doesn't block then.
    pub(crate) async fn admin(self: &Arc<Self>) -> Result<Arc<Shared>> {
        let shared = self.shared()?;
        let made = spawn::blocking(move || {
            shared.admin()?;
            Ok(shared)
        })
        .await;
        made.unwrap_or_else(|spawn::Lost| Err(error::broken("make a client")))
    }

    /// Ends everything that belongs to the store; `true` for the first call.
    pub(crate) fn close(&self) -> bool {
        let first = self.ending.end();
        self.lookers.close();
        let shared = lock(&self.shared).take();
        drop(shared);
        first
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// What a call on a closed store gets.
pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the store was closed; open it anew")
}

/// A client that counts.
#[derive(Debug)]
pub(crate) struct ClientPermit(Arc<AtomicUsize>);

impl Drop for ClientPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
        metrics::gauge!(metric::KAFKA_CLIENTS).decrement(1.0);
    }
}
