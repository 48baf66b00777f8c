//! Watches the bounds of memory through the metrics that the adaptor shows, and what it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, Recorder, SharedString,
    Unit,
};
use walx_utility::metric;
use walx_utility::sync::lock;

/// What no wal may have on its way: the largest limit of a run, and one append more that is larger than its own limit.
const MOST_IN_FLIGHT: f64 = ((1 << 20) + (40 << 10)) as f64;

/// Keeps the value of each gauge, and what was beyond its bound.
#[derive(Clone, Default)]
pub(crate) struct Gauges(Arc<Shown>);

#[derive(Default)]
struct Shown {
    values: Mutex<BTreeMap<String, f64>>,
    beyond: Mutex<Vec<String>>,
    counted: Mutex<BTreeSet<Key>>,
}

struct One(String, Arc<Shown>);

/// A counter, of which only matters that it counts.
struct Counts(Key, Arc<Shown>);

impl Gauges {
    /// What was beyond its bound at any time, and what is left of things that have ended.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = std::mem::take(&mut *lock(&self.0.beyond));
        let values = std::mem::take(&mut *lock(&self.0.values));
        let left = values.into_iter().filter(|(_, value)| *value != 0.0);
        wrong.extend(left.map(|(name, value)| format!("at the end {name} is {value}")));
        wrong
    }

    /// The counters that counted.
    pub(crate) fn counted(&self) -> BTreeSet<Key> {
        std::mem::take(&mut *lock(&self.0.counted))
    }
}

impl CounterFn for Counts {
    fn increment(&self, value: u64) {
        if value > 0 {
            lock(&self.1.counted).insert(self.0.clone());
        }
    }

    fn absolute(&self, value: u64) {
        self.increment(value);
    }
}

impl One {
    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut values = lock(&self.1.values);
        let value = values.entry(self.0.clone()).or_default();
        *value = change(*value);
        let beyond = self.0.starts_with(metric::APPEND_IN_FLIGHT_BYTES) && *value > MOST_IN_FLIGHT;
        if beyond || *value < 0.0 {
            let text = format!("{} is {value}", self.0);
            drop(values);
            lock(&self.1.beyond).push(text);
        }
    }
}

impl GaugeFn for One {
    fn increment(&self, value: f64) {
        self.change(|it| it + value);
    }

    fn decrement(&self, value: f64) {
        self.change(|it| it - value);
    }

    fn set(&self, value: f64) {
        self.change(|_| value);
    }
}

impl Recorder for Gauges {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Counts(key.clone(), Arc::clone(&self.0))))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        // They tell of the process, in which other simulations run.
        if [metric::LIMIT_BYTES, metric::LIMIT_USED_BYTES].contains(&key.name()) {
            return Gauge::noop();
        }
        let labels: Vec<_> = key.labels().map(|it| (it.key(), it.value())).collect();
        let name = format!("{} {labels:?}", key.name());
        Gauge::from_arc(Arc::new(One(name, Arc::clone(&self.0))))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
