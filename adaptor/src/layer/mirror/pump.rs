//! The task that copies what the first store has confirmed.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use metrics::counter;
use walx_core::{
    Entry, Error, ErrorKind, LostPolicy, OpenOption, Opener, Position, Result, ScanMode,
    ScanOption, Scanner, Wal,
};
use walx_utility::backoff::Backoff;
use walx_utility::lifetime::Lifetime;
use walx_utility::{clock, metric};

use super::closed;
use super::copy::Copier;
use super::origin::{Origin, newest_entry};
use super::state::Trail;
use crate::interceptor::outcome;

/// Entries that are read at a time.
const READ: usize = 256;
/// How long nothing comes before it is looked why.
const QUIET: Duration = Duration::from_millis(100);

pub(super) struct Pump {
    pub(super) first: Arc<dyn Wal>,
    pub(super) first_store: Arc<dyn Opener>,
    pub(super) second_store: Arc<dyn Opener>,
    /// How the second store's channel is opened.
    pub(super) option: OpenOption,
    pub(super) trail: Arc<Trail>,
    pub(super) stop: Lifetime,
}

/// Why a session ended.
enum End {
    /// The second store is tried again.
    Stalled(Error),
    /// The first wal is at its end.
    Over(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Stalled(error)
    }
}

impl Pump {
    /// Copies until it is told to stop, or the first wal ends.
    pub(super) async fn run(self) {
        let Some(_inside) = self.stop.enter() else {
            return;
        };
        let ended = self.sessions().await;
        self.trail.pumped.send_modify(|it| it.ended = Some(ended));
    }

    /// One session after the other; why there will be no more.
    async fn sessions(&self) -> Error {
        let mut pauses = Backoff::new(Duration::from_millis(50), Duration::from_secs(10));
        loop {
            let mut second = None;
            let session = self.session(&mut second, &mut pauses);
            let ended = until_stop(&self.stop, session).await;
            if let Some(second) = second
                && let Err(error) = second.close().await
            {
                tracing::warn!(channel = %self.trail.channel, %error, "the second store's channel was not closed cleanly");
            }
            let error = match ended {
                None => return closed().with_operation("mirror"),
                Some(Err(End::Over(error))) => return error,
                Some(Err(End::Stalled(error))) => error,
                Some(Ok(never)) => match never {},
            };
            let error = error.with_operation("mirror into the second store");
            let pause = pauses.pause();
            let failed: Result<()> = Err(error.clone());
            counter!(metric::MIRROR_FAILURE_TOTAL, "kind" => outcome(&failed)).increment(1);
            tracing::warn!(channel = %self.trail.channel, %error, ?pause, "the second store does not follow; it is tried again after a pause");
            self.trail
                .pumped
                .send_modify(|it| it.stalled = Some(error.clone()));
            if until_stop(&self.stop, clock::sleep(pause)).await.is_none() {
                return closed().with_operation("mirror");
            }
        }
    }

    /// Opens the second store's channel, finds out what it has, and copies what follows.
    async fn session(
        &self,
        second: &mut Option<Arc<dyn Wal>>,
        pauses: &mut Backoff,
    ) -> std::result::Result<Infallible, End> {
        self.check_owner().await?;
        let option = self.option.clone();
        let wal = &*second.insert(self.second_store.open(option).await?);
        let newest = newest_entry(wal.as_ref()).await?;
        let mut scanner = match &newest {
            None => self.scan(Position::Earliest, LostPolicy::Gap).await?,
            Some(newest) => {
                let Some(origin) = Origin::of_copy(newest)? else {
                    return Err(End::Stalled(foreign(newest)));
                };
                let scanner = self.resume(&origin).await?;
                self.trail.copied(origin.token.id(), origin.next_lsn);
                scanner
            }
        };
        let mut copier = Copier::new(Arc::clone(wal), Arc::clone(&self.trail));
        self.trail.pumped.send_modify(|it| it.stalled = None);
        loop {
            let entries = match self.next(scanner.as_mut()).await {
                Ok(entries) if entries.is_empty() => return Err(End::Over(closed())),
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::Closed => return Err(End::Over(error)),
                Err(error) => return Err(End::Stalled(error)),
            };
            copier.copy(entries).await?;
            pauses.reset();
        }
    }

    /// The next entries. What nothing comes of, as of a transaction that was rolled back, is no lag.
    async fn next(&self, scanner: &mut dyn Scanner) -> Result<Vec<Entry>> {
        loop {
            if self.trail.lag() == 0 {
                let (mut next, mut behind) =
                    (scanner.next_batch(READ), pin!(self.trail.behind.notified()));
                let first = poll_fn(|context| match next.as_mut().poll(context) {
                    Poll::Pending => behind.as_mut().poll(context).map(|()| None),
                    ready => ready.map(Some),
                });
                match first.await {
                    Some(entries) => return entries,
                    None => continue,
                }
            }
            let tail = self.trail.tail();
            match clock::timeout(QUIET, scanner.next_batch(READ)).await {
                Ok(entries) => return entries,
                // It waits at the end of all that is confirmed.
                Err(_) if scanner.mode() == ScanMode::Tailing => self.trail.looked_at(tail),
                Err(_) => {}
            }
        }
    }

    /// A wal that was overtaken must not take the second store from its successor's mirror.
    async fn check_owner(&self) -> std::result::Result<(), End> {
        let described = self.first_store.describe(&self.trail.channel).await;
        let described = described.map_err(|error| match error.kind() {
            ErrorKind::Closed => End::Over(error),
            _ => End::Stalled(error),
        })?;
        match described.owner {
            Some(last) if last.owner.term > self.first.owner().term => {
                let text = "another owner has the channel, and mirrors it from now on";
                Err(End::Over(
                    Error::new(ErrorKind::Fenced, text)
                        .with_operation("mirror")
                        .with_channel(&self.trail.channel)
                        .with_context("owner", last.owner),
                ))
            }
            _ => Ok(()),
        }
    }

    /// A scan of the first store behind what the second one has.
    async fn resume(&self, origin: &Origin) -> Result<Box<dyn Scanner>> {
        let position = Position::Resume(origin.token);
        match self.scan(position, LostPolicy::Error).await {
            Err(error) if matches!(error.kind(), ErrorKind::PositionLost { .. }) => {
                let earliest = self.first.bounds().await?.earliest;
                // Where the place was truncated it goes on, with a gap. Else this is another log than the one that was
                // copied, and nothing of it may come behind the other one's messages.
                if earliest.is_some_and(|earliest| earliest > origin.token.id()) {
                    return self.scan(position, LostPolicy::Gap).await;
                }
                Err(error)
            }
            other => other,
        }
    }

    async fn scan(&self, from: Position, on_lost: LostPolicy) -> Result<Box<dyn Scanner>> {
        let option = ScanOption::new(from).on_lost(on_lost);
        self.first.scan(option).await
    }
}

/// What is found where no mirror wrote the newest message.
fn foreign(newest: &Entry) -> Error {
    let text = "the second store's channel has messages that no mirror wrote; use a store that is of the mirror alone";
    let error = Error::new(ErrorKind::Conflict, text);
    match newest.place() {
        Some(place) => error.with_context("newest message", place.id),
        None => error,
    }
}

/// Waits for `future`, but not beyond the stop.
async fn until_stop<T>(stop: &Lifetime, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut stopping) = (pin!(future), pin!(stop.closing()));
    poll_fn(|context| {
        if stopping.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        future.as_mut().poll(context).map(Some)
    })
    .await
}
