//! The backend's writer beside the raw client: same broker, same settings, same header bytes, 10,000 appends in flight.
//!
//! `WALX_KAFKA=127.0.0.1:9092 cargo bench -p walx-kafka --bench raw -- [ROUNDS]`
//!
//! Rounds alternate; the figures are medians, the ratios those of neighbouring rounds. CPU is that of the whole process,
//! librdkafka's threads included.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench prints its figures and ends where something fails"
)]

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::thread::{self, Thread};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::message::{DeliveryResult, Header as KafkaHeader, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use walx_core::{Bytes, ChannelName, Config, Header, Kind, Lsn, Owner, Record, Seq, Term, Tick};
use walx_helper::frame;
use walx_impls::{Appending, Batch, Claim, OpenerBuilderImpls, OpenerImpls, WalImpls};
use walx_kafka::KafkaBuilder;
use walx_utility::clock::{self, Instant};
use walx_utility::random;

const IN_FLIGHT: usize = 10_000;

/// What one round took.
#[derive(Clone, Copy)]
struct Round {
    per_second: f64,
    cpu_us: f64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let rounds = std::env::args().filter_map(|it| it.parse().ok()).next();
    let rounds: usize = rounds.unwrap_or(9);
    let broker = std::env::var("WALX_KAFKA").expect("WALX_KAFKA: the address of a broker");
    println!(
        "append, {IN_FLIGHT} in flight, acks=all, one copy, acknowledged from the broker's page cache"
    );
    println!("{rounds} rounds each, alternating; medians (range of the ratio)\n");
    for (bytes, records) in [(128, 400_000), (1_024, 150_000)] {
        let bench = Bench::new(&broker, bytes, records).await;
        bench.run(rounds).await;
        bench.latency().await;
    }
}

struct Bench {
    payload: Bytes,
    records: usize,
    topic: String,
    raw: ThreadedProducer<Landing>,
    landing: Arc<Shared>,
    wal: Arc<dyn WalImpls>,
    /// Its end would end the wal.
    _opener: Arc<dyn OpenerImpls>,
}

impl Bench {
    async fn new(broker: &str, bytes: usize, records: usize) -> Self {
        let prefix = format!("bench{:016x}-", random::number());
        let config = Config::new().with("location", format!("{broker}/{prefix}"));
        let opener = KafkaBuilder.build(config).await.unwrap();
        let name = |name| ChannelName::new(name).unwrap();
        let wal = opener.open(&name("wal"), Claim::TakeOver).await.unwrap();
        // Its topic is made by the backend, so that both have the same settings.
        let other = opener.open(&name("raw"), Claim::TakeOver).await.unwrap();
        other.close().await.unwrap();
        let topic = format!("{prefix}raw");
        let landing = Arc::new(Shared::default());
        let raw = raw(broker, &topic, &landing);
        Self {
            payload: vec![b'x'; bytes].into(),
            records,
            topic,
            raw,
            landing,
            wal,
            _opener: opener,
        }
    }

    async fn run(&self, rounds: usize) {
        // The first ones warm up.
        self.append_raw();
        self.append_wal().await;
        let (mut raws, mut wals) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            raws.push(self.append_raw());
            wals.push(self.append_wal().await);
        }
        let mut ratios: Vec<_> = raws
            .iter()
            .zip(&wals)
            .map(|(raw, wal)| wal.per_second / raw.per_second)
            .collect();
        let mut above: Vec<_> = raws
            .iter()
            .zip(&wals)
            .map(|(raw, wal)| wal.cpu_us - raw.cpu_us)
            .collect();
        let speed =
            |rounds: &[Round]| median(rounds.iter().map(|it| it.per_second / 1e3).collect());
        let cpu = |rounds: &[Round]| median(rounds.iter().map(|it| it.cpu_us).collect());
        println!("{} B", self.payload.len());
        println!(
            "  raw client   {:7.0} k/s  {:5.2} us cpu/record",
            speed(&raws),
            cpu(&raws)
        );
        println!(
            "  walx-kafka   {:7.0} k/s  {:5.2} us cpu/record",
            speed(&wals),
            cpu(&wals)
        );
        ratios.sort_by(f64::total_cmp);
        above.sort_by(f64::total_cmp);
        println!(
            "  ratio {:.2} ({:.2} to {:.2}), cpu above raw {:.2} us ({:.2} to {:.2})",
            ratios[rounds / 2],
            ratios[0],
            ratios[rounds - 1],
            above[rounds / 2],
            above[0],
            above[rounds - 1],
        );
    }

    /// One append at a time.
    async fn latency(&self) {
        let (mut raws, mut wals) = (Vec::new(), Vec::new());
        for number in 0..4_000 {
            let started = clock::now();
            self.send(number);
            self.landing.wait_below(1);
            raws.push((clock::now() - started).as_secs_f64() * 1e6);
            let started = clock::now();
            self.wal.append(self.record(number)).await.unwrap();
            wals.push((clock::now() - started).as_secs_f64() * 1e6);
        }
        let (raw, wal) = (median(raws), median(wals));
        println!(
            "  one at a time: raw {raw:.0} us, walx-kafka {wal:.0} us, ratio {:.2}\n",
            wal / raw
        );
    }

    fn append_raw(&self) -> Round {
        let begun = Begun::now();
        for number in 0..self.records {
            self.landing.wait_below(IN_FLIGHT);
            self.send(number as u64);
        }
        self.landing.wait_below(1);
        begun.end(self.records)
    }

    fn send(&self, number: u64) {
        let record = self.record(number);
        let header = &record.as_slice()[0].header;
        let mut walx = Vec::with_capacity(128);
        frame::encode_header(header, &mut walx);
        walx.extend_from_slice(&0_u64.to_le_bytes());
        let headers = OwnedHeaders::new_with_capacity(1).insert(KafkaHeader {
            key: "walx",
            value: Some(&walx),
        });
        let message = BaseRecord::<(), [u8], usize>::with_opaque_to(&self.topic, number as usize)
            .partition(0)
            .payload(&self.payload)
            .timestamp(header.tick.unix_ms() as i64)
            .headers(headers);
        self.landing.flying.fetch_add(1, Ordering::SeqCst);
        let sent = self.raw.send(message);
        sent.map_err(|(error, _)| error).unwrap();
    }

    async fn append_wal(&self) -> Round {
        let begun = Begun::now();
        let mut calls = VecDeque::with_capacity(IN_FLIGHT);
        for number in 0..self.records {
            if calls.len() == IN_FLIGHT {
                take(&mut calls).await;
            }
            calls.push_back(self.wal.append(self.record(number as u64)));
        }
        while !calls.is_empty() {
            take(&mut calls).await;
        }
        begun.end(self.records)
    }

    fn record(&self, number: u64) -> Batch<Record> {
        let tick = Tick::from_unix_ms(1_800_000_000_000 + number / 1_000);
        let header = Header::new(Kind::Data, Owner::new(Term::FIRST), tick);
        let header = header.numbered(Seq::new(number), Lsn::new(number));
        let mut record = Record::marker(header);
        record.payload = self.payload.clone();
        Batch::One(record)
    }
}

/// Waits for the oldest ones, and takes what is answered.
async fn take(calls: &mut VecDeque<Appending>) {
    poll_fn(|context| {
        let mut taken = 0;
        while let Some(call) = calls.front_mut() {
            match Pin::new(call).poll(context) {
                Poll::Ready(answer) => {
                    answer.unwrap();
                    calls.pop_front();
                    taken += 1;
                }
                Poll::Pending if taken == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(())
    })
    .await;
}

/// The client as the backend has it, with its own polling thread.
fn raw(broker: &str, topic: &str, landing: &Arc<Shared>) -> ThreadedProducer<Landing> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", broker)
        .set("transactional.id", topic)
        .set("transaction.timeout.ms", "900000")
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "0")
        .set("max.in.flight.requests.per.connection", "5")
        .set("message.max.bytes", (1 << 20).to_string())
        .set("queue.buffering.max.messages", "0")
        .set("queue.buffering.max.kbytes", "2147483647");
    let raw: ThreadedProducer<Landing> = config
        .create_with_context(Landing(Arc::clone(landing)))
        .unwrap();
    raw.init_transactions(Duration::from_secs(10)).unwrap();
    raw.begin_transaction().unwrap();
    raw
}

struct Landing(Arc<Shared>);

/// How many are on their way, and who waits for fewer.
#[derive(Default)]
struct Shared {
    flying: AtomicUsize,
    waits: AtomicBool,
    waiting: std::sync::Mutex<Option<Thread>>,
}

impl ClientContext for Landing {}

impl ProducerContext for Landing {
    type DeliveryOpaque = usize;

    fn delivery(&self, report: &DeliveryResult<'_>, _: usize) {
        assert!(report.is_ok());
        self.0.flying.fetch_sub(1, Ordering::SeqCst);
        if self.0.waits.swap(false, Ordering::SeqCst)
            && let Some(thread) = &*self.0.waiting.lock().unwrap()
        {
            thread.unpark();
        }
    }
}

impl Shared {
    fn wait_below(&self, most: usize) {
        while self.flying.load(Ordering::SeqCst) >= most {
            *self.waiting.lock().unwrap() = Some(thread::current());
            self.waits.store(true, Ordering::SeqCst);
            if self.flying.load(Ordering::SeqCst) >= most {
                thread::park();
            }
        }
    }
}

struct Begun {
    at: Instant,
    cpu: Duration,
}

impl Begun {
    fn now() -> Self {
        let (at, cpu) = (clock::now(), cpu());
        Self { at, cpu }
    }

    fn end(&self, records: usize) -> Round {
        let took = clock::now() - self.at;
        let cpu = cpu() - self.cpu;
        Round {
            per_second: records as f64 / took.as_secs_f64(),
            cpu_us: cpu.as_secs_f64() * 1e6 / records as f64,
        }
    }
}

/// The time that all threads of the process have used, to 10 ms.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|it| it.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
