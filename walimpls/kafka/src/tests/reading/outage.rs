//! Brokers that can't be reached for a while, or for good.

use std::time::Duration;

use walx_core::ErrorKind;
use walx_impls::{ScanOptions, Start};
use walx_utility::clock;

use super::bed::{Bed, PATIENCE};
use crate::config::KafkaConfig;
use crate::tests::here;
use crate::tests::line::Proxied;

/// A reader through a proxy, and a producer straight at the broker.
struct Through {
    reading: Bed,
    straight: Bed,
    proxied: Proxied,
}

impl Through {
    /// `None` where the run does without a broker.
    async fn with(change: impl FnOnce(&mut KafkaConfig)) -> Option<Self> {
        let (mut config, proxied) = (here()?, Proxied::start().await?);
        let straight = Bed::of(config.clone()).await;
        change(&mut config);
        Some(Self {
            reading: Bed::of(proxied.reach(config)).await,
            straight,
            proxied,
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
            0 => _ = through.proxied.proxy.cut(),
            1 => _ = through.proxied.proxy.cut().refuse(),
            _ => _ = through.proxied.proxy.close(),
        }
        let more = line.records(round * 300 + 200..(round + 1) * 300, writer);
        clock::sleep(Duration::from_millis(100)).await;
        through.proxied.proxy.resume();
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
            through.proxied.proxy.stall();
        } else {
            through.proxied.proxy.cut().refuse();
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
        through.proxied.proxy.resume();
        let mut again = through.reading.scan(Start::Earliest).await;
        let deadline = clock::now() + PATIENCE;
        while again.is_err() && clock::now() < deadline {
            again = through.reading.scan(Start::Earliest).await;
        }
        again.unwrap().record().await;
    }
}
