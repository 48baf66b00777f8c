//! The reference model of the backend level: beside each case runs what its logs may be, and each answer of the
//! backend is held to it, also those at which the case does not look.
//!
//! The model knows calls and answers, nothing of the inside. Of each writer it knows the records in the order of the
//! calls, and that the log holds a whole beginning of them: at least those that were acknowledged or delivered, at
//! most those that were not refused. Writers follow each other in the order of their opens. That needs a backend that
//! keeps older writers out by itself, so others have no model.

mod bounds;
mod log;
mod opener;
mod places;
mod scan;
mod scanner;
#[cfg(test)]
mod tests;
mod wal;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use walx_core::{BackendName, Capability, ChannelName, Check, Config, Fence, Result};
use walx_impls::{OpenerBuilderImpls, OpenerImpls};
use walx_utility::sync::lock;

use self::log::Log;
use self::opener::ModelledOpener;

/// Why an answer can't be right; `Ok` where it may be.
type Verdict<T = ()> = std::result::Result<T, String>;

/// What the logs of one store may be. Clones are the same model.
#[derive(Clone)]
pub(crate) struct Model(Arc<Inner>);

struct Inner {
    backend: BackendName,
    capability: Capability,
    logs: Mutex<BTreeMap<ChannelName, Arc<Mutex<Log>>>>,
    wrong: Mutex<Option<String>>,
}

impl Model {
    /// The model of a backend that keeps older writers out; `None` of another one.
    pub(crate) fn of(backend: BackendName, capability: Capability) -> Option<Self> {
        let orders_writers = capability.fence != Fence::None;
        let inner = || Inner {
            backend,
            capability,
            logs: Mutex::default(),
            wrong: Mutex::default(),
        };
        orders_writers.then(|| Self(Arc::new(inner())))
    }

    /// The first answer that can't be right, if there was one.
    pub(crate) fn wrong(&self) -> Option<String> {
        lock(&self.0.wrong).clone()
    }

    /// From now on somebody else writes into this channel's storage.
    pub(crate) fn expect_foreign(&self, channel: &ChannelName) {
        lock(&self.log(channel)).foreign = true;
    }

    fn log(&self, channel: &ChannelName) -> Arc<Mutex<Log>> {
        let mut logs = lock(&self.0.logs);
        let log = logs.entry(channel.clone());
        let new = || Arc::new(Mutex::new(Log::new(self.0.backend, self.0.capability)));
        Arc::clone(log.or_insert_with(new))
    }

    fn logs(&self) -> MutexGuard<'_, BTreeMap<ChannelName, Arc<Mutex<Log>>>> {
        lock(&self.0.logs)
    }

    /// Keeps the first wrong answer: what comes after it may follow from it.
    fn judge(&self, channel: &ChannelName, what: &str, verdict: Verdict) {
        if let Err(why) = verdict {
            lock(&self.0.wrong)
                .get_or_insert_with(|| format!("{what} of channel {channel}: {why}"));
        }
    }
}

/// A backend whose answers are held to a model.
pub(crate) struct Modelled {
    inner: Arc<dyn OpenerBuilderImpls>,
    model: Model,
}

impl Modelled {
    pub(crate) fn new(inner: Arc<dyn OpenerBuilderImpls>, model: Model) -> Self {
        Self { inner, model }
    }
}

#[async_trait]
impl OpenerBuilderImpls for Modelled {
    fn name(&self) -> BackendName {
        self.inner.name()
    }

    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>> {
        let inner = self.inner.build(config).await?;
        Ok(Arc::new(ModelledOpener::new(inner, self.model.clone())))
    }

    async fn doctor(&self, config: Config) -> Vec<Check> {
        self.inner.doctor(config).await
    }
}
