//! The backend alone, and walx as a whole, beside the raw client: same broker, same settings, same header bytes, in one
//! run, in turn. `WALX_KAFKA=host:port cargo bench -p walx-kafka --bench stack`
//!
//! Durability: as acknowledged by Kafka (`acks=all`; in the page caches of the topic's replicas, of which there is one
//! here). Each figure is the median of several rounds, each ratio that of the rounds' ratios. CPU is that of the whole
//! process, librdkafka's threads included.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench ends with them, and prints"
)]

mod backend;
mod raw;
mod whole;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use walx_core::Result;
use walx_utility::{clock, spawn};

/// So many appends are on their way at a time.
const IN_FLIGHT: usize = 10_000;

/// What one side did in one round.
#[derive(Clone, Copy, Default)]
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
    let (raw_name, backend_name) = (format!("{name}-raw"), format!("{name}-backend"));
    let raw = raw::Side::open(brokers, &raw_name).await;
    let backend = backend::Side::open(brokers, &backend_name).await;
    let whole = whole::Side::open(brokers, &name).await;
    let awaited = (records / 250).max(100);
    let mut appends = Rounds::default();
    let mut singles = Rounds::default();
    let mut scans = Rounds::default();
    // The first round warms up.
    for round in 0..=rounds {
        let appended = in_turn(
            round,
            [
                Box::pin(raw.append(records, bytes)),
                Box::pin(backend.append(records, bytes)),
                Box::pin(whole.append(records, bytes)),
            ],
        );
        let appended = appended.await;
        let single = in_turn(
            round,
            [
                Box::pin(raw.latency(awaited, bytes)),
                Box::pin(backend.latency(awaited, bytes)),
                Box::pin(whole.latency(awaited, bytes)),
            ],
        );
        let single = single.await;
        if round > 0 {
            appends.0.push(appended);
            singles.0.push(single);
        }
    }
    raw.close().await;
    backend.close().await;
    whole.close().await;
    let all = (records + awaited) * (rounds + 1);
    for round in 0..rounds.div_ceil(4) {
        let scanned = in_turn(
            round,
            [
                Box::pin(raw::scan(brokers, &raw_name, all)),
                Box::pin(backend::scan(brokers, &backend_name, all)),
                Box::pin(whole::scan(brokers, &name, all)),
            ],
        );
        scans.0.push(scanned.await);
    }
    println!("{bytes} B, {rounds} rounds of {records} records");
    appends.print(&format!("append, {IN_FLIGHT} in flight"));
    singles.print_latency("append, one awaited after the other");
    scans.print("catch-up scan");
}

type Turn<'a> = Pin<Box<dyn Future<Output = Figure> + 'a>>;

/// What each side did in a round. Who goes first takes turns: the machine is not the same from one second to the next.
async fn in_turn(round: usize, mut sides: [Turn<'_>; 3]) -> [Figure; 3] {
    let mut figures = [Figure::default(); 3];
    for turn in 0..3 {
        let side = (round + turn) % 3;
        figures[side] = (&mut sides[side]).await;
    }
    figures
}

/// What the raw client, the backend and the whole did, round by round.
#[derive(Default)]
struct Rounds(Vec<[Figure; 3]>);

const SIDES: [&str; 3] = ["raw client", "backend", "walx"];

impl Rounds {
    fn print(&self, what: &str) {
        println!("  {what}");
        for (side, name) in SIDES.into_iter().enumerate() {
            let rate = self.median(|it| it[side].rate / 1e3);
            let cpu = self.median(|it| it[side].cpu);
            let ratio = self.median(|it| it[side].rate / it[0].rate);
            let above = self.median(|it| it[side].cpu - it[0].cpu);
            println!(
                "    {name:10} {rate:5.0} k/s, {ratio:.2} of raw; CPU a record {cpu:.2} us, {above:+.2} us"
            );
        }
    }

    /// Rates of appends that are awaited one by one are latencies upside down.
    fn print_latency(&self, what: &str) {
        println!("  {what}");
        for (side, name) in SIDES.into_iter().enumerate() {
            let time = self.median(|it| 1e6 / it[side].rate);
            let ratio = self.median(|it| it[0].rate / it[side].rate);
            println!("    {name:10} median {time:4.0} us, {ratio:.2} of raw");
        }
    }

    fn median(&self, of: impl Fn(&[Figure; 3]) -> f64) -> f64 {
        let mut figures: Vec<f64> = self.0.iter().map(of).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    }
}

/// Appends so many records in a task, as programs do, [`IN_FLIGHT`] on their way.
async fn pipelined<F, T>(records: usize, mut call: impl FnMut(u64) -> F + Send + 'static) -> Figure
where
    F: Future<Output = Result<T>> + Unpin + Send + 'static,
    T: Debug + Send,
{
    let appends = async move {
        let mut handles: VecDeque<F> = VecDeque::with_capacity(IN_FLIGHT);
        for number in 0..records {
            if handles.len() == IN_FLIGHT {
                for handle in handles.drain(..IN_FLIGHT / 4) {
                    handle.await.expect("an append");
                }
            }
            handles.push_back(call(number as u64));
        }
        for handle in handles {
            handle.await.expect("an append");
        }
    };
    measured(records, async {
        spawn::task(appends).await.expect("a task")
    })
    .await
}

/// Appends so many records in a task, one after the other is acknowledged: the median of their latencies.
async fn awaited<F, T>(records: usize, mut call: impl FnMut(u64) -> F + Send + 'static) -> Figure
where
    F: Future<Output = Result<T>> + Send + 'static,
    T: Debug + Send,
{
    let appends = spawn::task(async move {
        let mut latencies = Vec::with_capacity(records);
        for number in 0..records {
            let begin = clock::now();
            call(number as u64).await.expect("an append");
            latencies.push(begin.elapsed());
        }
        latencies
    });
    of_latencies(appends.await.expect("a task"))
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
