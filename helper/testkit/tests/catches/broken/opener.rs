use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use walx_core::{Bounds, Capability, ChannelName, Error, ErrorKind, MessageId, Result};
use walx_impls::{Batch, Claim, FenceToken, OpenerImpls, RoWalImpls, WalImpls};
use walx_utility::sync::lock;

use super::wal::{BrokenReader, BrokenWal, bounds};
use super::{Defect, Memory};

pub(super) struct BrokenOpener {
    pub(super) inner: Arc<dyn OpenerImpls>,
    pub(super) defect: Defect,
    pub(super) memory: Arc<Mutex<Memory>>,
    /// The tokens of the newest writers that it opened itself.
    pub(super) tokens: Mutex<HashMap<ChannelName, FenceToken>>,
}

impl BrokenOpener {
    fn channel(&self, name: &ChannelName) -> ChannelName {
        match self.defect {
            Defect::ChannelsMix => ChannelName::new("all").unwrap(),
            Defect::NamesAreOneCase => ChannelName::new(name.as_str().to_lowercase()).unwrap(),
            Defect::NamesAreCut => {
                ChannelName::new(&name.as_str()[..name.as_str().len().min(63)]).unwrap()
            }
            _ => name.clone(),
        }
    }

    fn reader(&self, name: &ChannelName, inner: Arc<dyn RoWalImpls>) -> BrokenReader {
        let mut memory = lock(&self.memory);
        let handles = memory.handles.entry(name.clone()).or_default();
        if self.defect == Defect::AReadersCloseClosesAll {
            handles.push(Arc::clone(&inner));
        }
        drop(memory);
        BrokenReader {
            inner,
            name: name.clone(),
            defect: self.defect,
            memory: Arc::clone(&self.memory),
            shared: Arc::default(),
            closed: Arc::default(),
        }
    }

    /// Whether a token is taken for that of the newest writer.
    fn takes(&self, channel: &ChannelName, token: &FenceToken) -> bool {
        match self.defect {
            Defect::TokensAreOfOneOpener => lock(&self.tokens).get(channel) == Some(token),
            Defect::TokensOutliveWhoeverCameAfter => {
                let newest = lock(&self.memory).newest.get(channel).cloned();
                newest.is_some_and(|it| it.strong_count() == 0)
            }
            _ => false,
        }
    }

    fn has_gone(&self, channel: &ChannelName) -> bool {
        self.defect == Defect::EmptyChannelsGo && lock(&self.memory).newest(channel).is_none()
    }

    async fn creates(&self, channel: &ChannelName, defect: Defect) -> Result<()> {
        if self.defect == defect && !self.inner.list().await?.contains(channel) {
            self.inner.open(channel, Claim::TakeOver).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl OpenerImpls for BrokenOpener {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        let claim = match (self.defect, claim) {
            (Defect::ResumeTakesOver, _) => Claim::TakeOver,
            (Defect::TokensAreEqual, Claim::Resume(_)) => Claim::TakeOver,
            (Defect::ResumeNeverWorks, Claim::Resume(_)) => {
                return Err(Error::new(ErrorKind::Fenced, "it never works"));
            }
            (_, claim) => claim,
        };
        let name = self.channel(channel);
        let claim = match claim {
            Claim::Resume(token) if self.takes(&name, &token) => Claim::TakeOver,
            claim => claim,
        };
        let inner = self.defect.tells(self.inner.open(&name, claim).await)?;
        lock(&self.tokens).insert(name.clone(), inner.fence_token());
        lock(&self.memory)
            .newest
            .insert(name.clone(), Arc::downgrade(&inner));
        if self.defect == Defect::NeverFences {
            let mut memory = lock(&self.memory);
            memory.writers.insert(name.clone(), Arc::clone(&inner));
        }
        let newest = lock(&self.memory).newest(&name);
        if let (Defect::DoublesTheNewestAtAnOpen, Some(newest)) = (self.defect, newest) {
            inner.append(Batch::One(newest)).await?;
        }
        let reader = self.reader(channel, Arc::clone(&inner) as _);
        Ok(Arc::new(BrokenWal::new(inner, reader)))
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        let name = self.channel(channel);
        self.creates(&name, Defect::ReadersCreate).await?;
        if self.has_gone(&name) {
            return Err(Error::new(ErrorKind::NotFound, "nothing was written"));
        }
        let inner = self.defect.tells(self.inner.open_read_only(&name).await)?;
        if self.defect == Defect::ReadersFence {
            self.inner.open(&name, Claim::TakeOver).await?;
        }
        Ok(Arc::new(self.reader(channel, inner)))
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        let name = self.channel(channel);
        match self.defect {
            Defect::TruncatesNothing => Ok(()),
            _ => self.inner.truncate(&name, id).await,
        }
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        let name = self.channel(channel);
        self.creates(&name, Defect::BoundsCreate).await?;
        let answer = self.inner.bounds(&name).await?;
        Ok(bounds(self.defect, answer))
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        let mut list = self.defect.tells(self.inner.list().await)?;
        match self.defect {
            Defect::ListsBackwards => list.reverse(),
            Defect::ListsNothing => list.clear(),
            Defect::EmptyChannelsGo => list.retain(|it| !self.has_gone(it)),
            _ => {}
        }
        Ok(list)
    }

    async fn close(&self) -> Result<()> {
        // The old writers that go on keep the store open; the suite's next opener shares it.
        lock(&self.memory).writers.clear();
        match self.defect {
            Defect::StoreLeavesHandlesOpen => Ok(()),
            _ => self.inner.close().await,
        }
    }
}
