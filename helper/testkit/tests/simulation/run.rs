//! One run: from a seed to a verdict.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use walx_core::{
    ChannelName, Delivery, End, Entry, GapReason, MarkerKind, Message, OpenOption, Opener,
    Progress, Result, ScanOption, Seq, TransactionId, VirtualChannel, Wal,
};
use walx_testkit::history::{Checks, History, check};
use walx_utility::{clock, random};

use crate::chance::up_to;
use crate::faults::rage;
use crate::gauges::Gauges;
use crate::process::live;
use crate::reader::{LAST, watch};
use crate::trace::hash;
use crate::transactions::ask_newest;
use crate::world::World;

/// What came of a seed.
pub(crate) struct Run {
    pub(crate) seed: u64,
    /// The same for the same seed, in every process.
    pub(crate) hash: u64,
    /// What was wrong: names of checks, or what the workload noticed.
    pub(crate) wrong: Vec<Wrong>,
    pub(crate) history: History,
    /// What its workload came to.
    pub(crate) reached: BTreeSet<&'static str>,
    /// What the adaptor counted.
    pub(crate) counted: BTreeSet<metrics::Key>,
    lines: Vec<String>,
}

/// Something that must not be: by what it was found, and what it is.
pub(crate) struct Wrong {
    pub(crate) by: &'static str,
    text: String,
}

/// Runs a seed in a runtime of its own, on this thread alone.
pub(crate) fn run(seed: u64) -> Run {
    random::seed(seed);
    let gauges = Gauges::default();
    // Without timers of the operating system and without other threads: time passes only where all tasks wait.
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let Simulated {
        mut lines,
        wrong,
        history,
        checks,
        reached,
    } = match runtime {
        Ok(runtime) => {
            metrics::with_local_recorder(&gauges, || runtime.block_on(Box::pin(simulate())))
        }
        Err(error) => panic!("no runtime: {error}"),
    };
    // Whether the run drew as much as another one of the same seed.
    lines.push(format!("the next number is {}", random::number()));
    let by = |by, all: Vec<String>| all.into_iter().map(move |text| Wrong { by, text });
    let mut all: Vec<_> = by("workload", wrong).collect();
    all.extend(by("gauges", gauges.wrong()));
    let violations = check(&history, &checks);
    all.extend(violations.into_iter().map(|violation| Wrong {
        by: violation.check.name(),
        text: violation.to_string(),
    }));
    Run {
        seed,
        hash: hash(&lines, &history),
        wrong: all,
        history,
        reached,
        counted: gauges.counted(),
        lines,
    }
}

/// What a run leaves.
struct Simulated {
    lines: Vec<String>,
    wrong: Vec<String>,
    history: History,
    checks: Checks,
    reached: BTreeSet<&'static str>,
}

async fn simulate() -> Simulated {
    let channels = (0..=up_to(2)).filter_map(|at| ChannelName::new(format!("channel-{at}")).ok());
    let world = World::new(channels.collect());
    for at in 0..world.channels.len() {
        world.spawn("a reader of everything", watch(Arc::clone(&world), at));
    }
    let rage = walx_utility::spawn::task(rage(Arc::clone(&world)));
    let mut processes = Vec::new();
    for number in 0..=up_to(2) as usize {
        let living = live(Arc::clone(&world), number);
        processes.push(walx_utility::spawn::task(living));
    }
    for process in processes {
        if process.await.is_err() {
            world.trace.wrong("a process panicked");
        }
    }
    world.end();
    if clock::timeout(Duration::from_secs(60), rage).await.is_err() {
        world.trace.wrong("the faults don't end");
    }
    let checks = finish(&world).await;
    let history = world.recorder.history();
    let (lines, wrong) = world.trace.take();
    Simulated {
        lines,
        wrong,
        history,
        checks,
        reached: world.trace.reached(),
    }
}

/// A fresh owner proves that everything is there, and that nothing is left behind.
async fn finish(world: &Arc<World>) -> Checks {
    let Ok(opener) = world.opener().await else {
        world.trace.wrong("the store can't be opened at the end");
        return Checks::all();
    };
    let checks = Checks::of(&opener.capability());
    // Whoever reads everything has begun by then.
    clock::sleep(Duration::from_secs(1)).await;
    for at in 0..world.channels.len() {
        close_down(world, opener.as_ref(), at).await;
    }
    let progress = Progress::default();
    match world.soon("verify", opener.verify(None, &progress)).await {
        Some(Ok(verified)) if verified.is_sound() => {}
        other => world
            .trace
            .wrong(format_args!("the last verify: {other:?}")),
    }
    world.join().await;
    if let Some(Err(error)) = world.soon("the last close", opener.close()).await {
        world.trace.wrong(format_args!("the last close: {error}"));
    }
    drop(opener);
    // What ends by itself ends within a close, a hanging one too, and a look of the watch.
    clock::sleep(Duration::from_secs(40)).await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    let handles = world.network.alive();
    if tasks > 0 || handles > 0 {
        world.trace.wrong(format_args!(
            "{tasks} tasks and {handles} handles of the store are left behind"
        ));
    }
    checks
}

async fn close_down(world: &Arc<World>, opener: &dyn Opener, at: usize) {
    let name = &world.channels[at].name;
    let option = OpenOption::new(name.clone())
        .with_take_over(true)
        .with_max_in_flight_bytes(ROOM)
        // Clocks of owners before were ahead.
        .with_max_clock_ahead(Duration::from_secs(3_600))
        .with_tick_source(world.ticks(0, false));
    // Nobody is to stumble over them, and a reader is to be told.
    for _ in 0..FOREIGN {
        world.store.foreign(name, "what somebody else wrote");
    }
    let wal = match world.soon("the last open", opener.open(option)).await {
        Some(Ok(wal)) => wal,
        Some(Err(error)) => return world.trace.wrong(format_args!("the last open: {error}")),
        None => return,
    };
    // More than any scan stands beyond the tail.
    for _ in 0..4 {
        drop(wal.append(Message::new("nearly the last")));
    }
    let last = wal.append(Message::new(LAST));
    if let Some(Err(error)) = world.soon("the last append", last).await {
        world.trace.wrong(format_args!("the last append: {error}"));
    }
    give_room_back(world, wal.as_ref()).await;
    if let Ok(stream) = VirtualChannel::new("a") {
        ask_newest(world, wal.newest_tick(&stream)).await;
    }
    let all = ScanOption::earliest().until(End::Tail);
    for option in [
        all.clone().with_ticks(true),
        all.with_transactions(Delivery::Raw).with_ticks(true),
    ] {
        match world
            .soon("the last scan", left_open(wal.as_ref(), option))
            .await
        {
            Some(Err(error)) => world.trace.wrong(format_args!("the last scan: {error}")),
            // An owner begins with what the one before left open.
            Some(Ok(open)) if !open.is_empty() => world
                .trace
                .wrong(format_args!("{open:?} are still open at the end")),
            _ => {}
        }
    }
    if let Some(Err(error)) = world.soon("the last owner's close", wal.close()).await {
        world
            .trace
            .wrong(format_args!("the last owner's close: {error}"));
    }
    match world.soon("the last reader", told(opener, name)).await {
        Some(Ok(told)) if told == [FOREIGN] => {}
        other => world.trace.wrong(format_args!(
            "of {FOREIGN} foreign records is told: {other:?}"
        )),
    }
}

/// So many foreign records lie before the last owner's first record.
const FOREIGN: u64 = 3;

/// Of how many foreign records each gap tells that a reader meets.
async fn told(opener: &dyn Opener, name: &ChannelName) -> Result<Vec<u64>> {
    let wal = opener.open_read_only(OpenOption::new(name.clone())).await?;
    let all = ScanOption::earliest().until(End::Tail);
    let mut scanner = wal.scan(all).await?;
    let mut told = Vec::new();
    loop {
        let batch = scanner.next_batch(64).await?;
        if batch.is_empty() {
            wal.close().await?;
            return Ok(told);
        }
        told.extend(batch.iter().filter_map(|entry| match entry {
            Entry::Gap(gap) if gap.reason == GapReason::Foreign => {
                gap.detail.split(' ').next()?.parse::<u64>().ok()
            }
            _ => None,
        }));
    }
}

/// The transactions that are open at the end of a scan: as its last entry says, and as their marks do.
async fn left_open(wal: &dyn Wal, option: ScanOption) -> Result<BTreeSet<Seq>> {
    let mut scanner = wal.scan(option).await?;
    let (mut open, mut oldest) = (BTreeSet::new(), None);
    loop {
        let batch = scanner.next_batch(64).await?;
        let Some(last) = batch.last() else { break };
        oldest = last.token().and_then(|token| token.oldest_open());
        for entry in &batch {
            if let Entry::Marker(mark) = entry
                && let Some(TransactionId(id)) = mark.transaction
            {
                match mark.kind {
                    MarkerKind::Begin => open.insert(id),
                    _ => open.remove(&id),
                };
            }
        }
    }
    open.extend(oldest);
    Ok(open)
}

/// So many bytes may the last owner have on their way.
const ROOM: usize = 1_000;

/// Room that is reserved and not used, or not waited for, comes back.
async fn give_room_back(world: &World, wal: &dyn Wal) {
    // What the recorder adds to it has room as well.
    let most = ROOM - 100;
    let all = world.soon("the first reservation", wal.reserve(most)).await;
    drop(clock::timeout(Duration::from_millis(1), wal.reserve(1)).await);
    drop(all);
    let second = world.soon("the second reservation", wal.reserve(most));
    if let Some(Err(error)) = second.await {
        let text = format_args!("the second reservation: {error}");
        world.trace.wrong(text);
    }
}

impl Run {
    pub(crate) fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }

    /// By what its violations were found, each once.
    pub(crate) fn found_by(&self) -> String {
        let mut by: Vec<_> = self.wrong.iter().map(|wrong| wrong.by).collect();
        by.dedup();
        by.join(", ")
    }

    /// The seed, and the first thing that was wrong.
    pub(crate) fn in_short(&self) -> String {
        let wrong = self.wrong.first();
        let wrong = wrong.map(|it| (it.by, it.text.lines().next().unwrap_or_default()));
        format!("seed {}: {:?}", self.seed, wrong.unwrap_or_default())
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}:", self.seed)?;
        for wrong in self.wrong.iter().take(5) {
            writeln!(f, "[{}] {}", wrong.by, wrong.text)?;
        }
        writeln!(f, "the end of the trace:")?;
        let skip = self.lines.len().saturating_sub(60);
        for line in &self.lines[skip..] {
            writeln!(f, "{line}")?;
        }
        write!(
            f,
            "again: WALX_SEED={} cargo test -p walx-testkit --test simulation",
            self.seed
        )
    }
}
