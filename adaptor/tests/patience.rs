//! Reads that fail now and then change nothing for users; a backend that stays away shows, and soon.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends with them"
)]

mod common;

use std::time::Duration;

use common::{Rig, message, scan_all, texts};
use walx_core::{ErrorKind, Progress, ScanOption};
use walx_utility::clock;

/// So often in a row reads fail.
const FEW: u32 = 4;

#[tokio::test(start_paused = true)]
async fn an_owner_opens_though_reads_fail_now_and_then() {
    let rig = Rig::new();
    for owner in 0..3 {
        rig.faults().fail_scan_next(FEW);
        let wal = rig.opener.open(rig.option()).await.unwrap();
        wal.append(message(owner)).await.unwrap();
        wal.close().await.unwrap();
    }
    let wal = rig.opener.open_read_only(rig.option()).await.unwrap();
    let all = scan_all(wal.as_ref(), ScanOption::earliest()).await;
    assert_eq!(texts(&all), ["0", "1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn what_operators_ask_is_answered_though_reads_fail_now_and_then() {
    let rig = Rig::new();
    let wal = rig.open().await;
    wal.append(message("0")).await.unwrap();
    let fail = || {
        rig.faults().fail_scan_next(FEW);
    };
    fail();
    let described = rig.opener.describe(&rig.option().channel).await.unwrap();
    assert_eq!(described.tail.lsn.get(), 1);
    fail();
    let verified = rig.opener.verify(None, &Progress::default()).await.unwrap();
    assert!(verified.is_sound(), "{verified:?}");
    assert_eq!(verified.channels[0].messages, 1);
    fail();
    let reader = rig.opener.open_read_only(rig.option()).await.unwrap();
    assert_eq!(reader.tail().await.unwrap().lsn.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_backend_whose_reads_keep_failing_ends_an_open_within_seconds() {
    let rig = Rig::new();
    let wal = rig.open().await;
    wal.append(message("0")).await.unwrap();
    wal.close().await.unwrap();
    rig.faults().fail_scan_next(u32::MAX);
    let begin = clock::now();
    let error = rig.opener.open(rig.option()).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("tried again for: 3s"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(5));
    // Nothing of it is left: the channel opens once the backend is back.
    rig.faults().clear();
    rig.opener.open(rig.option()).await.unwrap();
}
