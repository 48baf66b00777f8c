use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use walx_core::{Bounds, Capability, ChannelName, ErrorKind, MessageId, Result};
use walx_impls::{Claim, Maintenance, OpenerImpls, RoWalImpls, WalImpls};
use walx_utility::sync::lock;

use super::Model;
use super::log::{Log, not};
use super::wal::{Closed, ModelledRoWal, ModelledWal};

/// A store whose answers are held to the model.
pub(super) struct ModelledOpener {
    inner: Arc<dyn OpenerImpls>,
    model: Model,
    closed: Arc<AtomicBool>,
}

impl ModelledOpener {
    pub(super) fn new(inner: Arc<dyn OpenerImpls>, model: Model) -> Self {
        Self {
            inner,
            model,
            closed: Arc::default(),
        }
    }

    /// Whether something was answered that only a channel can answer which a writer opened.
    fn judge_found<T>(&self, channel: &ChannelName, what: &str, exists: bool, answer: &Result<T>) {
        let log = self.model.log(channel);
        let asked_for = lock(&log).asked_for;
        let verdict = match answer {
            Ok(_) => not(
                !asked_for,
                "it succeeds, and no writer ever opened the channel",
            ),
            Err(error) => not(
                exists && error.kind() == ErrorKind::NotFound,
                "it is NotFound, and a writer has opened the channel",
            ),
        };
        self.model.judge(channel, what, verdict);
    }

    fn exists(&self, channel: &ChannelName) -> bool {
        !lock(&self.model.log(channel)).writers.is_empty()
    }
}

/// Notices an open that is dropped before its answer.
struct Opening<'a>(Option<&'a Mutex<Log>>);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if let Some(log) = self.0 {
            lock(log).not_opened();
        }
    }
}

#[async_trait]
impl OpenerImpls for ModelledOpener {
    fn capability(&self) -> Capability {
        self.inner.capability()
    }

    async fn open(&self, channel: &ChannelName, claim: Claim) -> Result<Arc<dyn WalImpls>> {
        let log = self.model.log(channel);
        lock(&log).opening();
        let mut opening = Opening(Some(&log));
        let answer = self.inner.open(channel, claim.clone()).await;
        opening.0 = None;
        let inner = match answer {
            Ok(inner) => inner,
            Err(error) => {
                let verdict = lock(&log).refused(&claim, &error);
                self.model.judge(channel, "open", verdict);
                return Err(error);
            }
        };
        let (number, verdict) = lock(&log).opened(&claim, inner.fence_token());
        self.model.judge(channel, "open", verdict);
        Ok(Arc::new(ModelledWal::new(
            inner,
            self.model.clone(),
            Arc::clone(&log),
            number,
            Closed::new(&self.closed),
        )))
    }

    async fn open_read_only(&self, channel: &ChannelName) -> Result<Arc<dyn RoWalImpls>> {
        let exists = self.exists(channel);
        let answer = self.inner.open_read_only(channel).await;
        self.judge_found(channel, "open_read_only", exists, &answer);
        let (log, closed) = (self.model.log(channel), Closed::new(&self.closed));
        Ok(Arc::new(ModelledRoWal::new(
            answer?,
            self.model.clone(),
            log,
            closed,
        )))
    }

    async fn truncate(&self, channel: &ChannelName, id: MessageId) -> Result<()> {
        let (log, exists) = (self.model.log(channel), self.exists(channel));
        let cut = lock(&log).cutting(id, None);
        let answer = self.inner.truncate(channel, id).await;
        self.judge_found(channel, "truncate", exists, &answer);
        let verdict = lock(&log).has_cut(cut, &answer);
        self.model.judge(channel, "truncate", verdict);
        answer
    }

    async fn bounds(&self, channel: &ChannelName) -> Result<Bounds> {
        let (log, exists) = (self.model.log(channel), self.exists(channel));
        let asked = lock(&log).ask();
        let answer = self.inner.bounds(channel).await;
        self.judge_found(channel, "bounds", exists, &answer);
        if let Ok(bounds) = &answer {
            let verdict = lock(&log).bounds(&asked, *bounds);
            self.model.judge(channel, "bounds", verdict);
        }
        answer
    }

    async fn list(&self) -> Result<Vec<ChannelName>> {
        let before: Vec<_> = {
            let logs = self.model.logs();
            let open = logs.iter().filter(|it| !lock(it.1).writers.is_empty());
            open.map(|it| it.0.clone()).collect()
        };
        let list = self.inner.list().await?;
        for channel in &before {
            let missing = !list.contains(channel);
            let verdict = not(missing, "a channel that a writer opened is missing");
            self.model.judge(channel, "list", verdict);
        }
        for pair in list.windows(2) {
            let verdict = not(pair[0] >= pair[1], "it does not ascend");
            self.model.judge(&pair[1], "list", verdict);
        }
        let logs = self.model.logs();
        for (channel, log) in logs.iter().filter(|it| list.contains(it.0)) {
            let verdict = not(!lock(log).asked_for, "no writer ever opened the channel");
            self.model.judge(channel, "list", verdict);
        }
        drop(logs);
        Ok(list)
    }

    fn maintenance(&self) -> Option<&dyn Maintenance> {
        self.inner.maintenance()
    }

    fn server(&self) -> Option<String> {
        self.inner.server()
    }

    fn identity(&self) -> Option<String> {
        self.inner.identity()
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::SeqCst);
        self.inner.close().await
    }
}

impl Drop for ModelledOpener {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}
