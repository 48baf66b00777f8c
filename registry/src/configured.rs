//! A builder and an opener that take walx's own keys before the backend sees the rest.

use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{
    BackendName, Bounds, Capability, ChannelName, Check, Config, Description, Error, ErrorKind,
    Health, MessageId, OpenOption, Opener, OpenerBuilder, Progress, RepairMode, Repaired, Result,
    RoWal, Verified, Wal,
};

use crate::settings::{KNOWN, Settings};

/// A builder whose stores take walx's own keys.
pub(crate) struct Configured(Arc<dyn OpenerBuilder>);

impl Configured {
    pub(crate) fn over(builder: Arc<dyn OpenerBuilder>) -> Arc<dyn OpenerBuilder> {
        Arc::new(Self(builder))
    }
}

#[async_trait]
impl OpenerBuilder for Configured {
    fn name(&self) -> BackendName {
        self.0.name()
    }

    fn capability(&self) -> Capability {
        self.0.capability()
    }

    async fn build(&self, config: Config) -> Result<Arc<dyn Opener>> {
        let (settings, rest) = Settings::split(&config)?;
        let inner = self.0.build(rest).await.map_err(known)?;
        Ok(match settings {
            Some(settings) => Arc::new(Defaults { inner, settings }),
            None => inner,
        })
    }

    async fn doctor(&self, config: Config) -> Vec<Check> {
        match Settings::split(&config) {
            Ok((settings, rest)) => {
                let mut checks = self.0.doctor(rest).await;
                let chain = settings.and_then(|it| it.chain());
                checks.extend(chain.map(|chain| Check::new("chain", Health::Good, chain)));
                checks
            }
            Err(error) => {
                let problem = Check::new("configuration", Health::Problem, error.to_string());
                vec![problem]
            }
        }
    }
}

/// A backend that doesn't know a key lists its own ones: walx's stand beside them.
fn known(error: Error) -> Error {
    let is_unknown = error.kind() == ErrorKind::InvalidInput
        && error.operation() == "configure"
        && error.message().contains("there is no key '");
    match is_unknown {
        true => error.with_context("every store also knows", KNOWN),
        false => error,
    }
}

/// A store whose settings are the defaults of all that is opened through it.
struct Defaults {
    inner: Arc<dyn Opener>,
    settings: Settings,
}

#[async_trait]
impl Opener for Defaults {
    fn backend(&self) -> BackendName {
        self.inner.backend()
    }

    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    fn max_message_bytes(&self, option: &OpenOption) -> usize {
        let option = self.settings.apply(option.clone());
        self.inner.max_message_bytes(&option)
    }

    async fn open(&self, option: OpenOption) -> Result<Arc<dyn Wal>> {
        self.inner.open(self.settings.apply(option)).await
    }

    async fn open_read_only(&self, option: OpenOption) -> Result<Arc<dyn RoWal>> {
        self.inner.open_read_only(self.settings.apply(option)).await
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        self.inner.truncate(channel, id).await
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        self.inner.bounds(channel).await
    }

    async fn describe(&self, channel: &ChannelName) -> Result<Description> {
        self.inner.describe(channel).await
    }

    async fn verify(&self, channel: Option<&ChannelName>, progress: &Progress) -> Result<Verified> {
        self.inner.verify(channel, progress).await
    }

    async fn repair(&self, mode: RepairMode, progress: &Progress) -> Result<Repaired> {
        self.inner.repair(mode, progress).await
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        self.inner.list().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}
