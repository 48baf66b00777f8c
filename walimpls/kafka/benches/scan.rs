//! The backend's scanner beside the raw consumer's poll loop: one topic, the same read-ahead, from its first record to its
//! last, in turn.
//!
//! `WALX_KAFKA=127.0.0.1:9092 cargo bench -p walx-kafka --bench scan -- [ROUNDS]`
//!
//! Both look at each record's payload and its header `walx`; the scanner also decodes it, checks who wrote it and copies
//! the payload. The figures are medians, the ratios those of neighbouring rounds. CPU is that of the whole process,
//! librdkafka's threads included.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench prints its figures and ends where something fails"
)]

use std::future::poll_fn;
use std::hint::black_box;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header as KafkaHeader, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};
use rustix::time::{ClockId, clock_gettime};
use walx_core::{ChannelName, Config, Header, Kind, Lsn, Owner, Seq, Term, Tick};
use walx_helper::frame;
use walx_impls::{Claim, OpenerBuilderImpls, OpenerImpls, ScanOptions, Scanned, Start};
use walx_kafka::KafkaBuilder;
use walx_utility::{clock, random, spawn};

const PATIENCE: Duration = Duration::from_secs(60);
const READ_AHEAD: usize = 4 << 20;

/// What one round took.
#[derive(Clone, Copy)]
struct Round {
    per_second: f64,
    cpu_us: f64,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    // `cargo test --benches` only looks whether it runs.
    let quick = std::env::args().any(|arg| arg == "--test");
    let rounds = std::env::args().filter_map(|it| it.parse().ok()).next();
    let rounds: usize = rounds.unwrap_or(if quick { 1 } else { 9 });
    let broker = std::env::var("WALX_KAFKA").expect("WALX_KAFKA: the address of a broker");
    println!("catch-up scan, {READ_AHEAD} B read ahead, {rounds} rounds each, in turn; medians\n");
    for (bytes, records) in [(128, 1_000_000), (1_024, 300_000)] {
        let records = if quick { 2_000 } else { records };
        let bench = Bench::new(&broker, bytes, records).await;
        bench.run(rounds).await;
    }
}

struct Bench {
    broker: String,
    topic: String,
    channel: ChannelName,
    opener: std::sync::Arc<dyn OpenerImpls>,
    bytes: usize,
    records: usize,
}

impl Bench {
    async fn new(broker: &str, bytes: usize, records: usize) -> Self {
        let prefix = format!("bench{:016x}-", random::number());
        let config = Config::new().with("location", format!("{broker}/{prefix}"));
        let opener = KafkaBuilder.build(config).await.unwrap();
        let channel = ChannelName::new("scan").unwrap();
        // The topic is the backend's; its first message is the mark of this writer, whose number is 0.
        let wal = opener.open(&channel, Claim::TakeOver).await.unwrap();
        wal.close().await.unwrap();
        let bench = Self {
            broker: broker.to_owned(),
            topic: format!("{prefix}scan"),
            channel,
            opener,
            bytes,
            records,
        };
        bench.fill();
        bench
    }

    fn fill(&self) {
        let producer: ThreadedProducer<_> = self
            .client()
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "0")
            .set("queue.buffering.max.messages", "100000")
            .create()
            .unwrap();
        let payload = vec![b'x'; self.bytes];
        for seq in 0..self.records as u64 {
            let tick = Tick::from_unix_ms(1_700_000_000_000);
            let header = Header::new(Kind::Data, Owner::new(Term::FIRST), tick)
                .numbered(Seq::new(seq), Lsn::new(seq));
            let mut bytes = Vec::with_capacity(64);
            frame::encode_header(&header, &mut bytes);
            bytes.extend_from_slice(&0_u64.to_le_bytes());
            let value = Some(&bytes);
            let headers =
                OwnedHeaders::new_with_capacity(1).insert(KafkaHeader { key: "walx", value });
            let mut record = BaseRecord::<'_, (), [u8], ()>::to(&self.topic)
                .partition(0)
                .payload(&payload[..])
                .timestamp(1_700_000_000_000)
                .headers(headers);
            while let Err((_, back)) = producer.send(record) {
                record = back;
                std::thread::yield_now();
            }
        }
        producer.flush(PATIENCE).unwrap();
    }

    async fn run(&self, rounds: usize) {
        // The first ones warm up.
        self.poll().await;
        self.scan().await;
        let (mut polls, mut scans) = (Vec::new(), Vec::new());
        for round in 0..rounds {
            // Who goes first takes turns.
            if round % 2 == 0 {
                polls.push(self.poll().await);
                scans.push(self.scan().await);
            } else {
                scans.push(self.scan().await);
                polls.push(self.poll().await);
            }
        }
        let of = |rounds: &[Round]| {
            let speed = median(rounds.iter().map(|it| it.per_second / 1e3));
            (speed, median(rounds.iter().map(|it| it.cpu_us)))
        };
        let pairs = || scans.iter().zip(&polls);
        let ratio = median(pairs().map(|(scan, poll)| scan.per_second / poll.per_second));
        let above = median(pairs().map(|(scan, poll)| scan.cpu_us - poll.cpu_us));
        println!("{} B, {} records", self.bytes, self.records);
        for (name, (speed, cpu)) in [("raw poll loop", of(&polls)), ("walx scanner", of(&scans))] {
            println!("  {name:14} {speed:7.0} k/s  {cpu:5.2} us cpu/record");
        }
        println!("  ratio {ratio:.2}, cpu above the poll loop {above:+.2} us\n");
    }

    async fn scan(&self) -> Round {
        let reader = self.opener.open_read_only(&self.channel).await.unwrap();
        let (begun, cpu) = (clock::now(), cpu_time());
        let options = ScanOptions::new(READ_AHEAD);
        let mut scanner = reader.scan(Start::Earliest, options).await.unwrap();
        let mut seen = 0;
        while seen < self.records {
            let batch = poll_fn(|context| scanner.poll_batch(context))
                .await
                .unwrap();
            for item in batch {
                let Scanned::Record(record) = item else {
                    panic!("{item:?}");
                };
                black_box(record.record.payload.len() + record.record.header.flags.bits() as usize);
                seen += 1;
            }
        }
        self.round(begun.elapsed(), cpu_time() - cpu)
    }

    /// As programs read without walx.
    async fn poll(&self) -> Round {
        let mut config = self.client();
        config
            .set("group.id", "bench")
            .set("isolation.level", "read_uncommitted")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("queued.max.messages.kbytes", (READ_AHEAD >> 10).to_string());
        let (topic, records) = (self.topic.clone(), self.records);
        let polled = spawn::blocking(move || {
            let (begun, cpu) = (clock::now(), cpu_time());
            let consumer: BaseConsumer = config.create().unwrap();
            let mut from = TopicPartitionList::new();
            from.add_partition_offset(&topic, 0, Offset::Beginning)
                .unwrap();
            consumer.assign(&from).unwrap();
            let mut seen = 0;
            while seen < records {
                let message = consumer.poll(PATIENCE).expect("a record").unwrap();
                let header = message.headers().and_then(|headers| {
                    let header = headers.try_get(0)?;
                    (header.key == "walx").then_some(header.value?.len())
                });
                black_box(message.payload().map(<[u8]>::len));
                seen += usize::from(header.is_some());
            }
            let took = (begun.elapsed(), cpu_time() - cpu);
            // Its end is no part of it.
            spawn::blocking(move || drop(consumer)).detach();
            took
        });
        let (time, cpu) = polled.await.unwrap();
        self.round(time, cpu)
    }

    fn round(&self, time: Duration, cpu: Duration) -> Round {
        Round {
            per_second: self.records as f64 / time.as_secs_f64(),
            cpu_us: cpu.as_secs_f64() * 1e6 / self.records as f64,
        }
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.broker);
        config
    }
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
