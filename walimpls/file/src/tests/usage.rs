//! What a channel takes, and who has a store open.

use walx_core::Usage;
use walx_impls::Maintenance;

use super::*;

async fn usage(opener: &FileOpener, channel: &str) -> Usage {
    Maintenance::usage(opener, &name(channel)).await.unwrap()
}

fn sizes(files: &[PathBuf]) -> u64 {
    let size = |file| std::fs::metadata(file).unwrap().len();
    files.iter().map(size).sum()
}

#[tokio::test]
async fn usage_is_the_same_for_the_owner_beside_it_and_after_it() {
    let dir = scratch();
    let config = small(dir.path());
    let (opener, a) = filled(&config, 100).await;
    let b = opener.open(&name("b"), Claim::TakeOver).await.unwrap();
    for number in 0..100 {
        append(&*b, number, format!("record {number}"))
            .await
            .unwrap();
    }
    let whole = usage(&opener, "a").await;
    assert_eq!(whole.records, Some(100));
    assert_eq!(whole.retained_bytes, Some(sizes(&segments(dir.path()))));
    // All records of a channel but the first ten have the same size.
    let ten = usage(&opener, "b").await.bytes.unwrap();
    a.truncate(id(49)).await.unwrap();
    let elsewhere = apart(&config);
    let half = usage(&opener, "a").await;
    assert_eq!(half, usage(&elsewhere, "a").await);
    assert_eq!(half.records, Some(50));
    let each = (whole.bytes.unwrap() - half.bytes.unwrap()) / 50;
    assert!(
        each > 0 && ten == whole.bytes.unwrap(),
        "{whole:?} {half:?}"
    );
    a.truncate(id(99)).await.unwrap();
    let none = usage(&opener, "a").await;
    assert_eq!(none, usage(&elsewhere, "a").await);
    assert_eq!(
        (none.records, none.bytes, none.retained_bytes),
        (Some(0), Some(0), Some(0))
    );
    // The other one keeps the segments from its first record on.
    let kept = usage(&opener, "b").await;
    assert_eq!(kept.records, Some(100));
    assert_eq!(kept.retained_bytes, Some(sizes(&segments(dir.path()))));
    drop((a, b));
    opener.close().await.unwrap();
    assert_eq!(usage(&elsewhere, "b").await, kept);
}

#[tokio::test]
async fn a_missing_channel_uses_nothing_and_is_not_made() {
    let dir = scratch();
    let (opener, _wal) = filled(&small(dir.path()), 1).await;
    let error = Maintenance::usage(&opener, &name("none"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), walx_core::ErrorKind::NotFound);
    assert_eq!(opener.list().await.unwrap(), [name("a")]);
}

#[tokio::test]
async fn the_writer_is_among_the_processes_while_it_has_the_lock() {
    let dir = scratch();
    let config = small(dir.path());
    let elsewhere = apart(&config);
    assert_eq!(elsewhere.processes().await, []);
    let (opener, wal) = filled(&config, 1).await;
    let there = elsewhere.processes().await;
    assert_eq!(there.len(), 1, "{there:?}");
    assert_eq!(there[0].pid, std::process::id());
    assert!(there[0].writes && there[0].name.is_some());
    drop(wal);
    opener.close().await.unwrap();
    assert_eq!(elsewhere.processes().await, []);
    // Somebody who only reads.
    let reading = std::fs::File::open(&segments(dir.path())[0]).unwrap();
    let there = elsewhere.processes().await;
    assert!(there.len() == 1 && !there[0].writes, "{there:?}");
    drop(reading);
}

#[tokio::test]
async fn a_replaced_store_is_another_one() {
    let dir = scratch();
    let config = small(&dir.path().join("store"));
    let opener = apart(&config);
    assert_eq!(opener.identity(), None);
    let (writer, wal) = filled(&config, 1).await;
    let first = opener.identity().unwrap();
    assert_eq!(writer.identity().as_ref(), Some(&first));
    drop((wal, writer));
    // It stays, so that its number is not given anew.
    std::fs::rename(&config.path, dir.path().join("old")).unwrap();
    std::fs::create_dir(&config.path).unwrap();
    assert_ne!(opener.identity().unwrap(), first);
}
