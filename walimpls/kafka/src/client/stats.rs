use std::sync::Mutex;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use rdkafka::statistics::{Broker, Statistics};
use walx_utility::metric::{
    KAFKA_CONNECTS_TOTAL, KAFKA_QUEUE_BYTES, KAFKA_QUEUE_MESSAGES, KAFKA_READER_LAG,
    KAFKA_RECEIVED_BYTES_TOTAL, KAFKA_REQUEST_ERRORS_TOTAL, KAFKA_REQUEST_RETRIES_TOTAL,
    KAFKA_REQUEST_TIMEOUTS_TOTAL, KAFKA_REQUESTS_TOTAL, KAFKA_ROUND_TRIP_SECONDS,
    KAFKA_SENT_BYTES_TOTAL, KAFKA_THROTTLE_SECONDS,
};
use walx_utility::sync::lock;

/// How many totals and how many levels a client tells.
const TOTALS: usize = 8;
const LEVELS: usize = 3;

/// What a client counts, as metrics. Clients of one channel add up: each one adds what changed since its last word, and
/// takes its levels back at its end.
#[derive(Debug)]
pub(super) struct Stats {
    role: &'static str,
    channel: String,
    /// None before the first word: most clients are never asked for any.
    taken: Mutex<Option<Taken>>,
}

#[derive(Debug)]
struct Taken {
    totals: [(Counter, u64); TOTALS],
    levels: [(Gauge, f64); LEVELS],
    round_trip: Histogram,
    throttle: Histogram,
}

impl Stats {
    pub(super) fn new(role: &'static str, channel: &str) -> Self {
        Self {
            role,
            channel: channel.to_owned(),
            taken: Mutex::default(),
        }
    }

    pub(super) fn take(&self, statistics: &Statistics) {
        let mut taken = lock(&self.taken);
        let taken = taken.get_or_insert_with(|| Taken::new(self.role, &self.channel));
        taken.take(statistics);
    }
}

impl Taken {
    fn new(role: &'static str, channel: &str) -> Self {
        let total = |name: &'static str| (counter!(name, "role" => role), 0);
        let errors = |direction: &'static str| {
            let name = KAFKA_REQUEST_ERRORS_TOTAL;
            (counter!(name, "role" => role, "direction" => direction), 0)
        };
        let level = |name: &'static str| {
            (
                gauge!(name, "channel" => channel.to_owned(), "role" => role),
                0.0,
            )
        };
        Self {
            totals: [
                total(KAFKA_REQUESTS_TOTAL),
                total(KAFKA_SENT_BYTES_TOTAL),
                total(KAFKA_RECEIVED_BYTES_TOTAL),
                total(KAFKA_CONNECTS_TOTAL),
                total(KAFKA_REQUEST_RETRIES_TOTAL),
                total(KAFKA_REQUEST_TIMEOUTS_TOTAL),
                errors("sent"),
                errors("received"),
            ],
            levels: [
                level(KAFKA_QUEUE_MESSAGES),
                level(KAFKA_QUEUE_BYTES),
                (
                    gauge!(KAFKA_READER_LAG, "channel" => channel.to_owned()),
                    0.0,
                ),
            ],
            round_trip: histogram!(KAFKA_ROUND_TRIP_SECONDS, "role" => role),
            throttle: histogram!(KAFKA_THROTTLE_SECONDS, "role" => role),
        }
    }

    fn take(&mut self, told: &Statistics) {
        let brokers = |of: fn(&Broker) -> u64| told.brokers.values().map(of).sum::<u64>();
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let totals = [
            count(told.tx),
            count(told.tx_bytes),
            count(told.rx_bytes),
            brokers(|it| {
                it.connects
                    .and_then(|it| u64::try_from(it).ok())
                    .unwrap_or(0)
            }),
            brokers(|it| it.txretries),
            brokers(|it| it.req_timeouts),
            brokers(|it| it.txerrs),
            brokers(|it| it.rxerrs),
        ];
        for ((counter, last), now) in self.totals.iter_mut().zip(totals) {
            // A broker that left takes its counts with it.
            counter.increment(now.saturating_sub(*last));
            *last = now;
        }
        let partitions = || told.topics.values().flat_map(|it| it.partitions.values());
        let ahead: i64 = partitions().map(|it| it.fetchq_cnt).sum();
        let ahead_bytes: u64 = partitions().map(|it| it.fetchq_size).sum();
        let lag: i64 = partitions().map(|it| it.consumer_lag.max(0)).sum();
        let levels = [
            told.msg_cnt.saturating_add(count(ahead)),
            told.msg_size.saturating_add(ahead_bytes),
            count(lag),
        ];
        for ((gauge, last), now) in self.levels.iter_mut().zip(levels) {
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            let now = now as f64;
            gauge.increment(now - *last);
            *last = now;
        }
        for broker in told.brokers.values() {
            let of =
                |window: Option<i64>| window.and_then(|it| u32::try_from(it).ok()).map(f64::from);
            let heard =
                |window: &rdkafka::statistics::Window| (window.cnt > 0).then_some(window.avg);
            if let Some(micros) = of(broker.rtt.as_ref().and_then(heard)) {
                self.round_trip.record(micros / 1e6);
            }
            if let Some(millis) = of(broker.throttle.as_ref().and_then(heard)) {
                self.throttle.record(millis / 1e3);
            }
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        for (gauge, last) in &self.levels {
            gauge.decrement(*last);
        }
    }
}
