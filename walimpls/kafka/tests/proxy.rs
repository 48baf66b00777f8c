//! A line between walx and the broker that is cut, stalled and half-open at random moments: `WALX_KAFKA_PROXIED`, a listener
//! of the broker that tells clients to connect to where this test has its proxy.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends with them, and prints its figures"
)]

use std::sync::Arc;
use std::time::Duration;

use walx_core::Config;
use walx_kafka::KafkaBuilder;
use walx_testkit::faults::proxy::{Proxy, Way};
use walx_testkit::load::Load;
use walx_testkit::{Outcome, server};
use walx_utility::{clock, random};

/// So often the line is disturbed.
const ROUNDS: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_that_is_cut_and_stalled_at_random_moments_loses_nothing() {
    let Some(place) = server("WALX_KAFKA_PROXIED") else {
        return;
    };
    let (listen, broker) = place.split_once(',').unwrap();
    let proxy = Proxy::start_at(listen.parse().unwrap(), broker.parse().unwrap());
    let proxy = proxy.await.unwrap();
    let config = Config::new().with("location", format!("{listen}/proxy-"));
    let load = Load::new(Arc::new(KafkaBuilder), config).with_between(Duration::from_millis(500));
    let report = load
        .run(ROUNDS, async |round| disturb(&proxy, round).await)
        .await;
    println!("{}", report.unwrap());
    println!(
        "{} connections, {} bytes to the broker, {} back",
        proxy.connections(),
        proxy.forwarded(Way::ToServer),
        proxy.forwarded(Way::ToClient)
    );
    assert!(proxy.connections() > ROUNDS as u64);
}

/// One disturbance, and what was disturbed: each way of it once in six.
async fn disturb(proxy: &Proxy, round: usize) -> Outcome {
    clock::sleep(Duration::from_millis(random::within(0..=300))).await;
    let long = Duration::from_millis(random::within(100..=1500));
    let what = match round % 6 {
        0 => {
            proxy.cut();
            "all connections are reset".to_owned()
        }
        1 => {
            proxy.stall();
            clock::sleep(long).await;
            proxy.cut().resume();
            format!("nothing goes through for {long:?}, then all connections are reset")
        }
        2 => {
            proxy.stall_way(Way::ToClient);
            clock::sleep(long).await;
            proxy.cut().resume();
            format!("answers get lost for {long:?}, then all connections are reset")
        }
        3 => {
            proxy.refuse().cut();
            clock::sleep(long).await;
            proxy.resume();
            format!("the broker can't be reached for {long:?}")
        }
        4 => {
            proxy.stall();
            clock::sleep(long).await;
            proxy.resume();
            format!("nothing goes through for {long:?}")
        }
        _ => {
            // In the midst of what is on its way.
            for _ in 0..5 {
                proxy.cut();
                clock::sleep(Duration::from_millis(random::within(1..=60))).await;
            }
            "all connections are reset, five times".to_owned()
        }
    };
    println!("disturbance {round}: {what}");
    Ok(())
}
