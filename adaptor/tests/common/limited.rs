//! Wals that share a budget of memory.

use std::sync::Arc;
use std::time::Duration;

use walx_core::{Append, Category, ErrorKind, Limits, OpenOption, Place, Wal};

use super::{Rig, within};

pub const SECOND: Duration = Duration::from_secs(1);
/// What a message of one byte counts.
pub const ONE: usize = 257;

pub fn limits(in_flight: usize) -> Limits {
    Limits::new().with_limit(Category::InFlight, in_flight)
}

pub async fn open(rig: &Rig, option: impl FnOnce(OpenOption) -> OpenOption) -> Arc<dyn Wal> {
    rig.opener.open(option(rig.option())).await.unwrap()
}

pub fn is_overloaded(error: &walx_core::Error) -> bool {
    matches!(error.kind(), ErrorKind::Overloaded { .. })
}

pub fn in_flight(limits: &Limits) -> (usize, usize) {
    let now = limits.snapshot().in_flight;
    (now.used, now.waiting)
}

/// Runs what is ready.
pub async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

pub async fn all(appends: Vec<Append>) -> Vec<Place> {
    let mut places = Vec::new();
    for append in appends {
        places.push(within(append).await.unwrap());
    }
    places
}
