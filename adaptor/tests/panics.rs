//! A hook or a backend that panics leaves nobody waiting for ever.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Rig, message, within};
use walx_core::{
    AppendContext, ErrorKind, IdempotencyOption, Interceptor, Message, OpenOption, Place, Result,
};
use walx_utility::spawn;

/// Panics when it sees how an append ended that its `when` picks.
struct Panics<F>(F);

impl<F: Fn(&Result<Place>) -> bool + Send + Sync + 'static> Interceptor for Panics<F> {
    fn name(&self) -> &'static str {
        "panics"
    }

    fn after(&self, _: &AppendContext<'_>, result: &Result<Place>) {
        assert!(!(self.0)(result), "a hook panics");
    }
}

fn option(rig: &Rig, when: impl Fn(&Result<Place>) -> bool + Send + Sync + 'static) -> OpenOption {
    rig.option()
        .with_idempotency(IdempotencyOption::new(1 << 20, Duration::from_secs(3_600)))
        .with_interceptor(Arc::new(Panics(when)))
}

fn keyed(key: &'static str) -> Message {
    Message::new(key).with_idempotency_key(key)
}

#[tokio::test]
async fn who_waits_for_room_is_told_where_a_hook_panics() {
    let rig = Rig::new();
    let option = option(&rig, |_| true).with_max_in_flight_bytes(1_000);
    let wal = rig.opener.open(option).await.unwrap();
    rig.faults().hold();
    let appends: Vec<_> = (0..20).map(|i| wal.append(message(i))).collect();
    rig.faults().release_all();
    let mut refused = 0;
    for append in appends {
        refused += usize::from(within(append).await.is_err());
    }
    assert!(refused > 0);
    within(wal.close()).await.unwrap();
}

#[tokio::test]
async fn who_waits_for_room_is_told_where_a_hook_panics_at_the_first_of_them() {
    let rig = Rig::new();
    let option = option(&rig, Result::is_err)
        .with_max_in_flight_bytes(1_000)
        .with_recovery_timeout(Duration::ZERO);
    let wal = rig.opener.open(option).await.unwrap();
    rig.faults().hold();
    let first = wal.append(message("first"));
    rig.faults().fail_next(1, ErrorKind::NotWritten);
    let appends: Vec<_> = (0..20).map(|i| wal.append(message(i))).collect();
    rig.faults().release_all();
    within(first).await.unwrap();
    for append in appends {
        within(append).await.unwrap_err();
    }
    within(wal.close()).await.unwrap();
}

#[tokio::test]
async fn all_who_joined_an_append_are_told_where_a_hook_panics_at_the_first_of_them() {
    let rig = Rig::new();
    let count = std::sync::atomic::AtomicUsize::new(0);
    let when =
        move |_: &Result<Place>| count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 1;
    let wal = rig.opener.open(option(&rig, when)).await.unwrap();
    rig.faults().hold();
    let first = wal.append(keyed("k"));
    let joined: Vec<_> = (0..5).map(|_| wal.append(keyed("k"))).collect();
    rig.faults().release_all();
    let place = within(first).await.unwrap();
    for joined in joined {
        assert_eq!(within(joined).await.unwrap(), place);
    }
    within(wal.close()).await.unwrap();
}

#[tokio::test]
async fn a_wal_is_closed_and_all_who_wait_for_room_are_told_where_a_hook_panics() {
    let rig = Rig::new();
    let option = option(&rig, Result::is_err).with_max_in_flight_bytes(1_000);
    let wal = rig.opener.open(option).await.unwrap();
    rig.faults().hold();
    let placed = wal.append(message("placed"));
    let queued: Vec<_> = (0..20).map(|i| wal.append(message(i))).collect();
    let dropped = spawn::task(async move { drop(wal) });
    assert!(dropped.await.is_err(), "it panics");
    for append in queued.into_iter().skip(5) {
        within(append).await.unwrap_err();
    }
    rig.faults().release_all();
    within(placed).await.unwrap();
}
