//! Opens a channel again for its owner after an append failed, and reads back what landed of those without an answer.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use walx_core::{
    ChannelName, Error, ErrorKind, MessageId, Owner, Result, Seq, Status, Tick, TickSource,
};
use walx_impls::{Claim, FenceToken, OpenerImpls, RoWalImpls, Start, StoredRecord, WalImpls};
use walx_utility::backoff::Backoff;
use walx_utility::clock::{self, Instant};
use walx_utility::metric;

use crate::barrier::append_barrier;
use crate::interceptor::outcome;
use crate::look::{for_each_until, look};
use crate::planted::{self, Bug};

/// The pauses between tries.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long it is looked who the new owner is.
const LOOK: Duration = Duration::from_millis(500);

pub(super) fn pauses() -> Backoff {
    Backoff::new(FIRST_PAUSE, LONGEST_PAUSE)
}

/// What is known of a channel when one of its appends has failed.
pub(super) struct Reopening {
    pub(super) opener: Arc<dyn OpenerImpls>,
    pub(super) channel: ChannelName,
    pub(super) ticks: Arc<dyn TickSource>,
    /// What the last handle opens again with.
    pub(super) token: FenceToken,
    /// Who placed the appends without an answer.
    pub(super) placed_by: Owner,
    /// The newest confirmed record, and the seq behind it.
    pub(super) newest: Option<MessageId>,
    pub(super) next: Seq,
    /// The largest tick that was given out.
    pub(super) tick: Tick,
    /// Whether an open of ours has no answer that counts, and may have taken place.
    pub(super) in_doubt: bool,
    /// How long to wait before the first try.
    pub(super) pause: Duration,
    /// When to give up.
    pub(super) deadline: Instant,
}

/// A channel that is open again; nothing of its former handles can land any more.
pub(super) struct Reopened {
    pub(super) backend: Arc<dyn WalImpls>,
    pub(super) owner: Owner,
    /// What landed of the appends without an answer, in order.
    pub(super) landed: Vec<StoredRecord>,
    /// The largest tick that was given out.
    pub(super) tick: Tick,
}

impl Reopening {
    /// Tries until it is open, somebody else owns it, the failure is one that stays, or the time is over.
    pub(super) async fn run(mut self) -> Result<Reopened> {
        let mut pauses = pauses();
        let mut owner = self.placed_by;
        let left = self.deadline.saturating_duration_since(clock::now());
        clock::sleep(self.pause.min(left)).await;
        if clock::now() >= self.deadline {
            return Err(no_progress());
        }
        loop {
            owner = owner.reopened();
            let left = self.deadline.saturating_duration_since(clock::now());
            let tried = clock::timeout(left, self.open(owner)).await;
            let tried = tried.unwrap_or_else(|_| Err(no_answer()));
            counter!(metric::APPEND_RECOVERY_TOTAL, "outcome" => outcome(&tried)).increment(1);
            let error = match tried {
                Ok(reopened) => return Ok(reopened),
                Err(error) if error.kind() == ErrorKind::Fenced => {
                    return Err(self.fenced(error).await);
                }
                Err(error) => error,
            };
            let pause = pauses.pause();
            if error.status() == Status::Permanent || clock::now() + pause >= self.deadline {
                return Err(error);
            }
            tracing::warn!(channel = %self.channel, %error, ?pause, "opening again after a pause");
            clock::sleep(pause).await;
        }
    }

    async fn open(&mut self, owner: Owner) -> Result<Reopened> {
        let claim = match planted::is(Bug::TakesBack) {
            false => Claim::Resume(self.token.clone()),
            true => Claim::TakeOver,
        };
        let doubted = std::mem::replace(&mut self.in_doubt, true);
        let backend = match self.opener.open(&self.channel, claim).await {
            Ok(backend) => backend,
            Err(error) => {
                // This one changed nothing; one before it may have.
                self.in_doubt = doubted || error.kind() != ErrorKind::Fenced;
                return Err(error);
            }
        };
        self.in_doubt = false;
        self.token = backend.fence_token();
        self.tick = self.ticks.now().max(self.tick.next());
        let handle = backend.as_ref();
        let barrier =
            append_barrier(handle, owner, self.tick, Some(self.placed_by), self.next).await?;
        Ok(Reopened {
            landed: self.landed(handle, barrier).await?,
            backend,
            owner,
            tick: self.tick,
        })
    }

    /// Reads from the newest confirmed record through our own Barrier: the same owner and the next seq is what landed.
    async fn landed(
        &self,
        backend: &dyn RoWalImpls,
        barrier: MessageId,
    ) -> Result<Vec<StoredRecord>> {
        let start = self.newest.map_or(Start::Earliest, Start::After);
        let (mut landed, mut next) = (Vec::new(), self.next);
        for_each_until(backend, start, barrier, |it, damaged| {
            let header = &it.record.header;
            if damaged {
                return Err(hole(it));
            }
            if header.owner.term > self.placed_by.term && !planted::is(Bug::TakesBack) {
                return Err(overtaken(header.owner));
            }
            match header.seq {
                Some(seq) if seq == next && header.owner == self.placed_by => {
                    landed.push(it.clone());
                    next = next.next();
                    Ok(())
                }
                // A copy, which scans drop as well.
                Some(seq) if seq < next => Ok(()),
                Some(_) => Err(hole(it)),
                None => Ok(()),
            }
        })
        .await?;
        Ok(landed)
    }

    /// Says who overtook this owner, as far as the log tells.
    async fn fenced(&self, error: Error) -> Error {
        match self.newest_owner().await {
            Some(owner) if owner.term > self.placed_by.term => error.with_context("owner", owner),
            _ if self.in_doubt => {
                let text = "an open of this owner, whose answer was lost, fenced the next one; open the wal anew";
                Error::new(ErrorKind::Unavailable, text).with_source(error)
            }
            _ => error,
        }
    }

    async fn newest_owner(&self) -> Option<Owner> {
        let look = async {
            let reader = self.opener.open_read_only(&self.channel).await?;
            let looked = look(reader.as_ref()).await;
            reader.close().await?;
            looked
        };
        let looked = clock::timeout(LOOK, look).await.ok()?.ok()?;
        looked.owner.map(|(owner, _)| owner)
    }

    /// What an append was refused with that another owner's open has overtaken.
    pub(super) async fn overtaken(self, error: Error) -> Result<Reopened> {
        Err(self.fenced(error).await)
    }
}

fn overtaken(owner: Owner) -> Error {
    let text = "another owner has the channel; step back, or open anew";
    Error::new(ErrorKind::Fenced, text).with_context("owner", owner)
}

fn hole(it: &StoredRecord) -> Error {
    let text = "the records behind the last confirmed one don't carry on from it; verify the store";
    Error::new(ErrorKind::Corrupt, text)
        .with_context("next", format!("{} at {}", it.record.header, it.id))
}

fn no_progress() -> Error {
    let text = "it opens again, but no append succeeded in the time of recovery_timeout";
    Error::new(ErrorKind::Unavailable, text)
}

fn no_answer() -> Error {
    let text = "the backend did not open again in the time of recovery_timeout";
    Error::new(ErrorKind::Unavailable, text)
}
