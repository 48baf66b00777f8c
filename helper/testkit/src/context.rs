use std::any::Any;
use std::fmt;
use std::sync::Arc;

use walx_core::{Bytes, Capability, ChannelName, Config, Opener, Result};
use walx_impls::{Apart, ForeignWriter, OpenerBuilderImpls, OpenerImpls};
use walx_utility::random;

use crate::faults::{Faults, Faulty, Patient, Plan};
use crate::history::Recorder;
use crate::model::{Model, Modelled};
use crate::small::Small;
use crate::{Failure, Outcome};

/// A store of which nobody else knows, made for one case.
pub struct TestStore {
    /// Opens it.
    pub builder: Arc<dyn OpenerBuilderImpls>,
    /// What it is configured with; each open of the case finds the same data.
    pub config: Config,
    /// What must outlive the case, such as a directory that is removed when it is dropped.
    pub keep: Box<dyn Any + Send>,
    /// Where others can write into the same storage: one who does.
    pub foreign: Option<ForeignWriter>,
}

impl TestStore {
    /// A store that needs nothing to be kept.
    pub fn new(builder: Arc<dyn OpenerBuilderImpls>, config: Config) -> Self {
        Self {
            builder,
            config,
            keep: Box::new(()),
            foreign: None,
        }
    }

    /// The store that a builder makes for a test.
    pub fn apart(builder: Arc<dyn OpenerBuilderImpls>, apart: Apart) -> Self {
        Self {
            builder,
            config: apart.config,
            keep: apart.keep,
            foreign: apart.foreign,
        }
    }

    /// Keeps something until the case has ended.
    #[must_use]
    pub fn with_keep(mut self, keep: impl Any + Send) -> Self {
        self.keep = Box::new(keep);
        self
    }

    /// Sets who writes into the same storage past walx; without one the cases about that are left out.
    #[must_use]
    pub fn with_foreign(mut self, foreign: ForeignWriter) -> Self {
        self.foreign = Some(foreign);
        self
    }
}

impl fmt::Debug for TestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TestStore {{ backend: {}, config: {:?} }}",
            self.builder.name(),
            self.config
        )
    }
}

/// What a case is given.
#[derive(Clone)]
pub struct Context {
    builder: Arc<dyn OpenerBuilderImpls>,
    config: Config,
    capability: Capability,
    faults: Option<Faults>,
    recorder: Option<Recorder>,
    model: Option<Model>,
    foreign: Option<ForeignWriter>,
}

impl Context {
    pub(crate) fn new(
        builder: Arc<dyn OpenerBuilderImpls>,
        config: Config,
        capability: Capability,
    ) -> Self {
        Self {
            builder,
            config,
            capability,
            faults: None,
            recorder: None,
            model: None,
            foreign: None,
        }
    }

    /// The same store, into which somebody else can write.
    pub(crate) fn with_foreign(self, foreign: Option<ForeignWriter>) -> Self {
        Self { foreign, ..self }
    }

    /// Somebody else writes into a channel's storage.
    pub(crate) async fn write_foreign(
        &self,
        channel: &ChannelName,
        payload: impl Into<Bytes>,
    ) -> Outcome {
        let none = || Failure::new("nobody can write into the store past walx");
        let foreign = self.foreign.as_ref().ok_or_else(none)?;
        if let Some(model) = &self.model {
            model.expect_foreign(channel);
        }
        Ok(foreign(channel.clone(), payload.into()).await?)
    }

    /// The same store, whose users' calls and answers are all put down.
    pub(crate) fn recorded(self, recorder: Recorder) -> Self {
        Self {
            recorder: Some(recorder),
            ..self
        }
    }

    /// The same store under faults.
    pub(crate) fn under(&self, plan: Plan) -> Self {
        let faulty = Faulty::new(Arc::clone(&self.builder), plan);
        Self {
            faults: Some(faulty.faults().clone()),
            builder: Arc::new(faulty),
            ..self.clone()
        }
    }

    /// The same store, whose records have at most so many bytes.
    pub(crate) fn with_largest_record(&self, bytes: usize) -> Self {
        Self {
            builder: Arc::new(Small::new(Arc::clone(&self.builder), bytes)),
            ..self.clone()
        }
    }

    /// The same store for one who makes calls again that fail by faults which pass.
    pub(crate) fn patient(self) -> Self {
        Self {
            builder: Arc::new(Patient(self.builder)),
            ..self
        }
    }

    /// The same store, of which each answer is held to a model; to be asked for last, so that the model sees what the
    /// case sees.
    pub(crate) fn modelled(self) -> Self {
        let Some(model) = Model::of(self.builder.name(), self.capability) else {
            return self;
        };
        Self {
            builder: Arc::new(Modelled::new(self.builder, model.clone())),
            model: Some(model),
            ..self
        }
    }

    /// The model that it is held to, if any.
    pub(crate) fn model(&self) -> Option<&Model> {
        self.model.as_ref()
    }

    /// The faults that it runs under, if any.
    pub(crate) fn injected(&self) -> Option<&Faults> {
        self.faults.as_ref()
    }

    /// The switches of a case that is about faults.
    pub(crate) fn faults(&self) -> Outcome<&Faults> {
        let none = || Failure::new("the case belongs to a group that runs without faults");
        self.faults.as_ref().ok_or_else(none)
    }

    /// What the store can do as it is configured.
    pub fn capability(&self) -> Capability {
        self.capability
    }

    /// The backend's builder.
    pub fn builder(&self) -> &Arc<dyn OpenerBuilderImpls> {
        &self.builder
    }

    /// The store's configuration.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// The store, as the backend opens it.
    ///
    /// # Errors
    /// As the backend's.
    pub async fn opener(&self) -> Result<Arc<dyn OpenerImpls>> {
        self.builder.build(self.config()).await
    }

    /// The store, as users open it.
    ///
    /// # Errors
    /// As the backend's.
    pub async fn store(&self) -> Result<Arc<dyn Opener>> {
        let builder = walx_adaptor::adapt(Arc::clone(&self.builder));
        let store = builder.build(self.config()).await?;
        Ok(match &self.recorder {
            Some(recorder) => recorder.opener(store),
            None => store,
        })
    }

    /// The name of a channel that nobody used before, also where stores share a server.
    ///
    /// # Errors
    /// None that can happen.
    pub fn channel(&self, name: &str) -> Outcome<ChannelName> {
        Ok(ChannelName::new(format!(
            "{name}-{:016x}",
            random::number()
        ))?)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Context {{ backend: {}, config: {:?} }}",
            self.builder.name(),
            self.config
        )
    }
}
