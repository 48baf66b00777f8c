//! Verification finds what is wrong with records that a backend holds, whoever put them there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use common::{Rig, filled, tiny};
use walx_core::{
    ErrorKind, Health, Kind, Lsn, Owner, Progress, Record, RepairMode, Seq, Term, Tick, Verified,
};
use walx_impls::{Batch, Claim, Header};

/// One more record: its owner's term, seq, lsn and tick.
async fn plant(rig: &Rig, term: u64, seq: u64, lsn: u64, tick: u64) {
    let header = Header::new(Kind::Data, Owner::new(Term::new(term)), Tick::new(tick));
    let record = Record::marker(header.numbered(Seq::new(seq), Lsn::new(lsn)));
    let opener = rig.store.opener();
    let wal = opener.open(&rig.channel, Claim::TakeOver).await.unwrap();
    wal.append(Batch::One(record)).await.unwrap();
    wal.close().await.unwrap();
}

/// A channel with the messages 0 to 2 of the owner with term 1, closed; and the tick of the last one.
async fn log() -> (Rig, u64) {
    let rig = Rig::new();
    let (wal, places) = filled(&rig, 3, tiny()).await;
    wal.close().await.unwrap();
    // The Release has a tick too.
    (rig, places[2].tick.get() + (1 << 40))
}

async fn verify(rig: &Rig) -> Verified {
    let progress = Progress::default();
    let verified = rig.opener.verify(None, &progress).await.unwrap();
    assert!(progress.done() > 0, "progress is told");
    verified
}

async fn findings(rig: &Rig) -> Vec<String> {
    let found = verify(rig).await.findings;
    assert!(
        found
            .iter()
            .all(|it| it.channel.as_ref() == Some(&rig.channel))
    );
    found.into_iter().map(|it| it.what).collect()
}

#[tokio::test]
async fn a_sound_log_has_no_finding_and_is_counted() {
    let (rig, tick) = log().await;
    // Seq 3 and lsn 3 are next but for the Release, which took seq 3.
    plant(&rig, 2, 4, 3, tick).await;
    let verified = verify(&rig).await;
    assert!(
        verified.is_sound() && verified.findings.is_empty(),
        "{verified:?}"
    );
    let channel = &verified.channels[0];
    assert_eq!(
        (channel.messages, channel.records),
        (4, 6),
        "a Barrier and a Release too"
    );
    assert_eq!(
        (channel.first, channel.last),
        (Some(Lsn::ZERO), Some(Lsn::new(3)))
    );
}

#[tokio::test]
async fn a_missing_record_is_found() {
    let (rig, tick) = log().await;
    plant(&rig, 2, 6, 5, tick).await;
    assert_eq!(
        findings(&rig).await,
        ["seq 6 follows seq 3: records between them are missing"]
    );
}

#[tokio::test]
async fn a_wrong_lsn_is_found() {
    let (rig, tick) = log().await;
    plant(&rig, 2, 4, 7, tick).await;
    assert_eq!(findings(&rig).await, ["lsn 7 stands where lsn 3 belongs"]);
}

#[tokio::test]
async fn a_tick_that_does_not_ascend_is_found() {
    let (rig, _) = log().await;
    plant(&rig, 2, 4, 3, 1).await;
    let found = findings(&rig).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("tick 1 follows tick "), "{found:?}");
}

#[tokio::test]
async fn a_record_of_an_older_owner_is_found() {
    let (rig, tick) = log().await;
    plant(&rig, 5, 4, 3, tick).await;
    plant(&rig, 4, 5, 4, tick + 1).await;
    assert_eq!(
        findings(&rig).await,
        ["a record of owner 4.0 lies behind one of owner 5.0"]
    );
}

#[tokio::test]
async fn a_double_is_no_damage() {
    let (rig, tick) = log().await;
    plant(&rig, 2, 4, 3, tick).await;
    plant(&rig, 2, 4, 3, tick).await;
    assert!(verify(&rig).await.findings.is_empty());
}

#[tokio::test]
async fn a_backend_without_repair_says_so() {
    let (rig, _) = log().await;
    let progress = Progress::default();
    let repair = rig.opener.repair(RepairMode::DryRun, &progress);
    let error = repair.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("'memory'"), "{error}");
}

#[tokio::test]
async fn doctor_says_what_a_store_can_not_keep_and_where_a_clock_is_wrong() {
    use std::sync::Arc;
    let rig = Rig::new();
    let builder = Arc::new(rig.store.builder());
    let builder = walx_adaptor::adapt(builder);
    let health = |checks: &[walx_core::Check], name: &str| {
        let check = checks.iter().find(|it| it.name == name);
        check.map(|it| it.health)
    };
    let checks = builder.doctor(walx_core::Config::new()).await;
    assert_eq!(
        health(&checks, "durability"),
        Some(Health::Warning),
        "{checks:?}"
    );
    assert_eq!(health(&checks, "clock"), Some(Health::Good), "{checks:?}");

    let far = Tick::from_unix_ms(7_000_000_000_000);
    plant(&rig, 1, 0, 0, far.get()).await;
    let checks = builder.doctor(walx_core::Config::new()).await;
    assert_eq!(
        health(&checks, "clock"),
        Some(Health::Problem),
        "{checks:?}"
    );
}
