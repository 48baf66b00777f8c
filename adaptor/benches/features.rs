//! What the adaptor costs above the bare backend's call, and how soon a tailing scanner has an entry while transactions
//! and filters are on: `cargo bench -p walx-adaptor --bench features`.
//!
//! Durability: none (memory). Each figure is the median of several rounds of one run, bare and whole in turn.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench ends with them, and prints"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use walx_core::{
    Bytes, ChannelName, Entry, Error, Header, Kind, Lsn, Message, OpenOption, Owner, Record,
    ScanOption, Seq, Term, Tick, TransactionOption, VirtualChannel, Wal,
};
use walx_impls::{Batch, Claim};
use walx_memory::MemoryStore;
use walx_utility::{clock, spawn};

const ROUNDS: usize = 7;
const PAYLOAD: &[u8] = &[7; 128];

fn main() {
    // `cargo test --benches` only looks whether it runs.
    let quick = std::env::args().any(|arg| arg == "--test");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        println!("memory backend, 128 B, durability: none");
        above_the_bare_call(if quick { 10_000 } else { 1_000_000 }).await;
        delivery_beside_transactions(if quick { 100 } else { 5_000 }).await;
    });
}

/// CPU of all threads for an append through the wal, and for the backend's own one.
async fn above_the_bare_call(messages: usize) {
    let (mut bare, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bare.push(bare_calls(messages).await);
        whole.push(appends(messages).await);
    }
    let (bare, whole) = (median(bare), median(whole));
    println!(
        "CPU an append, pipelined: bare call {bare:.2} us, wal {whole:.2} us, above it {:.2} us",
        whole - bare
    );
}

async fn bare_calls(messages: usize) -> f64 {
    let store = MemoryStore::new();
    let channel = ChannelName::new("bench").expect("a name");
    let opener = store.opener();
    let wal = opener.open(&channel, Claim::TakeOver).await.expect("a wal");
    let record = |i: u64| {
        let header = Header::new(Kind::Data, Owner::new(Term::FIRST), Tick::new(i));
        let message = Message::new(Bytes::from_static(PAYLOAD));
        Record::data(header.numbered(Seq::new(i), Lsn::new(i)), message)
    };
    let append = |i| wal.append(Batch::One(record(i)));
    pipelined(messages, append).await
}

async fn appends(messages: usize) -> f64 {
    let wal = open().await;
    let append = |_| wal.append(Message::new(Bytes::from_static(PAYLOAD)));
    pipelined(messages, append).await
}

/// Microseconds of CPU a call, where at most 1024 wait for their answers.
async fn pipelined<F, T>(messages: usize, append: impl Fn(u64) -> F) -> f64
where
    F: Future<Output = Result<T, Error>>,
{
    let cpu = cpu_time();
    let mut handles: VecDeque<F> = VecDeque::with_capacity(1024);
    for i in 0..messages as u64 {
        if handles.len() == 1024 {
            for handle in handles.drain(..512) {
                handle.await.expect("an append");
            }
        }
        handles.push_back(append(i));
    }
    for handle in handles {
        handle.await.expect("an append");
    }
    (cpu_time() - cpu).as_secs_f64() * 1e6 / messages as f64
}

/// From the acknowledgement of a commit, or of a message, to the delivery by a scanner of one stream, while others are
/// written to and other transactions are open.
async fn delivery_beside_transactions(entries: usize) {
    let wal = open().await;
    let (mine, other) = (stream("mine"), stream("other"));
    let base = clock::now();
    // Nobody spins: a spinning thread would take a core from the reader.
    let (told, mut delivered) = tokio::sync::mpsc::channel(1);
    let option = ScanOption::latest().with_virtual_channel(mine.clone());
    let mut scanner = wal.scan(option).await.expect("a scanner");
    let reader = spawn::task(async move {
        for _ in 0..entries {
            let batch = scanner.next_batch(1).await.expect("an entry");
            assert!(!matches!(batch[0], Entry::Gap(_)));
            let at = base.elapsed().as_nanos() as u64;
            told.send(at).await.expect("the appender");
        }
    });
    let of =
        |stream: &VirtualChannel| TransactionOption::new().with_virtual_channel(stream.clone());
    let _open = wal.begin(of(&mine)).expect("a transaction");
    let message = || Message::new(Bytes::from_static(PAYLOAD));
    let mut late = Vec::new();
    for i in 0..entries {
        drop(wal.append(message().with_virtual_channel(other.clone())));
        let end = if i % 2 == 0 {
            let transaction = wal.begin(of(&mine)).expect("a transaction");
            for _ in 0..3 {
                drop(transaction.append(message()));
            }
            transaction.commit()
        } else {
            wal.append(message().with_virtual_channel(mine.clone()))
        };
        end.await.expect("an append");
        let acknowledged = base.elapsed().as_nanos() as u64;
        let at: u64 = delivered.recv().await.expect("the reader");
        let after = at.saturating_sub(acknowledged);
        late.push(after as f64 / 1e3);
    }
    reader.await.expect("the reader");
    late.sort_by(f64::total_cmp);
    println!(
        "delivery after the acknowledgement, with transactions and a filter: median {:.1} us, p99 {:.1} us",
        late[late.len() / 2],
        late[late.len() * 99 / 100]
    );
}

fn stream(name: &str) -> VirtualChannel {
    VirtualChannel::new(name).expect("a name")
}

async fn open() -> Arc<dyn Wal> {
    let store = MemoryStore::new();
    let name = walx_core::BackendName::constant("memory");
    let opener = walx_adaptor::adapt_opener(name, store.opener());
    let option = OpenOption::try_from("bench").expect("a name");
    opener.open(option).await.expect("a wal")
}

fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
