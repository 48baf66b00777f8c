//! What the adaptor costs over the memory backend, with metrics and tracing on: `cargo bench -p walx-adaptor`.
//!
//! Durability: none (memory). Each figure is the median of several rounds of one run.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench ends with them, and prints"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use walx_adaptor::interceptor::{Chaos, Checksum, Compression, Encryption, Key, KeyRing, Trace};
use walx_core::{
    AppendContext, Bytes, CacheOption, ChannelInfo, ChannelName, End, Interceptor, Lsn, Message,
    MessageId, OpenOption, Opener, Owner, Place, PlacedMessage, ScanContext, ScanMode, ScanOption,
    Seq, Term, Tick, Wal,
};
use walx_memory::MemoryStore;
use walx_utility::{clock, random, spawn};

const ROUNDS: usize = 5;
const PAYLOAD: &[u8] = &[7; 128];

fn main() {
    // `cargo test --benches` only looks whether it runs.
    let quick = std::env::args().any(|arg| arg == "--test");
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let upkeep = recorder.handle();
    metrics::set_global_recorder(recorder).expect("the first recorder");
    spawn::thread("upkeep", move || {
        loop {
            std::thread::park_timeout(Duration::from_millis(200));
            upkeep.run_upkeep();
        }
    })
    .expect("a thread");
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        println!(
            "adaptor over the memory backend, 128 B, metrics and tracing on, durability: none"
        );
        let messages = if quick { 10_000 } else { 1_000_000 };
        append("no hooks", &[], messages).await;
        let light: [Arc<dyn Interceptor>; 2] = [Arc::new(Trace::new()), Arc::new(Chaos::new())];
        append("trace, chaos", &light, messages).await;
        hooks(messages / 10);
        scan_from_the_cache(if quick { 10_000 } else { 100_000 }).await;
        delivery(if quick { 100 } else { 3_000 }).await;
        fan_out(if quick { 200 } else { 5_000 }).await;
    });
}

/// One task appends, pipelined, and awaits each handle.
async fn append(chain: &str, hooks: &[Arc<dyn Interceptor>], messages: usize) {
    let mut rates = Vec::new();
    let mut costs = Vec::new();
    for _ in 0..ROUNDS {
        let wal = open_with(CacheOption::default(), hooks).await;
        let (start, cpu) = (clock::now(), cpu_time());
        let mut handles = VecDeque::with_capacity(1024);
        for _ in 0..messages {
            if handles.len() == 1024 {
                for handle in handles.drain(..512) {
                    let handle: walx_core::Append = handle;
                    handle.await.expect("an append");
                }
            }
            handles.push_back(wal.append(Message::new(Bytes::from_static(PAYLOAD))));
        }
        for handle in handles {
            handle.await.expect("an append");
        }
        rates.push(messages as f64 / start.elapsed().as_secs_f64());
        costs.push((cpu_time() - cpu).as_secs_f64() * 1e6 / messages as f64);
        wal.close().await.expect("a close");
    }
    println!(
        "append, pipelined, one task, {chain}: {:.0} appends/s, {:.2} us CPU an append",
        median(rates),
        median(costs)
    );
}

/// One scanner reads what the write-ahead cache holds.
async fn scan_from_the_cache(messages: usize) {
    let wal = open(CacheOption::new(1 << 30, Duration::from_secs(600))).await;
    fill(wal.as_ref(), messages).await;
    let mut rates = Vec::new();
    for _ in 0..ROUNDS * 4 {
        let mut scanner = wal
            .scan(ScanOption::earliest().until(End::Tail))
            .await
            .expect("a scanner");
        assert_eq!(scanner.mode(), ScanMode::Tailing);
        let start = clock::now();
        let mut seen = 0;
        loop {
            let batch = scanner.next_batch(1024).await.expect("a batch");
            if batch.is_empty() {
                break;
            }
            seen += batch.len();
        }
        assert_eq!(seen, messages);
        rates.push(messages as f64 / start.elapsed().as_secs_f64());
    }
    println!(
        "scan from the cache, next_batch(1024): {:.0} entries/s",
        median(rates)
    );
    wal.close().await.expect("a close");
}

/// From an acknowledgement to the delivery by a tailing scanner of the same process.
async fn delivery(messages: usize) {
    let wal = open(CacheOption::default()).await;
    let delivered = Arc::new(AtomicU64::new(0));
    let base = clock::now();
    let mut scanner = wal.scan(ScanOption::latest()).await.expect("a scanner");
    let told = Arc::clone(&delivered);
    let reader = spawn::task(async move {
        for _ in 0..messages {
            scanner.next_batch(1).await.expect("an entry");
            told.store(base.elapsed().as_nanos() as u64, Ordering::Release);
        }
    });
    let mut latencies = Vec::new();
    for _ in 0..messages {
        let before = delivered.load(Ordering::Acquire);
        wal.append(Message::new(Bytes::from_static(PAYLOAD)))
            .await
            .expect("an append");
        let acknowledged = base.elapsed().as_nanos() as u64;
        while delivered.load(Ordering::Acquire) == before {
            tokio::task::yield_now().await;
        }
        latencies.push(
            delivered
                .load(Ordering::Acquire)
                .saturating_sub(acknowledged) as f64
                / 1e3,
        );
    }
    reader.await.expect("the reader");
    println!(
        "delivery after the acknowledgement: {:.1} us (median; 0 = not after it)",
        median(latencies)
    );
    wal.close().await.expect("a close");
}

/// 64 tailing scanners at 10,000 appends a second.
async fn fan_out(milliseconds: u64) {
    let wal = open(CacheOption::default()).await;
    let total = Arc::new(AtomicU64::new(0));
    let mut readers = Vec::new();
    for _ in 0..64 {
        let mut scanner = wal.scan(ScanOption::latest()).await.expect("a scanner");
        let total = Arc::clone(&total);
        readers.push(spawn::task(async move {
            while let Ok(batch) = scanner.next_batch(1024).await {
                total.fetch_add(batch.len() as u64, Ordering::Relaxed);
            }
        }));
    }
    let (start, cpu) = (clock::now(), cpu_time());
    let mut appended = 0;
    while appended < milliseconds * 10 {
        let due = (start.elapsed().as_micros() as u64 / 100).min(milliseconds * 10);
        let handles: Vec<_> = (appended..due)
            .map(|_| wal.append(Message::new(Bytes::from_static(PAYLOAD))))
            .collect();
        for handle in handles {
            handle.await.expect("an append");
        }
        appended = due;
        clock::sleep(Duration::from_millis(1)).await;
    }
    let seconds = start.elapsed().as_secs_f64();
    let cores = (cpu_time() - cpu).as_secs_f64() / seconds;
    wal.close().await.expect("a close");
    for reader in readers {
        reader.await.expect("a reader");
    }
    assert_eq!(
        total.load(Ordering::Relaxed),
        appended * 64,
        "every scanner gets everything"
    );
    println!(
        "64 tailing scanners at {:.0} appends/s: {cores:.2} cores in all",
        appended as f64 / seconds
    );
}

async fn open(cache: CacheOption) -> Arc<dyn Wal> {
    open_with(cache, &[]).await
}

async fn open_with(cache: CacheOption, hooks: &[Arc<dyn Interceptor>]) -> Arc<dyn Wal> {
    let store = MemoryStore::new();
    let name = walx_core::BackendName::constant("memory");
    let opener: Arc<dyn Opener> = walx_adaptor::adapt_opener(name, store.opener());
    let option = OpenOption::try_from("bench")
        .expect("a name")
        .with_cache(cache);
    let hooks = hooks.iter().cloned();
    let option = hooks.fold(option, OpenOption::with_interceptor);
    opener.open(option).await.expect("a wal")
}

async fn fill(wal: &dyn Wal, messages: usize) {
    let handles: Vec<_> = (0..messages)
        .map(|_| wal.append(Message::new(Bytes::from_static(PAYLOAD))))
        .collect();
    for handle in handles {
        handle.await.expect("an append");
    }
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// What one message costs in each hook, by itself: `before`, `after` and `scan`, called as the chain calls them.
fn hooks(messages: usize) {
    let keys = KeyRing::new("bench", Key::new([7; 32])).expect("a ring");
    let all: Vec<(Arc<dyn Interceptor>, bool)> = vec![
        (Arc::new(Trace::new()), true),
        (Arc::new(Chaos::new()), true),
        (Arc::new(Checksum::new()), false),
        (Arc::new(Compression::lz4()), false),
        #[cfg(feature = "zstd")]
        (Arc::new(Compression::zstd(3).expect("a level")), false),
        (Arc::new(Encryption::new(keys)), false),
    ];
    let large = words(1 << 20);
    for (hook, is_light) in all {
        let small = through(&hook, messages, &Bytes::from_static(PAYLOAD));
        let large = through(&hook, messages.div_ceil(10_000), &large);
        let name = hook.name();
        let us = |time: Duration| time.as_secs_f64() * 1e6;
        println!(
            "hook {name}: 128 B {:.3} us in, {:.3} us out; 1 MiB {:.0} us in, {:.0} us out",
            us(small.0),
            us(small.1),
            us(large.0),
            us(large.1)
        );
        if is_light && cfg!(not(debug_assertions)) {
            assert!(small.0 + small.1 < Duration::from_nanos(100), "{name}");
        }
    }
}

/// So many bytes of words by chance, the same each time.
fn words(bytes: usize) -> Bytes {
    let mut chance = random::Stream::seeded(1);
    let words: Vec<u64> = (0..4096).map(|_| chance.number()).collect();
    let mut all = Vec::with_capacity(bytes + 16);
    while all.len() < bytes {
        let word = words[chance.within(0..4096) as usize];
        all.extend(format!("{:x} ", word >> (word % 48)).bytes());
    }
    all.truncate(bytes);
    all.into()
}

/// The time of a message on its way in, and on its way out.
fn through(hook: &Arc<dyn Interceptor>, messages: usize, payload: &Bytes) -> (Duration, Duration) {
    let channel = ChannelName::new("bench").expect("a name");
    let channel = ChannelInfo::read_write(channel, Term::FIRST);
    let owner = Owner::new(Term::FIRST);
    let id = MessageId::from_u64(walx_core::BackendName::constant("memory"), 0);
    let place = Place::new(id, Lsn::ZERO, Tick::ZERO, owner);
    let (mut before, mut scan) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let fresh = || Message::new(payload.clone());
        let mut all: Vec<_> = (0..messages).map(|_| fresh()).collect();
        let context = AppendContext::new(&channel, owner, payload.len(), 0);
        let start = clock::now();
        for message in &mut all {
            hook.before(&context, message).expect("a message");
            hook.after(&context, &Ok(place));
        }
        before.push(start.elapsed().as_secs_f64());
        let place = |message| PlacedMessage::new(place, message, Seq::ZERO, None);
        let mut all: Vec<_> = all.into_iter().map(place).collect();
        let context = ScanContext::new(&channel);
        let start = clock::now();
        for placed in &mut all {
            hook.scan(&context, placed).expect("a message");
        }
        scan.push(start.elapsed().as_secs_f64());
        let same = all.iter().all(|it| it.message == fresh());
        assert!(same, "what comes out went in");
    }
    let each = |times| Duration::from_secs_f64(median(times) / messages as f64);
    (each(before), each(scan))
}
