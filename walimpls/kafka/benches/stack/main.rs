//! walx, the whole stack, beside the raw client: same broker, same settings, same header bytes, in one run, in turn.
//! `WALX_KAFKA=host:port cargo bench -p walx-kafka --bench stack`
//!
//! Durability: as acknowledged by Kafka (`acks=all`; in the page caches of the topic's replicas, of which there is one
//! here). Each figure is the median of several rounds.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench ends with them, and prints"
)]

mod raw;
mod whole;

use std::future::Future;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use walx_utility::clock;

/// So many appends are on their way at a time.
const IN_FLIGHT: usize = 10_000;

/// What one side did in one round.
#[derive(Clone, Copy)]
struct Figure {
    /// Records a second.
    rate: f64,
    /// Microseconds of CPU a record, of all threads.
    cpu: f64,
}

fn main() {
    // `cargo test --benches` only looks whether it runs.
    let quick = std::env::args().any(|arg| arg == "--test");
    let brokers = std::env::var("WALX_KAFKA").expect(
        "WALX_KAFKA names a broker: scripts/servers start kafka; eval \"$(scripts/servers env)\"",
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    println!("Kafka at {brokers}; durability: acks=all, one replica, page cache");
    runtime.block_on(async {
        for (bytes, records) in [(128, 100_000), (1024, 50_000)] {
            let (records, rounds) = if quick { (2_000, 1) } else { (records, 25) };
            side_by_side(&brokers, bytes, records, rounds).await;
        }
    });
}

async fn side_by_side(brokers: &str, bytes: usize, records: usize, rounds: usize) {
    let name = format!("bench-{bytes}-{:016x}", walx_utility::random::number());
    let raw_name = format!("{name}-raw");
    let whole = whole::Side::open(brokers, &name).await;
    let raw = raw::Side::open(brokers, &raw_name).await;
    let awaited = (records / 250).max(100);
    let (mut appends, mut singles, mut scans) =
        (Rounds::default(), Rounds::default(), Rounds::default());
    // The first round warms up.
    for round in 0..=rounds {
        let appended = in_turn(
            round,
            whole.append(records, bytes),
            raw.append(records, bytes),
        );
        let appended = appended.await;
        let awaited = in_turn(
            round,
            whole.latency(awaited, bytes),
            raw.latency(awaited, bytes),
        );
        let awaited = awaited.await;
        if round > 0 {
            appends.push(appended);
            singles.push(awaited);
        }
    }
    whole.close().await;
    raw.close().await;
    let all = (records + awaited) * (rounds + 1);
    for round in 0..rounds.div_ceil(4) {
        let scanned = in_turn(
            round,
            whole::scan(brokers, &name, all),
            raw::scan(brokers, &raw_name, all),
        );
        scans.push(scanned.await);
    }
    println!("{bytes} B, {rounds} rounds of {records} records");
    appends.print(&format!("append, {IN_FLIGHT} in flight"));
    singles.print_latency("append, one awaited after the other");
    scans.print("catch-up scan");
}

/// What both sides did in a round. Who goes first takes turns: the machine is not the same from one second to the next.
async fn in_turn(
    round: usize,
    whole: impl Future<Output = Figure>,
    raw: impl Future<Output = Figure>,
) -> [Figure; 2] {
    if round.is_multiple_of(2) {
        let whole = whole.await;
        [whole, raw.await]
    } else {
        let raw = raw.await;
        [whole.await, raw]
    }
}

#[derive(Default)]
struct Rounds {
    whole: Vec<Figure>,
    raw: Vec<Figure>,
}

impl Rounds {
    fn push(&mut self, [whole, raw]: [Figure; 2]) {
        self.whole.push(whole);
        self.raw.push(raw);
    }

    fn print(&self, what: &str) {
        let of = |figures: &[Figure]| {
            let rate = median(figures.iter().map(|it| it.rate));
            (rate, median(figures.iter().map(|it| it.cpu)))
        };
        let ((whole, whole_cpu), (raw, raw_cpu)) = (of(&self.whole), of(&self.raw));
        let ratio = self.ratio(|it| it.rate);
        let above = median(self.pairs().map(|(whole, raw)| whole.cpu - raw.cpu));
        println!(
            "  {what}: walx {:.0} k/s, raw {:.0} k/s, ratio {ratio:.2}; CPU a record: {whole_cpu:.2} us, \
             {raw_cpu:.2} us, above raw {above:+.2} us",
            whole / 1e3,
            raw / 1e3
        );
    }

    /// Rates of appends that are awaited one by one are latencies upside down.
    fn print_latency(&self, what: &str) {
        let of = |figures: &[Figure]| 1e6 / median(figures.iter().map(|it| it.rate));
        let ratio = self.ratio(|it| 1.0 / it.rate);
        println!(
            "  {what}: median walx {:.0} us, raw {:.0} us, ratio {ratio:.2}",
            of(&self.whole),
            of(&self.raw)
        );
    }

    /// The median of the rounds' ratios: what both sides met in a round is left out.
    fn ratio(&self, of: impl Fn(&Figure) -> f64) -> f64 {
        median(self.pairs().map(|(whole, raw)| of(whole) / of(raw)))
    }

    fn pairs(&self) -> impl Iterator<Item = (&Figure, &Figure)> {
        self.whole.iter().zip(&self.raw)
    }
}

/// Time and CPU of `work` on so many records.
async fn measured(records: usize, work: impl Future<Output = ()>) -> Figure {
    let (begin, cpu) = (clock::now(), cpu_time());
    work.await;
    let (time, cpu) = (begin.elapsed(), cpu_time() - cpu);
    Figure {
        rate: records as f64 / time.as_secs_f64(),
        cpu: cpu.as_secs_f64() * 1e6 / records as f64,
    }
}

/// The median latency as a rate.
fn of_latencies(mut latencies: Vec<Duration>) -> Figure {
    latencies.sort();
    let median = latencies[latencies.len() / 2];
    let rate = 1.0 / median.as_secs_f64();
    Figure { rate, cpu: 0.0 }
}

fn payload(bytes: usize) -> Vec<u8> {
    vec![7; bytes]
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
