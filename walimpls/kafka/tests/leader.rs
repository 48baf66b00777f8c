//! Three brokers under load, whose leader is killed with SIGKILL ten times: `WALX_KAFKA3`, processes of `scripts/servers`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends with them, and prints its figures"
)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use walx_core::Config;
use walx_kafka::KafkaBuilder;
use walx_testkit::load::Load;
use walx_testkit::{Failure, Outcome, server};
use walx_utility::{clock, random, spawn};

/// So often the leader is killed.
const KILLS: usize = 10;
/// How long the brokers may take until all copies are there again.
const WHOLE: Duration = Duration::from_secs(90);
const PREFIX: &str = "leader-";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_killed_ten_times_takes_nothing_with_it() {
    let Some(brokers) = server("WALX_KAFKA3") else {
        return;
    };
    let config = Config::new().with("location", format!("{brokers}/{PREFIX}"));
    let config = config.with("replication", "3").with("min_insync", "2");
    let load = Load::new(Arc::new(KafkaBuilder), config).with_patience(Duration::from_secs(120));
    let topic = Arc::new(Topic::new(brokers, load.channel().as_str()));
    let report = load
        .run(KILLS, async |round| {
            clock::sleep(Duration::from_millis(random::within(0..=500))).await;
            let victim = off_the_runtime(&topic, Topic::leader).await?;
            let killed = clock::now();
            servers("kill", &victim).await?;
            let next = off_the_runtime(&topic, {
                let victim = victim.clone();
                move |topic| topic.other_leader(&victim)
            });
            let next = next.await?;
            let elected = killed.elapsed();
            servers("restart", &victim).await?;
            off_the_runtime(&topic, Topic::becomes_whole).await?;
            println!(
                "kill {round}: {victim} led; {next} after {elected:?}; all copies after {:?}",
                killed.elapsed()
            );
            Ok(())
        })
        .await;
    println!("{}", report.unwrap());
}

/// What the brokers say of a topic.
struct Topic {
    asker: BaseConsumer,
    /// Where the brokers are, in the order of their processes.
    places: Vec<String>,
    name: String,
}

impl Topic {
    fn new(brokers: String, channel: &str) -> Self {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &brokers);
        Self {
            asker: client.create().unwrap(),
            places: brokers.split(',').map(str::to_owned).collect(),
            name: format!("{PREFIX}{channel}"),
        }
    }

    /// The process that leads, and how many copies are in sync.
    fn look(&self) -> Option<(String, usize)> {
        let wait = Duration::from_secs(2);
        let found = self.asker.fetch_metadata(Some(&self.name), wait).ok()?;
        let partition = found.topics().first()?.partitions().first()?;
        let leader = found
            .brokers()
            .iter()
            .find(|it| it.id() == partition.leader())?;
        let place = format!("{}:{}", leader.host(), leader.port());
        let number = self.places.iter().position(|it| *it == place)? + 1;
        Some((format!("kafka3-{number}"), partition.isr().len()))
    }

    fn until<T>(&self, what: &str, found: impl Fn((String, usize)) -> Option<T>) -> Outcome<T> {
        let begin = clock::now();
        while begin.elapsed() < WHOLE {
            if let Some(found) = self.look().and_then(&found) {
                return Ok(found);
            }
            pause();
        }
        Err(Failure::new(format!("{what} for {WHOLE:?}")))
    }

    fn leader(&self) -> Outcome<String> {
        self.until("nobody leads", |(leader, _)| Some(leader))
    }

    fn other_leader(&self, victim: &str) -> Outcome<String> {
        self.until("nobody else leads", |(leader, _)| {
            Some(leader).filter(|it| it != victim)
        })
    }

    fn becomes_whole(&self) -> Outcome {
        self.until("a copy is missing", |(_, copies)| {
            (copies == 3).then_some(())
        })
    }
}

/// What the client does may take its time.
async fn off_the_runtime<T: Send + 'static>(
    topic: &Arc<Topic>,
    look: impl FnOnce(&Topic) -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    let topic = Arc::clone(topic);
    spawn::blocking(move || look(&topic)).await.unwrap()
}

/// Asks `scripts/servers` to do something to a broker.
async fn servers(what: &'static str, process: &str) -> Outcome {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/servers");
    let mut command = Command::new(script);
    command.args([what, process]);
    let done = spawn::blocking(move || command.output()).await.unwrap();
    let done = done.map_err(|error| Failure::new(format!("scripts/servers {what}: {error}")))?;
    match done.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&done.stderr);
            Err(Failure::new(format!("scripts/servers {what}: {said}")))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the thread is there to block")]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}
