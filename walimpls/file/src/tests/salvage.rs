//! The end of a log that is lost: whoever salvages it is told, once, and goes on with what is appended later.

use super::damage::{RECORDS, change, closed, is_true};
use super::*;

/// A way to lose the end of a log.
type Loss = (&'static str, fn(&Path));

const LOSSES: [Loss; 6] = [
    ("the last segment is missing", |dir| remove(dir, 1)),
    ("the last two segments are missing", |dir| remove(dir, 2)),
    ("all segments are missing", |dir| remove(dir, usize::MAX)),
    ("the last segment has no header", |dir| {
        change(&last(dir), |bytes| bytes[..4_096].fill(0));
    }),
    ("the last segment is another store's", |dir| {
        change(&last(dir), |bytes| {
            bytes[16] ^= 1;
            let crc = crc32c::crc32c(&bytes[..4_092]);
            bytes[4_092..4_096].copy_from_slice(&crc.to_le_bytes());
        });
    }),
    ("the last segment ends too early", |dir| {
        change(&last(dir), |bytes| bytes.truncate(4_096 + 100));
    }),
];

fn last(dir: &Path) -> PathBuf {
    segments(dir).pop().unwrap()
}

fn remove(dir: &Path, count: usize) {
    for file in segments(dir).iter().rev().take(count) {
        std::fs::remove_file(file).unwrap();
    }
}

/// Reads to the end that is left, and says what it got.
async fn to_the_end(scanner: &mut dyn ScannerImpls, loss: &str) -> Got {
    let mut got = Got::default();
    while got.damage.is_empty() {
        let more = take_any(scanner).await;
        assert!(more.error.is_none(), "{loss}: {more:?}");
        got.records.extend(more.records);
        got.damage.extend(more.damage);
    }
    // Once, and nothing behind it.
    at_tail(scanner).await;
    is_true(&got);
    let numbers = got.numbers();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
    assert!(numbers.len() < RECORDS as usize, "{loss}: nothing is lost");
    got
}

#[tokio::test]
async fn a_lost_end_is_told_to_readers_without_a_writer() {
    let dir = scratch();
    let kept = closed(dir.path()).await;
    for (loss, lose) in LOSSES {
        let there = scratch();
        copy(&kept.path, there.path());
        lose(there.path());
        let config = salvage(&small(there.path()));
        let readers = apart(&config);
        let reader = readers.open_read_only(&name("a")).await.unwrap();
        let mut scanner = reader
            .scan(Start::Earliest, ScanOptions::default())
            .await
            .unwrap();
        let got = to_the_end(&mut *scanner, loss).await;
        assert_eq!(got.damage.len(), 1, "{loss}: {:?}", got.damage);
        // Another process salvages and goes on.
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let next = append(&*wal, RECORDS, "on").await.unwrap();
        assert!(next >= RECORDS, "{loss}: number {next} was given twice");
        let more = take(&mut *scanner, 1).await;
        assert_eq!(more.numbers(), [next], "{loss}: {more:?}");
    }
}

#[tokio::test]
async fn a_lost_end_is_told_to_readers_beside_the_writer_that_salvages_it() {
    let dir = scratch();
    let kept = closed(dir.path()).await;
    for (loss, lose) in LOSSES {
        let there = scratch();
        copy(&kept.path, there.path());
        lose(there.path());
        let config = salvage(&small(there.path()));
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let elsewhere = apart(&config);
        let reader = elsewhere.open_read_only(&name("a")).await.unwrap();
        let mut scanners = Vec::new();
        for wal in [&*wal as &dyn RoWalImpls, &*reader] {
            let scanner = wal.scan(Start::Earliest, ScanOptions::default()).await;
            scanners.push(scanner.unwrap());
        }
        for scanner in &mut scanners {
            to_the_end(&mut **scanner, loss).await;
        }
        let next = append(&*wal, RECORDS, "on").await.unwrap();
        for mut scanner in scanners {
            let more = take(&mut *scanner, 1).await;
            assert_eq!(more.numbers(), [next], "{loss}: {more:?}");
        }
        drop(wal);
        opener.close().await.unwrap();
        // It is told again to those who read later.
        let readers = apart(&config);
        let reader = readers.open_read_only(&name("a")).await.unwrap();
        let mut got = Got::default();
        let mut scanner = reader
            .scan(Start::Earliest, ScanOptions::default())
            .await
            .unwrap();
        while got.numbers().last() != Some(&next) {
            let more = take_any(&mut *scanner).await;
            assert!(more.error.is_none(), "{loss}: {more:?}");
            got.records.extend(more.records);
            got.damage.extend(more.damage);
        }
        assert!(!got.damage.is_empty(), "{loss}");
    }
}

#[tokio::test]
async fn a_lost_end_is_told_where_nothing_says_how_far_the_log_was() {
    let (dir, killed) = (scratch(), scratch());
    let (_opener, _wal) = filled(&small(dir.path()), RECORDS).await;
    copy(dir.path(), killed.path());
    std::fs::remove_file(killed.path().join("ACKED")).unwrap();
    remove(killed.path(), 1);
    let config = salvage(&small(killed.path()));
    let readers = apart(&config);
    let reader = readers.open_read_only(&name("a")).await.unwrap();
    let mut scanner = reader
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    to_the_end(&mut *scanner, "the last segment and ACKED are missing").await;
}
