//! An open: whoever has the channel becomes powerless, and a mark in the log says who came.
//!
//! `init_transactions` makes the broker refuse every producer that had the transactional id before, a rightful newer
//! owner's too. So a writer that resumes looks for a newer mark first, and again behind it. The mark makes that exact:
//! it is in the log before the open answers. A new owner leaves one at once, for those that resume, and another one
//! once older owners have stopped to acknowledge: that one counts, and shows that nobody fenced it meanwhile.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::producer::Producer as _;
use tokio::sync::watch;
use walx_core::{ChannelName, Error, ErrorKind, Result};
use walx_impls::{Claim, WalImpls};
use walx_utility::backoff::Backoff;
use walx_utility::{clock, random, spawn};

use super::context::WriterContext;
use super::failure::overtaken;
use super::flights::{Flights, LEASE};
use super::keeper::Keeper;
use super::order::Order;
use super::readback::Reading;
use super::token::WriterToken;
use super::{Limits, Producer, Writer, attempts, wish};
use crate::error;
use crate::look;
use crate::record::{Stamp, Token};
use crate::shared::no_thread;
use crate::store::{ClientPermit, Store};
use crate::topic;
use crate::wal::KafkaWal;

/// How often an owner that takes over tries again where another open came between.
const TRIES: usize = 4;
/// How long a writer that resumes looks for the mark of an open that came between; and how long a new owner does, which
/// would have to wait as long for one that resumed and stepped back.
const LOOK: Duration = Duration::from_secs(2);
const SHORT_LOOK: Duration = Duration::from_millis(500);
/// How long it is waited for the coordinator before it is looked whether the open is still wanted, and between two tries.
const STEP: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_millis(2);

/// Opens a channel for appending.
pub(crate) async fn open(
    store: &Arc<Store>,
    channel: &ChannelName,
    claim: Claim,
) -> Result<Arc<dyn WalImpls>> {
    let is_new = matches!(claim, Claim::TakeOver);
    let opened = open_writer(store, channel, claim).await;
    let named = |error: Error| {
        let error = match error.kind() {
            ErrorKind::Fenced if is_new => held(error),
            _ => error,
        };
        error.with_operation("open").with_channel(channel)
    };
    Ok(Arc::new(KafkaWal::new(store, opened.map_err(named)?)))
}

async fn open_writer(
    store: &Arc<Store>,
    channel: &ChannelName,
    claim: Claim,
) -> Result<Arc<Writer>> {
    let topic = store.topic(channel)?;
    let resumed = match claim {
        Claim::TakeOver => {
            topic::prepare(store, &topic).await?;
            None
        }
        Claim::Resume(token) => {
            topic::exists(store, &topic).await?;
            Some(WriterToken::of(&token)?)
        }
    };
    let opening = Opening {
        store: Arc::clone(store),
        channel: channel.clone(),
        topic,
        resumed,
    };
    let mut pauses = Backoff::new(Duration::from_millis(50), Duration::from_millis(400));
    for _ in 1..TRIES {
        match opening.run().await {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                if resumed.is_some() {
                    return Err(opening.overtaken(error, LOOK, Opening::check).await);
                }
                tracing::debug!(%channel, %error, "another open came between: taking over again");
                clock::sleep(pauses.pause()).await;
            }
            opened => return opened,
        }
    }
    opening.run().await
}

/// What an open knows.
#[derive(Clone)]
struct Opening {
    store: Arc<Store>,
    channel: ChannelName,
    topic: String,
    /// Who opens again; `None` for a new owner.
    resumed: Option<WriterToken>,
}

/// What has the channel, and has not said so in the log yet. Dropped off the runtime.
struct Claimed {
    producer: Arc<Producer>,
    flights: Arc<Flights>,
    /// Where the brokers don't fence.
    reading: Option<Reading>,
    /// Behind the client.
    permit: ClientPermit,
}

impl Opening {
    /// `Conflict` where another open came between.
    async fn run(&self) -> Result<Arc<Writer>> {
        let this = self.clone();
        let given_up = Arc::<AtomicBool>::default();
        let guard = GivesUp(Arc::clone(&given_up));
        let claimed = spawn::blocking(move || this.claim(&given_up)).await;
        drop(guard);
        let lost = |_| error::broken("take over the channel");
        let claimed = claimed.map_err(lost)??;
        self.mark(claimed).await
    }

    /// Takes over, on a thread that may block.
    fn claim(&self, given_up: &AtomicBool) -> Result<Claimed> {
        let store = &self.store;
        self.check()?;
        let permit = store.client()?;
        let limits = Limits::of(store.config());
        let flights = Flights::new(limits.gate());
        let mut config = store.settings.writer(&self.topic);
        // The writer itself looks at the time of each append: where librdkafka gives one up, those behind it may land.
        config.set("delivery.timeout.ms", limits.message_timeout());
        let reading = match limits.is_fenced_by_broker() {
            true => None,
            false => {
                // Nor behind one that the brokers refuse; inside of a transaction it ends by itself.
                config.set("enable.gapless.guarantee", "true");
                Some(Reading::start(store, &self.topic)?)
            }
        };
        #[cfg(test)]
        super::tests::configure(&self.topic, &mut config);
        let context = WriterContext::new(store.context("writer", &self.topic), &flights);
        let producer: Producer = config
            .create_with_context(context)
            .map_err(|error| error::of("make a client", &error, &store.health))?;
        let claimed = Claimed {
            producer: Arc::new(producer),
            flights,
            reading,
            permit,
        };
        if limits.is_fenced_by_broker() {
            self.fence(&claimed, limits, given_up)?;
            self.check()?;
            let begun = claimed.producer.begin_transaction();
            begun.map_err(|error| self.refused(&error, limits))?;
        }
        Ok(claimed)
    }

    /// In short steps: an open that is given up must not fence whoever opens behind it.
    fn fence(&self, claimed: &Claimed, limits: Limits, given_up: &AtomicBool) -> Result<()> {
        let deadline = clock::now() + limits.timeout;
        loop {
            if given_up.load(Ordering::Acquire) {
                return Err(Error::new(ErrorKind::Closed, "the open was given up"));
            }
            let left = deadline.saturating_duration_since(clock::now());
            match claimed.producer.init_transactions(left.min(STEP)) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && !left.is_zero() => {
                    claimed.flights.pause(PAUSE.min(left));
                }
                done => return done.map_err(|error| self.refused(&error, limits)),
            }
        }
    }

    /// `Fenced` where somebody opened since the writer that resumes did.
    fn check(&self) -> Result<()> {
        let Some(resumed) = self.resumed else {
            return Ok(());
        };
        let newest = look::newest(&self.store, &self.topic)?;
        let is_ours = match (newest.writer, newest.token) {
            (Some(writer), Some(token)) if writer == resumed.mark => token == resumed.token,
            (Some(writer), None) if writer == resumed.mark => {
                let token = look::mark_at(&self.store, &self.topic, resumed.mark)?;
                // A truncated one can't be looked at.
                token.map_or(resumed.mark < newest.low, |token| token == resumed.token)
            }
            (Some(_), Some(token)) => attempts::is_unanswered(resumed, &token),
            _ => false,
        };
        if is_ours {
            return Ok(());
        }
        attempts::forget(resumed);
        Err(stale(newest.writer))
    }

    /// `Fenced` where there is a mark behind this one.
    fn check_mark(&self, mark: i64) -> Result<()> {
        match look::newest(&self.store, &self.topic)?.writer {
            Some(newest) if newest > mark => Err(overtaken(newest)),
            _ => Ok(()),
        }
    }

    fn refused(&self, error: &KafkaError, limits: Limits) -> Error {
        if error.rdkafka_error_code() == Some(Code::InvalidTransactionTimeout) {
            let text = format!(
                "the brokers refuse transaction_timeout={} ms: make it smaller, or raise their transaction.max.timeout.ms",
                limits.transaction_timeout.as_millis()
            );
            return Error::new(ErrorKind::InvalidInput, text);
        }
        error::of(
            "take over the channel's transactional id",
            error,
            &self.store.health,
        )
    }

    /// Starts the writer, and leaves its mark in the log.
    async fn mark(&self, claimed: Claimed) -> Result<Arc<Writer>> {
        let Claimed {
            producer,
            flights,
            reading,
            permit,
        } = claimed;
        let (reader, past) = reading.map(Reading::split).unzip();
        let writer = Arc::new(Writer {
            store: Arc::clone(&self.store),
            channel: self.channel.clone(),
            topic: self.topic.clone(),
            limits: Limits::of(self.store.config()),
            ending: self.store.ending.below(),
            order: Mutex::new(Order::new(&producer)),
            flights,
            token: OnceLock::new(),
            wish: AtomicU8::new(wish::NOTHING),
            ended: watch::Sender::new(None),
        });
        let keeper = Keeper::new(&writer, producer, reader, permit);
        spawn::thread("walx-kafka-wal", move || keeper.run()).map_err(no_thread)?;
        let guard = Guard(&writer);
        let token = new_token();
        if let Some(resumed) = self.resumed {
            attempts::begin(resumed, token);
        }
        let mut offset = leave_mark(&writer, &token).await?;
        // Whoever wrote before acknowledges nothing later than so: see `LEASE`.
        let waits = self.resumed.is_none() && offset > 0;
        if waits && writer.limits.is_fenced_by_broker() {
            clock::sleep(LEASE).await;
            // The writer before may have looked for a mark before there was one, and have fenced this one behind it, to
            // resume. Now it has met the mark and steps back: what is left is to find out, before the open answers. But
            // who fenced it may be a newer owner, who stays.
            offset = match leave_mark(&writer, &token).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    let check = move |it: &Self| it.check_mark(offset);
                    return Err(self.overtaken(error, SHORT_LOOK, check).await);
                }
                left => left?,
            };
        }
        if let Some(past) = past {
            past.end(&self.store, &self.topic, self.resumed, offset)
                .await?;
        }
        let stamp = Stamp {
            writer: offset,
            read: past.map(|_| offset + 1),
        };
        writer.set_token(
            WriterToken {
                mark: offset,
                token,
            },
            stamp,
        );
        match self.resumed {
            Some(resumed) => attempts::forget(resumed),
            None if waits && !writer.limits.is_fenced_by_broker() => clock::sleep(LEASE).await,
            None => {}
        }
        std::mem::forget(guard);
        Ok(writer)
    }

    /// Says who opened the channel while this one was opened, if `check` finds somebody in so long.
    async fn overtaken(
        &self,
        error: Error,
        long: Duration,
        check: impl Fn(&Self) -> Result<()> + Copy + Send + 'static,
    ) -> Error {
        let deadline = clock::now() + long;
        loop {
            let this = self.clone();
            match spawn::blocking(move || check(&this)).await {
                Ok(Err(fenced)) if fenced.kind() == ErrorKind::Fenced => return fenced,
                Ok(_) if clock::now() < deadline => clock::sleep(Duration::from_millis(50)).await,
                _ => return not_opened(error),
            }
        }
    }
}

/// Appends a mark; its offset once it is in the log.
async fn leave_mark(writer: &Writer, token: &Token) -> Result<i64> {
    let unix_ms = i64::try_from(clock::unix_time().as_millis()).unwrap_or(i64::MAX);
    let marked = writer.place_mark(token, unix_ms).map_err(not_opened)?;
    let marked = marked.await.map_err(not_opened)?;
    crate::id::offset(marked.as_slice()[0])
}

/// What a writer gets that resumes, where the channel has another one.
pub(super) fn stale(mark: Option<i64>) -> Error {
    let text = "another writer was opened since this one failed; step back, or open anew";
    let error = Error::new(ErrorKind::Fenced, text);
    match mark {
        Some(mark) => error.with_context("its mark at offset", mark),
        None => error,
    }
}

/// A new owner gets this where another one came while it opened.
fn held(error: Error) -> Error {
    let text =
        "another owner opened the channel at the same time, and has it; open again to take it over";
    Error::new(ErrorKind::Conflict, text).with_source(error)
}

/// Tells the thread that takes over that nobody waits for it any more.
struct GivesUp(Arc<AtomicBool>);

impl Drop for GivesUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Ends the writer of an open that fails or is given up.
struct Guard<'a>(&'a Writer);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

/// An open has no outcome that stays unknown: it can be called again.
fn not_opened(error: Error) -> Error {
    match error.kind() {
        ErrorKind::OutcomeUnknown | ErrorKind::NotWritten => {
            let text = "the writer's mark could not be written; open again";
            Error::new(ErrorKind::Unavailable, text).with_source(error)
        }
        _ => error,
    }
}

fn new_token() -> Token {
    let mut token = [0; 16];
    token[..8].copy_from_slice(&random::number().to_le_bytes());
    token[8..].copy_from_slice(&random::number().to_le_bytes());
    token
}
