//! How far the second store has followed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use walx_core::{
    AppendContext, ChannelInfo, ChannelName, Error, ErrorKind, Interceptor, Message, MessageId,
    Place, Result,
};
use walx_utility::clock::Instant;
use walx_utility::metric;

use crate::gauge::{Gauges, labels};
use crate::watch::Watched;

/// How a channel is mirrored at present.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MirrorState {
    /// The record of the first store up to which the second one has everything; `None` where that isn't known yet.
    pub copied: Option<MessageId>,
    /// How many messages the second store is behind. Those of transactions that are open, or are rolled back, count for
    /// a moment only.
    pub lag: u64,
    /// Why the second store doesn't follow at present; it is tried again.
    pub stalled: Option<Error>,
    /// How many gaps of the first store it was told of since the channel was opened.
    pub gaps: u64,
}

/// What the pump tells of itself.
#[derive(Clone, Default)]
pub(super) struct Pumped {
    pub(super) copied: Option<MessageId>,
    pub(super) stalled: Option<Error>,
    pub(super) gaps: u64,
    /// Why it will not go on.
    pub(super) ended: Option<Error>,
}

/// Between appends, the pump, and those that wait for it.
pub(super) struct Trail {
    pub(super) channel: ChannelName,
    /// The lsn behind the newest message that the first store has acknowledged, and behind the newest that the second one
    /// has.
    confirmed: AtomicU64,
    copied: AtomicU64,
    max_lag: Option<u64>,
    /// Tells the pump that the second store is behind from now on.
    pub(super) behind: Notify,
    closing: AtomicBool,
    pub(super) pumped: watch::Sender<Pumped>,
    gauges: Gauges<2>,
}

impl Trail {
    pub(super) fn new(channel: &ChannelName, max_lag: Option<u64>) -> Arc<Self> {
        let info = ChannelInfo::read_only(channel.clone());
        let names = [metric::MIRROR_LAG, metric::MIRROR_STALLED];
        Arc::new(Self {
            channel: channel.clone(),
            confirmed: AtomicU64::new(0),
            copied: AtomicU64::new(0),
            max_lag,
            behind: Notify::new(),
            closing: AtomicBool::new(false),
            pumped: watch::Sender::default(),
            gauges: Gauges::new(names, &labels(&info)[..1]),
        })
    }

    /// The first store has everything before this lsn.
    pub(super) fn confirmed(&self, next_lsn: u64) {
        let before = self.confirmed.fetch_max(next_lsn, Relaxed);
        if before <= self.copied.load(Relaxed) {
            self.behind.notify_one();
        }
    }

    /// The second store has everything up to this record, and before this lsn.
    pub(super) fn copied(&self, id: MessageId, next_lsn: u64) {
        self.copied.fetch_max(next_lsn, Relaxed);
        self.pumped.send_modify(|it| it.copied = Some(id));
    }

    /// The lsn behind the newest message of the first store.
    pub(super) fn tail(&self) -> u64 {
        self.confirmed.load(Relaxed)
    }

    /// There is nothing more to copy before this lsn, unless an open transaction is committed.
    pub(super) fn looked_at(&self, next_lsn: u64) {
        self.copied.fetch_max(next_lsn, Relaxed);
    }

    pub(super) fn lag(&self) -> u64 {
        let copied = self.copied.load(Relaxed);
        self.confirmed.load(Relaxed).saturating_sub(copied)
    }

    pub(super) fn state(&self) -> MirrorState {
        let pumped = self.pumped.borrow().clone();
        MirrorState {
            copied: pumped.copied,
            lag: self.lag(),
            stalled: pumped.stalled.or(pumped.ended),
            gaps: pumped.gaps,
        }
    }

    /// Waits until the second store has everything up to this record of the first one.
    pub(super) async fn reach(&self, id: MessageId) -> Result<()> {
        let mut pumped = self.pumped.subscribe();
        let reached = |it: &Pumped| it.copied.is_some_and(|copied| copied >= id);
        // The sender lives in `self`.
        let _ = pumped
            .wait_for(|it| reached(it) || it.ended.is_some())
            .await;
        let now = pumped.borrow();
        match &now.ended {
            Some(error) if !reached(&now) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// No more appends, so that the second store can catch up.
    pub(super) fn close(&self) {
        self.closing.store(true, Relaxed);
    }

    pub(super) fn end(&self) {
        self.gauges.end();
    }
}

impl Interceptor for Trail {
    fn name(&self) -> &'static str {
        "mirror"
    }

    fn before(&self, _context: &AppendContext<'_>, _message: &mut Message) -> Result<()> {
        if self.closing.load(Relaxed) {
            let text = "the wal is closed; nothing was written; open it anew";
            return Err(Error::new(ErrorKind::Closed, text));
        }
        let lag = self.lag();
        match self.max_lag {
            Some(most) if lag >= most => {
                let retry_after = Duration::from_secs(1);
                let text = "the second store is too far behind; nothing was written; call again later, or raise max_lag";
                let error = Error::new(ErrorKind::Overloaded { retry_after }, text)
                    .with_context("messages behind", lag)
                    .with_context("max_lag", most);
                Err(match &self.pumped.borrow().stalled {
                    Some(cause) => error.with_context("because", cause),
                    None => error,
                })
            }
            _ => Ok(()),
        }
    }

    fn after(&self, _context: &AppendContext<'_>, result: &Result<Place>) {
        if let Ok(place) = result {
            self.confirmed(place.lsn.next().get());
        }
    }
}

impl Watched for Trail {
    fn look(&self, _now: Instant) {
        let stalled = self.pumped.borrow().stalled.is_some();
        self.gauges
            .set([self.lag() as f64, f64::from(u8::from(stalled))]);
    }
}
