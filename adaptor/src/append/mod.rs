//! The append path: admission, order, commit.

mod admit;
mod answer;
mod commit;
mod order;
mod permit;
mod recover;
mod reopen;
mod slot;
mod slow;
mod stages;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tracing::{Instrument, Span};
use walx_core::{
    Append, AppendBatch, AppendContext, Availability, ChannelInfo, Error, ErrorKind, Interceptor,
    Message, MessageId, OpenOption, Owner, Place, Refused, Result, Tick, TickSource,
};
use walx_impls::{Batch, Kind, OpenerImpls, WalImpls};
use walx_utility::clock::{Instant, WallClock};
use walx_utility::sync::lock;
use walx_utility::{metric, random, spawn};

pub(crate) use self::order::Numbering;
use self::order::{Ending, Order, Phase};
use self::permit::{Permits, Reservation};
use self::slot::Slot;
use self::stages::Begun;
use crate::cache::Cache;
use crate::current::Current;
use crate::gauge::{Gauges, labels};
use crate::interceptor::{AppendMetrics, append_span};
use crate::planted::{self, Bug};
use crate::watch::Watched;

/// What one append counts beside its bytes, so that empty messages are bounded too.
const OVERHEAD_BYTES: usize = 256;

/// The writing half of an open wal.
pub(crate) struct Writer {
    pub(crate) channel: ChannelInfo,
    /// Who opened it; each open again after a failure counts the incarnation up.
    opened_by: Owner,
    incarnation: AtomicU32,
    pub(crate) cache: Arc<Cache>,
    opener: Arc<dyn OpenerImpls>,
    /// The backend's handle, for everybody but appends.
    current: Arc<Current>,
    pub(crate) hooks: Arc<[Arc<dyn Interceptor>]>,
    ticks: Arc<dyn TickSource>,
    max_record_bytes: usize,
    close_timeout: Duration,
    recovery_timeout: Duration,
    append_timeout: Option<Duration>,
    slow_append: Option<Duration>,
    metrics: AppendMetrics,
    /// In flight, their bytes, waiting, whether it recovers.
    gauges: Gauges<4>,
    order: Mutex<Order>,
    availability: watch::Sender<Availability>,
}

/// What an open has found out.
pub(crate) struct Settled {
    pub(crate) owner: Owner,
    pub(crate) numbering: Numbering,
    /// The newest record with numbers.
    pub(crate) newest: Option<MessageId>,
    pub(crate) opener: Arc<dyn OpenerImpls>,
    pub(crate) backend: Arc<dyn WalImpls>,
    /// The same handle, for everybody but appends.
    pub(crate) current: Arc<Current>,
}

impl Writer {
    /// Starts the writing half, with its one commit driver.
    pub(crate) fn start(
        settled: Settled,
        cache: Arc<Cache>,
        option: &OpenOption,
        span: Span,
    ) -> Arc<Self> {
        let Settled {
            owner,
            numbering,
            newest,
            opener,
            backend,
            current,
        } = settled;
        let channel = ChannelInfo::read_write(option.channel.clone(), owner.term);
        let names = [
            metric::APPEND_IN_FLIGHT,
            metric::APPEND_IN_FLIGHT_BYTES,
            metric::APPEND_WAITING,
            metric::APPEND_RECOVERING,
        ];
        let wall_clock = || Arc::new(WallClock) as _;
        let writer = Arc::new(Self {
            gauges: Gauges::new(names, &labels(&channel)[..1]),
            channel,
            opened_by: owner,
            incarnation: AtomicU32::new(owner.incarnation),
            cache,
            current,
            hooks: option.interceptors.clone().into(),
            ticks: option.tick_source.clone().unwrap_or_else(wall_clock),
            max_record_bytes: opener.capability().max_record_bytes,
            opener,
            close_timeout: option.close_timeout,
            recovery_timeout: option.recovery_timeout,
            append_timeout: option.append_timeout,
            slow_append: option.slow_append,
            metrics: AppendMetrics::new(),
            order: Mutex::new(Order::new(
                owner,
                numbering,
                backend,
                option.max_in_flight_bytes,
            )),
            availability: watch::Sender::new(Availability::Available),
        });
        let driver = commit::drive(Arc::clone(&writer), newest, numbering);
        spawn::task(driver.instrument(span)).detach();
        writer
    }

    /// Who writes now.
    pub(crate) fn owner(&self) -> Owner {
        Owner {
            incarnation: self.incarnation.load(Ordering::Relaxed),
            ..self.opened_by
        }
    }

    fn begin(&self) -> Begun {
        Begun::now(append_span(&self.channel.name, self.owner()))
    }

    pub(crate) fn append(self: &Arc<Self>, message: Message) -> Append {
        let mut begun = self.begin();
        match self.admit(Batch::One(message), &mut begun) {
            Ok(messages) => Append::new(self.place_or_wait(messages, begun)),
            Err(error) => Append::failed(error),
        }
    }

    pub(crate) fn append_batch(self: &Arc<Self>, messages: Vec<Message>) -> AppendBatch {
        let mut begun = self.begin();
        if messages.is_empty() {
            return AppendBatch::failed(
                self.refused(ErrorKind::InvalidInput, "a batch has at least one message"),
            );
        }
        match self.admit(Batch::Many(messages), &mut begun) {
            Ok(messages) => AppendBatch::new(self.place_or_wait(messages, begun)),
            Err(error) => AppendBatch::failed(error),
        }
    }

    pub(crate) fn try_append(
        self: &Arc<Self>,
        message: Message,
    ) -> std::result::Result<Append, Refused> {
        let mut begun = self.begin();
        let messages = match self.admit(Batch::One(message.clone()), &mut begun) {
            Ok(messages) => messages,
            Err(error) => return Err(Refused { message, error }),
        };
        let (bytes, now) = (charge(&messages), self.ticks.now());
        let mut order = lock(&self.order);
        if let Err(error) = order.check_open() {
            drop(order);
            let error = self.refuse(&messages, &begun, error);
            return Err(Refused { message, error });
        }
        if !order.budget.try_take(bytes) {
            let (used, limit) = (order.budget.used(), order.budget.limit());
            drop(order);
            let kind = ErrorKind::Overloaded {
                retry_after: Duration::from_millis(random::within(1..=5)),
            };
            let full =
                "the appends on their way have reached their limit; call again, or use append";
            let error = Error::new(kind, full)
                .with_context("bytes on their way", used)
                .with_context("max_in_flight_bytes", limit);
            let error = self.refuse(&messages, &begun, error);
            return Err(Refused { message, error });
        }
        Ok(Append::new(
            self.place_now(order, messages, now, bytes, begun),
        ))
    }

    /// Room for a message of so many bytes, in the same queue as appends.
    pub(crate) async fn reserve(self: &Arc<Self>, bytes: usize) -> Result<walx_core::Permit> {
        let charge = bytes.saturating_add(OVERHEAD_BYTES);
        let reservation = {
            let mut order = lock(&self.order);
            order.check_open().map_err(|error| self.named(error))?;
            let limit = order.budget.limit();
            // Like any append, it may have more than the limit where nothing else is on its way.
            if bytes > limit {
                return Err(self
                    .refused(
                        ErrorKind::InvalidInput,
                        "more than the appends on their way may have in all",
                    )
                    .with_context("bytes", bytes)
                    .with_context("max_in_flight_bytes", limit));
            }
            Reservation::new(self, &mut order, charge)
        };
        reservation.await.map_err(|error| self.named(error))?;
        Ok(walx_core::Permit::new(
            Arc::new(Permits(Arc::clone(self))),
            bytes,
        ))
    }

    /// Takes no more appends; those that wait for admission are told that nothing was written.
    pub(crate) fn stop_admitting(&self) {
        self.stop(Ending::No);
    }

    /// Waits, after admission stopped, until no append is on its way.
    pub(crate) async fn drained(&self) {
        let mut drained = lock(&self.order).drained.subscribe();
        // The sender lives in the order, which `self` holds.
        let _ = drained.wait_for(|empty| *empty).await;
    }

    /// Appends the record of a clean end, behind everything else; `None` after a failure.
    pub(crate) fn release(self: &Arc<Self>) -> Option<Append> {
        let now = self.ticks.now();
        let mut order = lock(&self.order);
        if matches!(order.phase, Phase::Failed(_)) {
            return None;
        }
        let slot = Slot::placed();
        self.place_marker(&mut order, Kind::Release, now, Arc::clone(&slot));
        self.unlock(order);
        Some(Append::new(slot))
    }

    /// The handle was dropped: what is on its way is decided if the backend answers within `close_timeout`.
    pub(crate) fn orphan(&self) {
        self.stop(Ending::Orphaned);
    }

    /// Ends the writing half for good: what is still undecided gets `OutcomeUnknown`.
    pub(crate) fn end(&self) {
        self.stop(Ending::Abandoned);
    }

    fn stop(&self, ending: Ending) {
        let mut order = lock(&self.order);
        order.ending = order.ending.max(ending);
        if matches!(order.phase, Phase::Open) {
            order.phase = Phase::Closing;
        }
        let dismissed: Vec<_> = order.budget.dismiss().collect();
        order.idle = true;
        self.unlock(order);
        for waiter in dismissed {
            let message = "the wal was closed before the message was placed; nothing was written";
            self.dismiss(waiter, Error::new(ErrorKind::Closed, message));
        }
        if ending == Ending::Abandoned {
            self.gauges.end();
        }
        if ending != Ending::No {
            self.availability.send_replace(Availability::Closed);
        }
    }

    pub(crate) fn availability(&self) -> watch::Receiver<Availability> {
        self.availability.subscribe()
    }

    fn refused(&self, kind: ErrorKind, message: &'static str) -> Error {
        self.named(Error::new(kind, message))
    }

    fn named(&self, error: Error) -> Error {
        error
            .with_operation("append")
            .with_channel(&self.channel.name)
    }

    /// Lets the hooks see how an append ended.
    fn after(&self, bytes: usize, elapsed: Duration, result: &Result<Place>) {
        let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let context = AppendContext::new(&self.channel, self.owner(), bytes, elapsed_us);
        for hook in self.hooks.iter().rev() {
            hook.after(&context, result);
        }
    }

    /// Lets everybody see that nothing of `messages` was written, and names the error.
    fn refuse(&self, messages: &Batch<Message>, begun: &Begun, error: Error) -> Error {
        let error = self.named(error);
        let bytes = messages.as_slice().iter().map(Message::bytes);
        let elapsed = begun.called.elapsed();
        begun
            .span
            .in_scope(|| self.after_failure(bytes, elapsed, &error));
        error
    }

    /// Tells somebody of the queue that nothing was written.
    fn dismiss(&self, waiter: order::Waiter, error: Error) {
        match waiter {
            order::Waiter::Permit(reserve) => reserve.refuse(self.named(error)),
            order::Waiter::Append(slot) => {
                if let Some((messages, begun)) = slot.take_waiting() {
                    slot.decide(Err(self.refuse(&messages, &begun, error)));
                }
            }
        }
    }

    fn place_or_wait(self: &Arc<Self>, messages: Batch<Message>, begun: Begun) -> Arc<Slot> {
        let (bytes, now) = (charge(&messages), self.ticks.now());
        let mut order = lock(&self.order);
        if let Err(error) = order.check_open() {
            drop(order);
            return Slot::failed(self.refuse(&messages, &begun, error));
        }
        if order.budget.try_take(bytes) {
            return self.place_now(order, messages, now, bytes, begun);
        }
        if planted::is(Bug::OvertakesTheQueue) && bytes < 400 {
            order.budget.take(bytes);
            return self.place_now(order, messages, now, bytes, begun);
        }
        let queue = Arc::downgrade(self);
        let slot = Slot::waiting(messages, begun, queue, order.budget.ticket());
        let waiter = order::Waiter::Append(Arc::clone(&slot));
        order.budget.wait(bytes, waiter);
        slot
    }

    /// Takes the place of messages whose room is taken.
    fn place_now(
        &self,
        mut order: MutexGuard<'_, Order>,
        messages: Batch<Message>,
        now: Tick,
        charge: usize,
        begun: Begun,
    ) -> Arc<Slot> {
        let slot = Slot::placed();
        let waiting = Some(Arc::clone(&slot));
        self.place(&mut order, messages, now, charge, waiting, begun);
        self.unlock(order);
        slot
    }
}

impl Watched for Writer {
    /// Shows what is on its way, and lets the driver look whether the oldest of it takes too long.
    fn look(&self, _now: Instant) {
        let order = lock(&self.order);
        let in_flight = order.in_flight;
        let numbers = [
            in_flight,
            order.budget.used(),
            order.budget.waiting(),
            usize::from(order.recovering),
        ];
        let wakes = in_flight > 0 || order.owes_a_look;
        let driver = if wakes { order.driver.clone() } else { None };
        drop(order);
        self.gauges.set(numbers.map(|it| it as f64));
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

/// What a batch counts against the bytes on their way.
fn charge(messages: &Batch<Message>) -> usize {
    messages
        .as_slice()
        .iter()
        .map(|it| it.bytes() + it.properties.held_bytes() + OVERHEAD_BYTES)
        .sum()
}
