//! A network between the adaptor and the store: the store answers at once, and a real one doesn't. Calls and answers
//! take time, reads fail, records of a writer that was cut off land late: whatever the traits of `walx-impls` allow.

mod opener;
mod scanner;
mod wal;
mod wire;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use walx_core::{ChannelName, Error, ErrorKind, Result};
use walx_impls::OpenerImpls;
use walx_utility::clock;
use walx_utility::sync::lock;

use self::opener::NetworkOpener;
use self::wire::Wire;
use crate::chance::{millis, percent};

/// How the network behaves at present.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// Calls take up to so long, and so do batches of scanners.
    pub(crate) call_ms: u64,
    /// Appends take up to so long until they reach the store, in their order.
    pub(crate) send_ms: u64,
    /// Their answers take up to so long.
    pub(crate) answer_ms: u64,
    /// So many of a hundred calls that read fail.
    pub(crate) fails: u64,
    /// So many of a hundred closes hang for a long time.
    pub(crate) hangs: u64,
    /// Scanners hand out small batches.
    pub(crate) crumbs: bool,
}

/// The network of one run.
#[derive(Clone, Default)]
pub(crate) struct Network(Arc<Shared>);

#[derive(Default)]
struct Shared {
    weather: Mutex<Weather>,
    wires: Mutex<BTreeMap<ChannelName, Arc<Wire>>>,
    alive: Arc<AtomicUsize>,
}

/// Counts handles and scanners that are not dropped yet.
struct Alive(Arc<AtomicUsize>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Network {
    /// The store's opener, behind this network.
    pub(crate) fn opener(&self, inner: Arc<dyn OpenerImpls>) -> Arc<dyn OpenerImpls> {
        Arc::new(NetworkOpener::new(self.clone(), inner))
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        *lock(&self.0.weather) = weather;
    }

    /// Handles and scanners of the store that somebody still holds.
    pub(crate) fn alive(&self) -> usize {
        self.0.alive.load(Ordering::Relaxed)
    }

    fn weather(&self) -> Weather {
        *lock(&self.0.weather)
    }

    fn enter(&self) -> Alive {
        self.0.alive.fetch_add(1, Ordering::Relaxed);
        Alive(Arc::clone(&self.0.alive))
    }

    fn wire(&self, channel: &ChannelName) -> Arc<Wire> {
        Arc::clone(lock(&self.0.wires).entry(channel.clone()).or_default())
    }

    /// The time that a call takes.
    async fn call(&self) {
        let time = millis(self.weather().call_ms);
        if !time.is_zero() {
            clock::sleep(time).await;
        }
    }

    /// As [`call`](Self::call), of one that may fail.
    async fn fallible(&self, operation: &'static str) -> Result<()> {
        self.call().await;
        if percent(self.weather().fails) {
            let error = Error::new(ErrorKind::Unavailable, "the network lost the call");
            return Err(error.with_operation(operation));
        }
        Ok(())
    }

    /// The time that a close takes.
    async fn closing(&self) {
        self.call().await;
        if percent(self.weather().hangs) {
            clock::sleep(Duration::from_secs(20)).await;
        }
    }
}
