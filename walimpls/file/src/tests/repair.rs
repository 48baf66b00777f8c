//! Repair: whatever is damaged, the store opens strictly again, gives all that is sound, and never less.

mod ends;
mod steps;

use walx_core::{ErrorKind, Progress, RepairMode, Repaired};
use walx_impls::Maintenance;

use super::damage::{RECORDS, change, closed, is_true};
use super::verify::verify;
use super::*;

/// A way to damage a store: what it is called, and whether records are lost.
type Way = (&'static str, bool, fn(&Path));

const WAYS: [Way; 18] = [
    ("a bit of a record", true, |dir| {
        flip(&segments(dir)[0], b"record 7");
    }),
    ("a bit of a record in the last segment", true, |dir| {
        let last = segments(dir).pop().unwrap();
        let at = middle(&last);
        change(&last, |bytes| bytes[at + 100] ^= 1);
    }),
    ("the head of a frame", true, |dir| {
        change(&segments(dir)[1], |bytes| bytes[4_096 + 20] ^= 1);
    }),
    ("a directory", true, |dir| {
        change(&segments(dir)[1], |bytes| bytes[4_096 + 48] ^= 1);
    }),
    ("a zeroed block in the middle", true, |dir| {
        change(&segments(dir)[1], |bytes| bytes[4_600..6_600].fill(0));
    }),
    ("a zeroed block in the last segment", true, |dir| {
        let last = segments(dir).pop().unwrap();
        let at = middle(&last);
        change(&last, |bytes| bytes[4_200..at].fill(0));
    }),
    ("a zeroed end of the log", true, |dir| {
        let last = segments(dir).pop().unwrap();
        let at = middle(&last);
        change(&last, |bytes| bytes[at..].fill(0));
    }),
    ("the end of a sealed segment", true, |dir| {
        change(&segments(dir)[1], |bytes| bytes[7_000..].fill(0));
    }),
    ("the first segment is missing", true, |dir| remove(dir, 0)),
    ("a segment is missing", true, |dir| remove(dir, 1)),
    ("two segments are missing", true, |dir| {
        remove(dir, 1);
        remove(dir, 1);
    }),
    ("the last segment is missing", true, |dir| {
        remove(dir, segments(dir).len() - 1);
    }),
    ("all segments are missing", true, |dir| {
        while !segments(dir).is_empty() {
            remove(dir, 0);
        }
    }),
    ("the last segment has no header", true, |dir| {
        let last = segments(dir).pop().unwrap();
        change(&last, |bytes| bytes[..4_096].fill(0));
    }),
    ("a footer", false, |dir| {
        change(&segments(dir)[1], |bytes| {
            let at = bytes.len() - 30;
            bytes[at] ^= 1;
        });
    }),
    ("a manifest", false, |dir| {
        change(&dir.join("MANIFEST.b"), |bytes| bytes[40] ^= 1);
    }),
    ("ACKED", false, |dir| {
        std::fs::remove_file(dir.join("ACKED")).unwrap();
    }),
    ("several at once", true, |dir| {
        flip(&segments(dir)[0], b"record 9");
        change(&segments(dir)[1], |bytes| bytes[7_000..].fill(0));
        remove(dir, 2);
        std::fs::remove_file(dir.join("ACKED")).unwrap();
        change(&dir.join("MANIFEST.a"), |bytes| bytes[40] ^= 1);
    }),
];

pub(super) fn flip(file: &Path, what: &[u8]) {
    change(file, |bytes| {
        let at = bytes.windows(what.len()).position(|it| it == what).unwrap();
        bytes[at] ^= 1;
    });
}

/// Where a frame starts in the middle of what a segment holds.
fn middle(file: &Path) -> usize {
    let bytes = std::fs::read(file).unwrap();
    let half = 4_096 + (bytes.len() - 4_096) / 2;
    let mut heads = (half.next_multiple_of(8)..bytes.len()).step_by(8);
    heads.find(|at| bytes[*at..].starts_with(b"WXFR")).unwrap()
}

fn remove(dir: &Path, at: usize) {
    std::fs::remove_file(&segments(dir)[at]).unwrap();
}

pub(super) async fn repair(config: &FileConfig, mode: RepairMode) -> Result<Repaired> {
    deadline(Maintenance::repair(
        &apart(config),
        mode,
        &Progress::default(),
    ))
    .await
}

pub(super) async fn apply(config: &FileConfig) -> Repaired {
    repair(config, RepairMode::Apply).await.unwrap()
}

/// Reads all up to the newest record, strictly.
pub(super) async fn read(config: &FileConfig) -> Got {
    let opener = apart(config);
    let reader = opener.open_read_only(&name("a")).await.unwrap();
    let newest = match reader.bounds().await {
        Ok(bounds) => bounds.newest.unwrap().to_u64().unwrap(),
        Err(error) => {
            return Got {
                error: Some(error),
                ..Got::default()
            };
        }
    };
    let mut got = Got::default();
    let mut scanner = match reader.scan(Start::Earliest, ScanOptions::default()).await {
        Ok(scanner) => scanner,
        Err(error) => {
            got.error = Some(error);
            return got;
        }
    };
    while got.error.is_none() && got.numbers().last().is_none_or(|last| *last < newest) {
        let more = take_any(&mut *scanner).await;
        got.records.extend(more.records);
        got.damage.extend(more.damage);
        got.error = more.error;
    }
    got
}

/// Opens strictly and appends one.
pub(super) async fn append_one(config: &FileConfig, at: u64) -> Result<u64> {
    let opener = apart(config);
    let wal = opener.open(&name("a"), Claim::TakeOver).await?;
    let number = append(&*wal, at, format!("record {at}")).await?;
    drop(wal);
    opener.close().await?;
    Ok(number)
}

/// What a salvaging reader can get: no repair may give less.
async fn salvageable(config: &FileConfig) -> Vec<u64> {
    let opener = apart(&salvage(config));
    let reader = opener.open_read_only(&name("a")).await.unwrap();
    let mut scanner = reader
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    let mut numbers = Vec::new();
    while let Ok(more) = clock::timeout(
        Duration::from_millis(200),
        poll_fn(|context| scanner.poll_batch(context)),
    )
    .await
    {
        numbers.extend(more.unwrap().into_iter().filter_map(|item| match item {
            Scanned::Record(record) => record.id.to_u64(),
            _ => None,
        }));
    }
    numbers
}

#[tokio::test]
async fn whatever_is_damaged_the_store_opens_again_and_gives_all_that_is_sound() {
    let dir = scratch();
    let kept = closed(dir.path()).await;
    for (way, loses, damage) in WAYS {
        let there = scratch();
        copy(&kept.path, there.path());
        damage(there.path());
        let config = small(there.path());
        let sound = salvageable(&config).await;
        if loses {
            let error = match append_one(&config, RECORDS).await {
                Err(error) => error,
                // Below a footer it is met by readers.
                Ok(_) => {
                    let again = scratch();
                    copy(&kept.path, again.path());
                    damage(again.path());
                    let error = read(&small(again.path())).await.error;
                    std::fs::remove_dir_all(there.path()).unwrap();
                    copy(again.path(), there.path());
                    error.unwrap_or_else(|| panic!("{way}: nobody met it"))
                }
            };
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{way}: {error}");
        }
        let planned = repair(&config, RepairMode::DryRun).await.unwrap();
        let repaired = apply(&config).await;
        assert_eq!(planned.steps, repaired.steps, "{way}");
        assert!(!repaired.steps.is_empty(), "{way}");
        let folder = PathBuf::from(repaired.copy.expect(way));
        assert!(folder.join("MANIFEST.a").exists(), "{way}");
        assert!(!folder.join("UNFINISHED").exists(), "{way}");

        let findings = verify(&apart(&config)).await;
        assert!(findings.iter().all(|it| it.known), "{way}: {findings:?}");
        assert_eq!(!findings.is_empty(), loses, "{way}: {findings:?}");
        assert_eq!(apply(&config).await, Repaired::default(), "{way}");

        let mut numbers = sound.clone();
        for round in 0..3 {
            let number = append_one(&config, RECORDS + round).await.expect(way);
            assert!(number >= RECORDS, "{way}: number {number} was given twice");
            numbers.push(number);
            let mut got = read(&config).await;
            assert!(got.error.is_none(), "{way}: {got:?}");
            assert_eq!(got.numbers(), numbers, "{way}");
            assert_eq!(!got.damage.is_empty(), loses, "{way}: {:?}", got.damage);
            got.records.truncate(sound.len());
            is_true(&got);
        }
        let steps: Vec<_> = numbers[sound.len()..].windows(2).collect();
        assert!(
            steps.iter().all(|pair| pair[1] == pair[0] + 1),
            "{way}: {steps:?}"
        );
    }
}

#[tokio::test]
async fn every_reader_meets_a_noted_loss_as_a_gap_wherever_it_starts() {
    let dir = scratch();
    let kept = closed(dir.path()).await;
    for (way, loses, damage) in WAYS {
        if !loses {
            continue;
        }
        let there = scratch();
        copy(&kept.path, there.path());
        damage(there.path());
        let config = small(there.path());
        apply(&config).await;
        let newest = append_one(&config, RECORDS).await.unwrap();
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let elsewhere = apart(&config);
        let reader = elsewhere.open_read_only(&name("a")).await.unwrap();
        for start in (0..newest).step_by(7) {
            for wal in [&*wal as &dyn RoWalImpls, &*reader] {
                let at = Start::At(id(start));
                let mut scanner = wal.scan(at, ScanOptions::default()).await.unwrap();
                let mut got = Got::default();
                while got.numbers().last() != Some(&newest) {
                    let more = take_any(&mut *scanner).await;
                    assert!(more.error.is_none(), "{way} from {start}: {more:?}");
                    got.records.extend(more.records);
                    got.damage.extend(more.damage);
                }
                let expected = newest + 1 - start;
                assert!(
                    got.records.len() as u64 == expected || !got.damage.is_empty(),
                    "{way} from {start}: {} of {expected} records and no gap",
                    got.records.len()
                );
            }
        }
    }
}
