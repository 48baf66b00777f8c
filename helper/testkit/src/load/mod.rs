//! A load on one channel of any store, while a test disturbs what the store stands on: brokers that are killed,
//! connections that are cut.
//!
//! ```
//! # use std::sync::Arc;
//! # use walx_core::Config;
//! use walx_testkit::faults::{Faulty, Plan};
//! use walx_testkit::load::Load;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), walx_testkit::Failure> {
//! # let store = walx_memory::MemoryStore::new();
//! let backend = Faulty::new(Arc::new(store.builder()), Plan::quiet());
//! let faults = backend.faults().clone();
//! let report = Load::new(Arc::new(backend), Config::new())
//!     .run(3, async |_| {
//!         faults.lose_ack_next();
//!         Ok(())
//!     })
//!     .await?;
//! println!("{report}");
//! # Ok(())
//! # }
//! ```
//!
//! Several tasks append through one owner, which opens the channel again by itself where it must give up. A scanner of
//! the owner's and one of another store follow. In the end a fresh reader must find each acknowledged message once, at its
//! place, those of a task in the order of its calls, both followers must have got the last message, a verification must
//! find nothing, and the history of all calls must keep every promise.

mod books;
mod follow;
mod owner;
mod report;
mod write;

use std::sync::Arc;
use std::time::Duration;

use walx_core::{Capability, ChannelName, Config, End, OpenOption, Opener, Progress, ScanOption};
use walx_impls::OpenerBuilderImpls;
use walx_utility::spawn::{self, Task};
use walx_utility::{clock, random};

use self::books::Books;
use self::follow::{follow_as_owner, follow_as_reader};
use self::owner::Keeper;
pub use self::report::LoadReport;
use crate::history::{Checks, Recorder, check};
use crate::log::entries;
use crate::{Failure, Outcome};

/// What a load does; by default it is small enough for a machine that runs the servers as well.
pub struct Load {
    builder: Arc<dyn OpenerBuilderImpls>,
    owner: Config,
    readers: Config,
    channel: ChannelName,
    rate: u64,
    payload_bytes: usize,
    tasks: usize,
    between: Duration,
    patience: Duration,
}

impl Load {
    /// A load on a channel of its own: 400 appends a second of 256 bytes by four tasks, and a second between
    /// disturbances.
    pub fn new(builder: Arc<dyn OpenerBuilderImpls>, config: Config) -> Self {
        let name = format!("load-{:016x}", random::number());
        Self {
            builder,
            owner: config.clone(),
            readers: config,
            channel: ChannelName::new(name).unwrap_or_else(|_| unreachable!("it is a name")),
            rate: 400,
            payload_bytes: 256,
            tasks: 4,
            between: Duration::from_secs(1),
            patience: Duration::from_secs(60),
        }
    }

    /// Sets how readers reach the store, where that is another way than the owner's.
    #[must_use]
    pub fn with_readers(mut self, config: Config) -> Self {
        self.readers = config;
        self
    }

    /// Sets how many messages are appended a second, by all tasks together.
    #[must_use]
    pub fn with_rate(mut self, rate: u64) -> Self {
        self.rate = rate.max(1);
        self
    }

    /// Sets how long nothing happens before each disturbance, and behind the last one.
    #[must_use]
    pub fn with_between(mut self, between: Duration) -> Self {
        self.between = between;
        self
    }

    /// Sets how long appends may stand still behind a disturbance, and readers behind the last message; a minute by
    /// default.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The channel.
    pub fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// Appends and reads while `disturb` runs so many times, each with its number from 1, and finds out whether every
    /// promise held. What `disturb` breaks it must mend, or have mended, before it returns: then appends must go on.
    ///
    /// # Errors
    /// The promise that does not hold, with the figures; what `disturb` failed with.
    pub async fn run(
        self,
        rounds: usize,
        disturb: impl AsyncFnMut(usize) -> Outcome,
    ) -> Outcome<LoadReport> {
        let recorder = Recorder::new(0);
        let (books, running) = (Books::new(), self.start(&recorder).await?);
        let outcome = self.disturbed(running, &books, rounds, disturb).await;
        let mut report = books.report();
        let told = |failure: Failure, report: &LoadReport| failure.with(report);
        let capability = outcome.map_err(|failure| told(failure, &report))?;
        self.judge(&books, &mut report)
            .await
            .map_err(|failure| told(failure, &report))?;
        let violations = check(&recorder.history(), &Checks::of(&capability));
        match violations.first() {
            None => Ok(report),
            Some(first) => {
                let broken = violations.len();
                let text = format!("the history breaks {broken} promises; the first one: {first}");
                Err(told(Failure::new(text), &report))
            }
        }
    }

    async fn start(&self, recorder: &Recorder) -> Outcome<Running> {
        let builder = walx_adaptor::adapt(Arc::clone(&self.builder));
        let owner = recorder.opener(builder.build(self.owner.clone()).await?);
        let readers = recorder.opener(builder.build(self.readers.clone()).await?);
        Ok(Running { owner, readers })
    }

    async fn disturbed(
        &self,
        running: Running,
        books: &Arc<Books>,
        rounds: usize,
        mut disturb: impl AsyncFnMut(usize) -> Outcome,
    ) -> Outcome<Capability> {
        let Running { owner, readers } = running;
        let (keeper, wals) = Keeper::start(Arc::clone(&owner), self.channel.clone(), books).await?;
        let share = (self.rate / self.tasks as u64).max(1);
        let writers: Vec<_> = (0..self.tasks)
            .map(|task| {
                let (wals, books) = (wals.clone(), Arc::clone(books));
                spawn::task(write::write(wals, books, task, share, self.payload_bytes))
            })
            .collect();
        let followers = [
            spawn::task(follow_as_owner(wals.clone(), Arc::clone(books))),
            spawn::task(follow_as_reader(
                Arc::clone(&readers),
                self.channel.clone(),
                Arc::clone(books),
            )),
        ];
        let disturbing = async {
            for round in 1..=rounds {
                clock::sleep(self.between).await;
                books.begin_pause();
                disturb(round).await?;
                books.goes_on(self.patience).await.map_err(|failure| {
                    failure.during(format_args!("behind disturbance {round}"))
                })?;
                clock::sleep(self.between).await;
                books.end_pause();
            }
            clock::sleep(self.between).await;
            Ok(())
        };
        let disturbed: Outcome = disturbing.await;
        books.stop();
        let ended = async {
            for writer in writers {
                self.in_time(writer, "an append is never answered")
                    .await??;
            }
            disturbed?;
            self.in_time(
                spawn::task(write::write_last(wals.clone())),
                "the last message is never acknowledged",
            )
            .await??;
            for (follower, who) in followers.into_iter().zip(["owner's", "reader's"]) {
                let waits = format!("the {who} scanner never gets the last message");
                self.in_time(follower, &waits).await??;
            }
            Ok(owner.capability())
        };
        let ended: Outcome<Capability> = ended.await;
        // Whatever failed, nothing goes on.
        keeper.end().await;
        for store in [owner, readers] {
            let closed = clock::timeout(self.patience, store.close()).await;
            if ended.is_ok() {
                closed.map_err(|_| Failure::new("the close of a store hangs"))??;
            }
        }
        ended
    }

    async fn in_time<T>(&self, task: Task<T>, what: &str) -> Outcome<T> {
        let ended = clock::timeout(self.patience, task).await;
        let ended = ended.map_err(|_| Failure::new(what))?;
        ended.map_err(|_| Failure::new("a task of the load panicked"))
    }

    /// Holds a fresh scan to what was acknowledged.
    async fn judge(&self, books: &Books, report: &mut LoadReport) -> Outcome {
        let builder = walx_adaptor::adapt(Arc::clone(&self.builder));
        let store = builder.build(self.owner.clone()).await?;
        let option = OpenOption::new(self.channel.clone());
        let reader = store.open_read_only(option).await?;
        let all = entries(&*reader, ScanOption::earliest().until(End::Tail)).await?;
        reader.close().await?;
        books.compare(&all, report)?;
        let progress = Progress::default();
        let verified = store.verify(Some(&self.channel), &progress).await?;
        store.close().await?;
        if !verified.is_sound() {
            let text = format!("a verification finds {:?}", verified.findings);
            return Err(Failure::new(text));
        }
        report.verdict()
    }
}

/// The stores of a load.
struct Running {
    owner: Arc<dyn Opener>,
    readers: Arc<dyn Opener>,
}
