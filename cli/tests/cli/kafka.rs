//! Every command on a store that needs a server: `WALX_KAFKA`, as `scripts/servers env` says.

use walx::impls::{Apart, OpenerBuilderImpls};
use walx::kafka::KafkaBuilder;
use walx::{ChannelName, Config};
use walx_testkit::server;

use crate::golden::Transcript;
use crate::program::{Program, Store, run};

/// A store that nobody else knows of, which is gone with what is handed out beside it.
fn apart(brokers: &str) -> (Store, Apart) {
    let config = Config::new().with("location", brokers);
    let runtime = runtime();
    let apart = runtime.block_on(KafkaBuilder.apart(config)).unwrap();
    let location = apart.config.get("location").unwrap();
    let store = Store::elsewhere(format!("kafka://{location}?accept=replication"));
    (store, apart)
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

/// Writes into the channel's topic as a program does that knows nothing of walx.
fn write_foreign(apart: &Apart, channel: &str, payload: &'static str) {
    let foreign = apart.foreign.as_ref().unwrap();
    let channel = ChannelName::new(channel).unwrap();
    let written = foreign(channel, payload.into());
    runtime().block_on(written).unwrap();
}

#[test]
fn the_commands_work_on_kafka_as_on_files() {
    let Some(brokers) = server("WALX_KAFKA") else {
        return;
    };
    let (store, apart) = apart(&brokers);
    let mut runs = Transcript::new("run-kafka.txt");
    runs.mask(store.uri(), "STORE");
    let location = apart.config.get("location").unwrap();
    runs.mask(location.rsplit('/').next().unwrap(), "PREFIX-");
    runs.note("nobody has written");
    runs.run(&store, &["ls", "STORE"]);
    runs.run(&store, &["tail", "STORE", "orders"]);
    runs.note("three records, and what others write into the topic");
    runs.run_on(&store, &["append", "STORE", "orders"], b"a\nb\n");
    write_foreign(&apart, "orders", "by others");
    write_foreign(&apart, "orders", "by others again");
    runs.run_on(&store, &["append", "STORE", "orders"], b"c\n");
    runs.run(&store, &["tail", "STORE", "orders"]);
    runs.run(&store, &["tail", "STORE", "orders", "--foreign"]);
    let table = ["tail", "STORE", "orders", "--output", "table", "--foreign"];
    runs.run(&store, &table);
    runs.run(&store, &["ls", "STORE", "--long"]);
    runs.run(&store, &["describe", "STORE", "orders"]);
    runs.run(&store, &["verify", "STORE"]);
    runs.run(&store, &["verify", "STORE", "--output", "json"]);
    runs.note("the first one goes");
    runs.run(&store, &["truncate", "STORE", "orders", "--until", "lsn:0"]);
    let truncate = ["truncate", "STORE", "orders", "--until", "lsn:0", "--yes"];
    runs.run(&store, &truncate);
    runs.run(&store, &["tail", "STORE", "orders", "--from", "lsn:0"]);
    runs.note("copies have the messages and nothing else");
    runs.run(&store, &["copy", "STORE", "orders", "STORE", "copy"]);
    runs.run(&store, &["tail", "STORE", "copy"]);
    runs.run(&store, &["diff", "STORE", "orders", "STORE", "copy"]);
    runs.end();
}

#[test]
fn a_channel_of_kafka_is_followed_while_another_process_appends() {
    let Some(brokers) = server("WALX_KAFKA") else {
        return;
    };
    let (store, _apart) = apart(&brokers);
    store.append("orders", b"0\n");
    let mut follower = Program::start(&["tail", &store.uri(), "orders", "--follow"]);
    assert_eq!(follower.line().unwrap(), b"0");
    for number in 1..4 {
        store.append("orders", format!("{number}\n").as_bytes());
        assert_eq!(follower.line().unwrap(), number.to_string().as_bytes());
    }
}

#[test]
fn a_demo_on_kafka_with_kills_ends_clean() {
    let Some(brokers) = server("WALX_KAFKA") else {
        return;
    };
    let (store, _apart) = apart(&brokers);
    let uri = store.uri();
    let arguments = ["demo", "--store", &uri, "--seconds", "10", "--kills", "2"];
    let done = run(&arguments, b"");
    let text = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.code, 0, "{text}{}", done.stderr);
    assert!(
        text.contains("2 writers killed") && text.contains("\nclean: "),
        "{text}"
    );
}
