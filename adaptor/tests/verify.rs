//! Verification finds what is wrong with records that a backend holds, whoever put them there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use common::counting::{Counting, Scans};
use common::{Rig, filled, tiny, within};
use walx_core::{
    BackendName, Capability, Config, ErrorKind, Health, Kind, Lsn, Owner, Progress, Record,
    RepairMode, Seq, Term, Tick, Verified,
};
use walx_impls::{Batch, Claim, Header, OpenerBuilderImpls, OpenerImpls};

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
    let rig = Rig::new();
    let builder = Arc::new(rig.store.builder());
    let builder = walx_adaptor::adapt(builder);
    let health = |checks: &[walx_core::Check], name: &str| {
        let check = checks.iter().find(|it| it.name == name);
        check.map(|it| it.health)
    };
    let checks = builder.doctor(Config::new()).await;
    assert_eq!(
        health(&checks, "durability"),
        Some(Health::Warning),
        "{checks:?}"
    );
    assert_eq!(health(&checks, "clock"), Some(Health::Good), "{checks:?}");

    let far = Tick::from_unix_ms(7_000_000_000_000);
    plant(&rig, 1, 0, 0, far.get()).await;
    let checks = builder.doctor(Config::new()).await;
    assert_eq!(
        health(&checks, "clock"),
        Some(Health::Problem),
        "{checks:?}"
    );
}

#[tokio::test]
async fn a_log_whose_newest_record_is_gone_is_not_sound() {
    let (rig, _) = log().await;
    let newest = rig.opener.bounds(&rig.channel).await.unwrap().newest;
    let storage = rig.store.opener();
    let truncated = storage.truncate(&rig.channel, newest.unwrap());
    truncated.await.unwrap();
    let progress = Progress::default();
    let verified = within(rig.opener.verify(None, &progress)).await.unwrap();
    assert_eq!(verified.findings.len(), 1, "{verified:?}");
}

#[tokio::test]
async fn what_is_truncated_while_it_is_looked_at_is_no_error() {
    let (rig, _) = log().await;
    let scans = Arc::<Scans>::default();
    let counting = Counting {
        inner: rig.store.opener(),
        scans: Arc::clone(&scans),
        named: true,
        away: Arc::default(),
    };
    let opener = walx_adaptor::adapt_opener(BackendName::constant("memory"), Arc::new(counting));
    let reader = opener.open_read_only(rig.option()).await.unwrap();
    for read in 1..=4 {
        scans.lost.store(read, Ordering::SeqCst);
        let described = opener.describe(&rig.channel).await.unwrap();
        assert_eq!(described.tail.lsn, Lsn::new(3));
        assert_eq!(described.earliest, Some(Lsn::ZERO));
        scans.lost.store(1, Ordering::SeqCst);
        assert_eq!(reader.tail().await.unwrap(), described.tail);
    }
}

#[tokio::test]
async fn an_owner_whose_barrier_is_not_there_is_not_taken_for_the_one_before() {
    let (rig, tick) = log().await;
    plant(&rig, 9, 4, 3, tick).await;
    let owner = rig.opener.describe(&rig.channel).await.unwrap().owner;
    let owner = owner.unwrap();
    assert_eq!((owner.owner.term.get(), owner.who), (9, None));
}

/// The builder of stores that nobody reaches.
struct Away;

#[async_trait]
impl OpenerBuilderImpls for Away {
    fn name(&self) -> BackendName {
        BackendName::constant("away")
    }

    fn capability(&self) -> Capability {
        Capability::new(1 << 20)
    }

    async fn build(&self, _: Config) -> walx_core::Result<Arc<dyn OpenerImpls>> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn doctor_does_not_wait_for_ever_for_a_store_that_does_not_answer() {
    let builder = walx_adaptor::adapt(Arc::new(Away));
    let checks = within(builder.doctor(Config::new())).await;
    let found: Vec<_> = checks.iter().map(|it| (it.name, it.health)).collect();
    assert_eq!(found, [("store", Health::Problem)]);
    assert!(checks[0].text.contains("no answer in 10s"), "{checks:?}");
}
