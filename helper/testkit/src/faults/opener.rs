use std::sync::{Arc, Mutex, Weak};

use async_trait::async_trait;
use walx_core::{BackendName, Bounds, Capability, ChannelName, Check, Config, MessageId, Result};
use walx_impls::{Claim, Maintenance, OpenerBuilderImpls, OpenerImpls, RoWalImpls, WalImpls};
use walx_utility::sync::lock;

use super::control::Faults;
use super::line::{Line, Op};
use super::plan::Plan;
use super::wal::{FaultyRoWal, FaultyWal};

/// Any backend, with faults on the way to it and back.
///
/// To its user it is a backend that keeps the contract of `walx-impls`, on a bad line: appends take their places at
/// the call and are answered in order, and after a failure all later appends of the handle fail. Only
/// [`Fault::Double`](super::Fault::Double) goes beyond it, since copies lie in real logs. What an operator asks (`maintenance`,
/// `doctor`) meets no faults.
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn OpenerBuilderImpls>,
    faults: Faults,
}

impl Faulty {
    /// The backend under this plan.
    pub fn new(inner: Arc<dyn OpenerBuilderImpls>, plan: Plan) -> Self {
        let faults = Faults::new(plan);
        Self { inner, faults }
    }

    /// Its switches, and what took place.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}

#[async_trait]
impl OpenerBuilderImpls for Faulty {
    fn name(&self) -> BackendName {
        self.inner.name()
    }

    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn OpenerImpls>> {
        let inner = self.inner.build(config).await?;
        Ok(Arc::new(FaultyOpener {
            line: Line::new(&self.faults, None),
            faults: self.faults.clone(),
            inner,
            handles: Mutex::default(),
        }))
    }

    async fn doctor(&self, config: Config) -> Vec<Check> {
        self.inner.doctor(config).await
    }
}

struct FaultyOpener {
    line: Arc<Line>,
    faults: Faults,
    inner: Arc<dyn OpenerImpls>,
    handles: Mutex<Vec<Weak<Line>>>,
}

impl FaultyOpener {
    fn handle(&self, channel: &ChannelName) -> Arc<Line> {
        let line = Line::new(&self.faults, Some(channel.clone()));
        let mut handles = lock(&self.handles);
        handles.retain(|handle| handle.strong_count() > 0);
        handles.push(Arc::downgrade(&line));
        line
    }
}

#[async_trait]
impl OpenerImpls for FaultyOpener {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        self.line.call(Op::Open).await?;
        let inner = self.inner.open(channel, claim).await?;
        if self.line.loses_open() {
            // Dropped, as a client ends that has no answer.
            let text = "an injected fault lost the answer of the open; open again";
            return Err(self.line.unavailable(text).with_channel(channel));
        }
        Ok(Arc::new(FaultyWal::new(self.handle(channel), inner)))
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        self.line.call(Op::OpenReadOnly).await?;
        let inner = self.inner.open_read_only(channel).await?;
        Ok(Arc::new(FaultyRoWal::new(self.handle(channel), inner)))
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        self.line.call(Op::Truncate).await?;
        self.inner.truncate(channel, id).await
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        self.line.call(Op::Bounds).await?;
        self.inner.bounds(channel).await
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        self.line.call(Op::List).await?;
        self.inner.list().await
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        self.inner.maintenance()
    }

    fn identity(&self) -> Option<String> {
        self.inner.identity()
    }

    async fn close(&self) -> Result<()> {
        self.line.close();
        let handles: Vec<_> = lock(&self.handles)
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        for handle in handles {
            handle.close();
        }
        self.inner.close().await
    }
}
