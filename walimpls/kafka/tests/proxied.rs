//! What every backend promises, put to the test over a line that is disturbed all the time: `WALX_KAFKA_PROXIED`, a
//! listener of the broker that tells clients to connect to where this test has its proxy.
#![expect(clippy::unwrap_used, reason = "a test ends with them")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use walx_core::Config;
use walx_kafka::KafkaBuilder;
use walx_testkit::faults::proxy::Proxy;
use walx_testkit::server;
use walx_utility::{clock, random, spawn};

const NAME: &str = "WALX_KAFKA_PROXIED";

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    if let Some(place) = server(NAME) {
        runtime.block_on(async { spawn::task(disturb(place)).detach() });
    }
    walx_testkit::main_on_server("kafka", NAME, Arc::new(KafkaBuilder), |place| {
        let (listen, _) = place.split_once(',').unwrap();
        Config::new().with("location", listen)
    })
}

/// Cuts all connections, or has nothing go through for a moment, again and again.
async fn disturb(place: String) {
    let (listen, broker) = place.split_once(',').unwrap();
    let proxy = Proxy::start_at(listen.parse().unwrap(), broker.parse().unwrap());
    let proxy = proxy.await.unwrap();
    loop {
        clock::sleep(Duration::from_millis(random::within(200..=2_000))).await;
        if random::within(0..=1) == 0 {
            proxy.cut();
        } else {
            proxy.stall();
            clock::sleep(Duration::from_millis(random::within(10..=150))).await;
            proxy.resume();
        }
    }
}
