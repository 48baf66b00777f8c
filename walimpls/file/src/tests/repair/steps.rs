//! What a repair refuses, and what it leaves to others.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A way to damage more.
type Way = (&'static str, fn(&Path));

/// A repaired store with a damaged record in segment 0 and a zeroed block in segment 1.
async fn noted(dir: &Path) -> FileConfig {
    let config = closed(dir).await;
    flip(&segments(dir)[0], b"record 7");
    change(&segments(dir)[1], |bytes| bytes[4_600..6_600].fill(0));
    apply(&config).await;
    assert!(read(&config).await.error.is_none());
    config
}

#[tokio::test]
async fn damage_beside_a_noted_loss_is_corrupt_as_before() {
    let ways: [Way; 5] = [
        ("another record", |dir| flip(&segments(dir)[0], b"record 9")),
        ("the noted hole has grown behind", |dir| {
            change(&segments(dir)[1], |bytes| bytes[6_600..6_800].fill(0));
        }),
        ("the noted hole has grown before", |dir| {
            change(&segments(dir)[1], |bytes| bytes[4_400..4_600].fill(0));
        }),
        ("the segment with the hole is missing", |dir| remove(dir, 1)),
        ("the list of losses is damaged", |dir| {
            change(&dir.join("LOSSES"), |bytes| {
                let at = bytes.len() - 9;
                bytes[at] ^= 1;
            });
        }),
    ];
    for (way, damage) in ways {
        let dir = scratch();
        let config = noted(dir.path()).await;
        damage(dir.path());
        let error = read(&config).await.error.expect(way);
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{way}: {error}");
        let findings = verify(&apart(&config)).await;
        assert!(findings.iter().any(|it| !it.known), "{way}: {findings:?}");
        apply(&config).await;
        assert!(read(&config).await.error.is_none(), "{way}");
        let findings = verify(&apart(&config)).await;
        assert!(findings.iter().all(|it| it.known), "{way}: {findings:?}");
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let dir = scratch();
    let config = closed(dir.path()).await;
    flip(&segments(dir.path())[0], b"record 7");
    let before = files(dir.path());
    let planned = repair(&config, RepairMode::DryRun).await.unwrap();
    assert_eq!(planned.steps.len(), 1);
    assert!(planned.copy.is_some());
    assert_eq!(files(dir.path()), before);
}

/// All files but the lock, with what they hold.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let all = std::fs::read_dir(dir).unwrap().map(|it| it.unwrap().path());
    let mut files: Vec<_> = all
        .filter(|path| !path.ends_with("LOCK"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap_or_default()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_store_that_is_open_is_not_repaired() {
    let dir = scratch();
    let config = small(dir.path());
    let (opener, wal) = filled(&config, 3).await;
    let pid = std::process::id().to_string();
    let progress = Progress::default();
    let own = Maintenance::repair(&opener, RepairMode::DryRun, &progress).await;
    // Another process knows it by the lock; it is the same one here, which is waited for.
    for error in [own, repair(&config, RepairMode::Apply).await].map(Result::unwrap_err) {
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains(&pid), "{error}");
    }
    drop(wal);
}

#[tokio::test]
async fn no_store_and_no_manifest_are_told() {
    let dir = scratch();
    let error = repair(&small(&dir.path().join("none")), RepairMode::Apply).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    let config = closed(dir.path()).await;
    for name in ["MANIFEST.a", "MANIFEST.b"] {
        change(&dir.path().join(name), |bytes| bytes[40] ^= 1);
    }
    let error = repair(&config, RepairMode::Apply).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        error
            .to_string()
            .contains("restore MANIFEST.a or MANIFEST.b")
    );
}

#[tokio::test]
async fn losses_that_were_truncated_are_forgotten_by_the_next_repair() {
    let dir = scratch();
    let config = noted(dir.path()).await;
    let opener = apart(&config);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    wal.truncate(id(RECORDS - 1)).await.unwrap();
    drop(wal);
    opener.close().await.unwrap();
    assert!(verify(&apart(&config)).await.is_empty());
    std::fs::remove_file(dir.path().join("ACKED")).unwrap();
    apply(&config).await;
    assert!(!dir.path().join("LOSSES").exists());
    append_one(&config, RECORDS).await.unwrap();
}

#[tokio::test]
async fn losses_that_were_restored_are_forgotten_by_the_next_repair() {
    let dir = scratch();
    let config = closed(dir.path()).await;
    let (there, away) = (&segments(dir.path())[1], dir.path().join("away"));
    std::fs::rename(there, &away).unwrap();
    apply(&config).await;
    std::fs::rename(&away, there).unwrap();
    assert!(verify(&apart(&config)).await.is_empty());
    assert_eq!(apply(&config).await.steps.len(), 1);
    assert!(!dir.path().join("LOSSES").exists());
    assert_eq!(apply(&config).await, Repaired::default());
    std::fs::remove_file(there).unwrap();
    let error = read(&config).await.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

/// Ends, as a killed process does, after so many writes and syncs.
struct Killed(AtomicUsize);

impl Killed {
    fn step(&self) -> io::Result<()> {
        let left = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        left.map(|_| ()).map_err(|_| io::Error::other("killed"))
    }
}

impl Disk for Killed {
    fn create(&self, path: &Path) -> io::Result<File> {
        self.step()?;
        RealDisk.create(path)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.step()?;
        RealDisk.write(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        self.step()?;
        RealDisk.sync(file)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.sync_dir(path)
    }
}

#[tokio::test]
async fn a_repair_that_was_killed_anywhere_is_completed_by_another_one() {
    let dir = scratch();
    let kept = closed(dir.path()).await;
    for (way, _, damage) in WAYS.into_iter().rev().step_by(4) {
        let broken = scratch();
        copy(&kept.path, broken.path());
        damage(broken.path());
        let sound = salvageable(&small(broken.path())).await;
        for steps in (0..).step_by(3) {
            let there = scratch();
            copy(broken.path(), there.path());
            let config = small(there.path());
            let killed = apart_on(&config, Arc::new(Killed(AtomicUsize::new(steps))));
            let progress = Progress::default();
            let outcome = Maintenance::repair(&killed, RepairMode::Apply, &progress).await;
            drop(killed);
            apply(&config).await;
            let findings = verify(&apart(&config)).await;
            assert!(
                findings.iter().all(|it| it.known),
                "{way} {steps}: {findings:?}"
            );
            let number = append_one(&config, RECORDS).await.unwrap();
            assert!(number >= RECORDS, "{way} {steps}");
            let mut numbers = sound.clone();
            numbers.push(number);
            let got = read(&config).await;
            assert!(got.error.is_none(), "{way} {steps}: {got:?}");
            assert_eq!(got.numbers(), numbers, "{way} {steps}");
            if outcome.is_ok() {
                assert!(steps > 10, "{way}: the repair does next to nothing");
                break;
            }
        }
    }
}
