//! The append path: admission, order, commit.

mod admit;
mod again;
mod answer;
mod chunk;
mod commit;
mod end;
mod flight;
mod gather;
mod joined;
mod known;
mod order;
mod pace;
mod permit;
mod place;
mod queue;
mod recover;
mod reopen;
mod request;
mod room;
mod slot;
mod slow;
mod stages;
mod transact;
mod transactions;
mod window;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tracing::{Instrument, Span};
use walx_core::{
    Append, AppendBatch, AppendContext, Availability, Category, ChannelInfo, Charge, Error,
    ErrorKind, Expected, Flow, Interceptor, Message, MessageId, OpenOption, Owner, Place, Refused,
    Result, Seq, TickSource, VirtualChannel,
};
use walx_impls::{Batch, OpenerImpls, WalImpls};
use walx_utility::clock::{Instant, WallClock};
use walx_utility::sync::lock;
use walx_utility::{metric, random, spawn};

pub(crate) use self::order::Numbering;
use self::order::Order;
use self::permit::{Permits, Reservation};
use self::request::{Mark, Request};
use self::room::{Room, Short, Taken};
use self::stages::Begun;
pub(crate) use self::window::Keys;
use self::window::Window;
use crate::cache::Cache;
use crate::current::Current;
use crate::gauge::{Gauges, labels};
use crate::interceptor::{AppendMetrics, append_span};
use crate::newest::Newest;
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
    /// Of each stream.
    pub(crate) newest: Newest,
    opener: Arc<dyn OpenerImpls>,
    /// The backend's handle, for everybody but appends.
    current: Arc<Current>,
    pub(crate) hooks: Arc<[Arc<dyn Interceptor>]>,
    ticks: Arc<dyn TickSource>,
    max_record_bytes: usize,
    max_chunked_bytes: Option<usize>,
    close_timeout: Duration,
    recovery_timeout: Duration,
    append_timeout: Option<Duration>,
    slow_append: Option<Duration>,
    /// What it holds of the budget that it shares with other wals.
    shared: Charge,
    flow: Option<Arc<dyn Flow>>,
    metrics: AppendMetrics,
    /// Whether the order has a window of keys.
    remembers_keys: bool,
    /// In flight, their bytes, waiting, whether it recovers, open transactions.
    gauges: Gauges<5>,
    order: Mutex<Order>,
    availability: watch::Sender<Availability>,
}

/// What an open has found out.
pub(crate) struct Settled {
    pub(crate) owner: Owner,
    pub(crate) numbering: Numbering,
    /// The newest record with numbers.
    pub(crate) newest: Option<MessageId>,
    /// The keys of its newest messages; `None` where they are not remembered.
    pub(crate) keys: Option<Keys>,
    /// The transactions that the owner before left open, by their Begins.
    pub(crate) open: Vec<Seq>,
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
            keys,
            open,
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
            metric::TRANSACTION_OPEN,
        ];
        let wall_clock = || Arc::new(WallClock) as _;
        let writer = Arc::new(Self {
            gauges: Gauges::new(names, &labels(&channel)[..1]),
            channel,
            opened_by: owner,
            incarnation: AtomicU32::new(owner.incarnation),
            cache,
            newest: Newest::default(),
            current,
            hooks: option.interceptors.clone().into(),
            ticks: option.tick_source.clone().unwrap_or_else(wall_clock),
            max_record_bytes: opener.capability().max_record_bytes,
            max_chunked_bytes: option.max_chunked_bytes,
            opener,
            close_timeout: option.close_timeout,
            recovery_timeout: option.recovery_timeout,
            append_timeout: option.append_timeout,
            slow_append: option.slow_append,
            shared: option.limits.charge(Category::InFlight, 0),
            flow: option.flow.clone(),
            metrics: AppendMetrics::new(),
            remembers_keys: keys.is_some(),
            order: Mutex::new(Order::new(
                owner,
                numbering,
                backend,
                option,
                keys.map(Window::from),
            )),
            availability: watch::Sender::new(Availability::Available),
        });
        writer.end_found(open);
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

    fn begin_append(&self) -> Begun {
        Begun::now(append_span(&self.channel.name, self.owner()))
    }

    pub(crate) fn append(self: &Arc<Self>, message: Message) -> Append {
        let mut begun = self.begin_append();
        match self.admit(Batch::One(message), &mut begun) {
            Ok(messages) => Append::new(self.place_or_wait(Request::plain(messages), begun)),
            Err(error) => Append::failed(error),
        }
    }

    pub(crate) fn append_batch(self: &Arc<Self>, messages: Vec<Message>) -> AppendBatch {
        let mut begun = self.begin_append();
        if messages.is_empty() {
            return AppendBatch::failed(
                self.refused(ErrorKind::InvalidInput, "a batch has at least one message"),
            );
        }
        match self.admit(Batch::Many(messages), &mut begun) {
            Ok(messages) => AppendBatch::new(self.place_or_wait(Request::plain(messages), begun)),
            Err(error) => AppendBatch::failed(error),
        }
    }

    /// Appends where `expected` holds when the message takes its place.
    pub(crate) fn append_if(self: &Arc<Self>, message: Message, expected: Expected) -> Append {
        let mut begun = self.begin_append();
        match self.admit(Batch::One(message), &mut begun) {
            Ok(messages) => {
                let request = Request::Messages {
                    messages,
                    transaction: None,
                    expected,
                };
                Append::new(self.place_or_wait(request, begun))
            }
            Err(error) => Append::failed(error),
        }
    }

    /// Writes a point in time.
    pub(crate) fn advance_tick(
        self: &Arc<Self>,
        virtual_channel: Option<VirtualChannel>,
    ) -> Append {
        let request = Request::Mark(Mark::Tick(virtual_channel));
        Append::new(self.place_or_wait(request, Begun::now(Span::none())))
    }

    pub(crate) fn try_append(
        self: &Arc<Self>,
        message: Message,
    ) -> std::result::Result<Append, Refused> {
        let mut begun = self.begin_append();
        let messages = match self.admit(Batch::One(message.clone()), &mut begun) {
            Ok(messages) => messages,
            Err(error) => return Err(Refused { message, error }),
        };
        let request = Request::plain(messages);
        let (bytes, now) = (charge(&request), self.ticks.now());
        let mut order = lock(&self.order);
        if let Err(error) = order.check_open() {
            drop(order);
            let error = self.refuse(&request, &begun, error);
            return Err(Refused { message, error });
        }
        let error = match order.budget.try_take(&self.shared, bytes, true) {
            Taken::Yes => {
                return Ok(Append::new(
                    self.place_now(order, request, now, bytes, begun),
                ));
            }
            Taken::No(short) => self.overloaded(&order.budget, short),
            Taken::Refused(error) => error,
        };
        self.unlock(order);
        let error = self.refuse(&request, &begun, error);
        Err(Refused { message, error })
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
            let reservation = Reservation::new(self, &mut order, charge);
            self.unlock(order);
            reservation?
        };
        reservation.await.map_err(|error| self.named(error))?;
        Ok(walx_core::Permit::new(
            Arc::new(Permits(Arc::clone(self))),
            bytes,
        ))
    }

    pub(crate) fn availability(&self) -> watch::Receiver<Availability> {
        self.availability.subscribe()
    }

    /// Why there is no room at once.
    fn overloaded(&self, room: &Room, short: Short) -> Error {
        let retry_after = match short {
            Short::Time(time) => time,
            _ => Duration::from_millis(random::within(1..=5)),
        };
        let limits = self.shared.limits();
        let (text, names, used, limit) = match short {
            Short::Own => (
                "the appends on their way have reached their limit; call again, or use append",
                ("bytes on their way", "max_in_flight_bytes"),
                room.used(),
                room.limit(),
            ),
            Short::Shared => (
                "the appends on their way of all wals together have reached their limit; call again, or use append",
                ("bytes on their way", "limit in flight"),
                limits.used(Category::InFlight),
                limits.limit(Category::InFlight),
            ),
            Short::Time(_) => {
                let text = "flow control slows appends down; call again after the time given, or use append";
                return Error::new(ErrorKind::Overloaded { retry_after }, text)
                    .with_context("retry after", format!("{retry_after:?}"));
            }
        };
        Error::new(ErrorKind::Overloaded { retry_after }, text)
            .with_context(names.0, used)
            .with_context(names.1, limit)
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
        if self.hooks.is_empty() {
            return;
        }
        let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let context = AppendContext::new(&self.channel, self.owner(), bytes, elapsed_us);
        for hook in self.hooks.iter().rev() {
            hook.after(&context, result);
        }
    }

    /// Lets everybody see that nothing of `request` was written, and names the error.
    fn refuse(&self, request: &Request, begun: &Begun, error: Error) -> Error {
        let error = self.named(error);
        let bytes = request.messages().iter().map(Message::bytes);
        let elapsed = begun.called.elapsed();
        begun
            .span
            .in_scope(|| self.after_failure(bytes, elapsed, &error));
        error
    }
}

impl Watched for Writer {
    /// Shows what is on its way, and lets the driver look whether the oldest of it takes too long. Ends
    /// transactions whose time is over.
    fn look(&self, now: Instant) {
        self.expire(now);
        let order = lock(&self.order);
        let in_flight = order.in_flight;
        let numbers = [
            in_flight,
            order.budget.used(),
            order.budget.waiting(),
            usize::from(order.recovering),
            order.transactions.len(),
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

/// What a request counts against the bytes on their way.
fn charge(request: &Request) -> usize {
    match request {
        Request::Messages { messages, .. } => charge_of(messages),
        Request::Mark(_) => OVERHEAD_BYTES,
    }
}

fn charge_of(messages: &Batch<Message>) -> usize {
    messages
        .as_slice()
        .iter()
        .map(|it| it.bytes() + it.properties.held_bytes() + OVERHEAD_BYTES)
        .sum()
}
