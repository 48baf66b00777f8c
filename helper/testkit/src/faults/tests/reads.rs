use walx_impls::{Scanned, ScannerImpls, Start};

use super::*;
use crate::faults::{Fault, Patient};

async fn next(scanner: &mut dyn ScannerImpls) -> Result<Vec<u64>> {
    let batch = within(std::future::poll_fn(|it| scanner.poll_batch(it))).await?;
    let ids = batch.into_iter().map(|it| match it {
        Scanned::Record(record) => record.id.to_u64().unwrap(),
        other => panic!("{other:?}"),
    });
    Ok(ids.collect())
}

#[tokio::test]
async fn a_record_comes_twice_in_a_row_and_nothing_is_missing() {
    let rig = Rig::new(Plan::quiet().with(Fault::Double, 1000)).await;
    let wal = rig.writer().await;
    for number in 0..5 {
        within(append(&*wal, number)).await.unwrap();
    }
    let mut scanner = wal.scan(Start::Earliest, Default::default()).await.unwrap();
    let mut seen = next(&mut *scanner).await.unwrap();
    assert_eq!(seen.len(), 6);
    seen.dedup();
    assert_eq!(seen, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn a_scanner_that_waits_at_the_tail_learns_of_a_switch_at_once() {
    for cut in [true, false] {
        let rig = Rig::new(Plan::quiet()).await;
        let wal = rig.writer().await;
        let mut scanner = wal.scan(Start::Earliest, Default::default()).await.unwrap();
        let wait = async { next(&mut *scanner).await.unwrap_err().kind() };
        let turn = async {
            tokio::task::yield_now().await;
            if cut {
                rig.faults.cut();
            } else {
                rig.faults.fail_reads(1);
            }
        };
        let (kind, ()) = futures_util::future::join(wait, turn).await;
        assert_eq!(kind, ErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn outages_pass_after_as_many_calls_as_the_plan_says() {
    let plan = Plan::quiet()
        .with(Fault::FailBounds, 400)
        .with_longest_outage(3);
    let rig = Rig::new(plan.with_seed(5)).await;
    let wal = rig.writer().await;
    let mut failed = Vec::new();
    for _ in 0..300 {
        failed.push(wal.bounds().await.is_err());
    }
    let runs = failed.split(|failed| !failed).map(<[bool]>::len);
    assert_eq!(runs.max(), Some(3));
}

#[tokio::test]
async fn a_patient_user_sees_no_fault_that_passes() {
    let plan = Plan::quiet()
        .with_seed(1)
        .with(Fault::FailRead, 500)
        .with(Fault::FailScan, 500)
        .with(Fault::FailBounds, 500)
        .with(Fault::FailOpen, 500);
    let store = MemoryStore::new();
    let faulty = Faulty::new(Arc::new(store.builder()), plan);
    let patient = Patient(Arc::new(faulty.clone()));
    let opener = within(patient.build(Config::new())).await.unwrap();
    let wal = within(opener.open(&name(), Claim::TakeOver)).await.unwrap();
    let mut scanner = within(wal.scan(Start::Earliest, Default::default()))
        .await
        .unwrap();
    let mut seen = Vec::new();
    for number in 0..200 {
        within(append(&*wal, number)).await.unwrap();
        seen.extend(next(&mut *scanner).await.unwrap());
        within(wal.bounds()).await.unwrap();
    }
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
    assert!(faulty.faults().injected().len() > 200);
    // A fault that was asked for is seen.
    faulty.faults().fail_bounds(1);
    assert_eq!(
        wal.bounds().await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
}

#[tokio::test]
async fn what_took_place_is_told_with_the_seed() {
    let rig = Rig::new(Plan::slow(77)).await;
    let wal = rig.writer().await;
    rig.faults.lose_ack_next();
    assert!(within(append(&*wal, 0)).await.is_err());
    let told = rig.faults.to_string();
    assert!(
        told.contains("seed 77") && told.contains("Append 1 loses its answer"),
        "{told}"
    );
}
