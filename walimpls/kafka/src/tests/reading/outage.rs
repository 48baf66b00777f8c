//! Brokers that can't be reached for a while, or for good.

use std::time::Duration;

use tokio::sync::MutexGuard;
use walx_core::ErrorKind;
use walx_impls::{ScanOptions, Start};
use walx_testkit::faults::proxy::Proxy;
use walx_testkit::server;
use walx_utility::clock;

use super::bed::{Bed, PATIENCE};
use crate::config::KafkaConfig;
use crate::tests::{LINE, here};

/// A reader through a proxy, and a producer straight at the broker.
struct Through {
    reading: Bed,
    straight: Bed,
    proxy: Proxy,
    _one_at_a_time: MutexGuard<'static, ()>,
}

impl Through {
    /// `None` where the run does without a broker.
    async fn with(change: impl FnOnce(&mut KafkaConfig)) -> Option<Self> {
        let (mut config, addresses) = (here()?, server("WALX_KAFKA_PROXIED")?);
        let _one_at_a_time = LINE.lock().await;
        let (listen, broker) = addresses.split_once(',').unwrap();
        let (listen, broker) = (listen.parse().unwrap(), broker.parse().unwrap());
        let deadline = clock::now() + PATIENCE;
        let proxy = loop {
            match Proxy::start_at(listen, broker).await {
                Ok(proxy) => break proxy,
                // Another process has it.
                Err(error) => assert!(clock::now() < deadline, "{listen}: {error}"),
            }
            clock::sleep(Duration::from_millis(50)).await;
        };
        let straight = Bed::of(config.clone()).await;
        change(&mut config);
        let prefix = config.location.prefix().to_owned();
        config.location = format!("{listen}/{prefix}").parse().unwrap();
        Some(Self {
            reading: Bed::of(config).await,
            straight,
            proxy,
            _one_at_a_time,
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_behind_an_outage_without_loss_or_repetition() {
    let Some(through) = Through::with(|_| {}).await else {
        return;
    };
    let line = through.straight.line();
    let writer = line.mark();
    let mut reader = through.reading.scan(Start::Earliest).await.unwrap();
    for round in 0..6 {
        let offsets = line.records(round * 300..round * 300 + 200, writer);
        assert_eq!(reader.record().await, offsets[0]);
        match round % 3 {
            0 => _ = through.proxy.cut(),
            1 => _ = through.proxy.cut().refuse(),
            _ => _ = through.proxy.close(),
        }
        let more = line.records(round * 300 + 200..(round + 1) * 300, writer);
        clock::sleep(Duration::from_millis(100)).await;
        through.proxy.resume();
        for offset in offsets[1..].iter().chain(&more) {
            assert_eq!(reader.record().await, *offset, "round {round}");
        }
    }
    assert!(reader.is_silent().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_that_lasts_too_long_ends_a_reader_as_unavailable() {
    for stalled in [false, true] {
        let short = |config: &mut KafkaConfig| {
            config.read_timeout = Duration::from_secs(1).into();
            config.timeout = Duration::from_secs(1).into();
        };
        let Some(through) = Through::with(short).await else {
            return;
        };
        let line = through.straight.line();
        let writer = line.mark();
        let offsets = line.records(0..3, writer);
        let mut reader = through.reading.scan(Start::Earliest).await.unwrap();
        for offset in offsets {
            assert_eq!(reader.record().await, offset);
        }
        assert!(reader.is_silent().await);
        if stalled {
            through.proxy.stall();
        } else {
            through.proxy.cut().refuse();
        }
        let began = clock::now();
        let error = reader.next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        println!(
            "stalled: {stalled}: ended after {:?}: {error}",
            began.elapsed()
        );
        let options = ScanOptions::default();
        let error = through.reading.scan_with(Start::Earliest, options).await;
        assert_eq!(error.err().unwrap().kind(), ErrorKind::Unavailable);
        through.proxy.resume();
        let mut again = through.reading.scan(Start::Earliest).await;
        let deadline = clock::now() + PATIENCE;
        while again.is_err() && clock::now() < deadline {
            again = through.reading.scan(Start::Earliest).await;
        }
        again.unwrap().record().await;
    }
}
