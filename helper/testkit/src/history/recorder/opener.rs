use std::sync::Arc;

use async_trait::async_trait;
use walx_core::{
    BackendName, Bounds, Capability, ChannelName, Description, MessageId, OpenOption, Opener,
    Progress, RepairMode, Repaired, Result, RoWal, Verified, Wal,
};

use super::Recorder;
use super::wal::{RecordedRoWal, RecordedWal};
use crate::history::event::{Failed, What};

/// A store whose opens and truncations are recorded.
pub(super) struct RecordedOpener {
    recorder: Recorder,
    inner: Arc<dyn Opener>,
}

impl RecordedOpener {
    pub(super) fn new(recorder: Recorder, inner: Arc<dyn Opener>) -> Self {
        Self { recorder, inner }
    }
}

#[async_trait]
impl Opener for RecordedOpener {
    fn backend(&self) -> BackendName {
        self.inner.backend()
    }

    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn open(&self, option: OpenOption) -> Result<Arc<dyn Wal>> {
        let call = self.recorder.call(What::OpenCalled {
            channel: option.channel.clone(),
            write: true,
            keys: option.idempotency,
        })?;
        let opened = self.inner.open(option).await;
        let answer = opened
            .as_ref()
            .map(|wal| Some(wal.owner()))
            .map_err(Failed::from);
        self.recorder.put(What::OpenAnswered { call, answer });
        let wal = RecordedWal::new(self.recorder.clone(), call, opened?);
        Ok(Arc::new(wal))
    }

    async fn open_read_only(&self, option: OpenOption) -> Result<Arc<dyn RoWal>> {
        let call = self.recorder.call(What::OpenCalled {
            channel: option.channel.clone(),
            write: false,
            keys: None,
        })?;
        let opened = self.inner.open_read_only(option).await;
        let answer = opened.as_ref().map(|_| None).map_err(Failed::from);
        self.recorder.put(What::OpenAnswered { call, answer });
        let wal = RecordedRoWal::new(self.recorder.clone(), call, opened?);
        Ok(Arc::new(wal))
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        let call = self.recorder.call(What::TruncateCalled {
            channel: channel.clone(),
            through: None,
            id,
        })?;
        let truncated = self.inner.truncate(channel, id).await;
        let answer = truncated.as_ref().copied().map_err(Failed::from);
        self.recorder.put(What::TruncateAnswered { call, answer });
        truncated
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
