//! What a doctor says, with and without a store.

use walx_core::{Check, Health};

use super::damage::{change, closed};
use super::*;

async fn doctor(config: &FileConfig) -> Vec<Check> {
    FileBuilder.doctor(Config::from(config)).await
}

fn check<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.name == name).unwrap()
}

#[tokio::test]
async fn a_sound_store_is_good_and_nothing_is_made() {
    let dir = scratch();
    let config = small(&dir.path().join("not/yet"));
    let checks = doctor(&config).await;
    assert!(check(&checks, "directory").text.contains("not there yet"));
    assert!(!dir.path().join("not").exists());
    let config = closed(dir.path()).await;
    let checks = doctor(&config).await;
    for name in ["configuration", "directory", "file system", "lock", "files"] {
        assert_eq!(check(&checks, name).health, Health::Good, "{checks:?}");
    }
    assert!(check(&checks, "free space").text.contains("segments of"));
    assert!(check(&checks, "lock").text.contains("free; stale"));
}

#[tokio::test]
async fn what_is_wrong_is_told() {
    let wrong = Config::from(&FileConfig::new("x")).with("colour", "red");
    let checks = FileBuilder.doctor(wrong).await;
    assert_eq!(checks.len(), 1);
    assert_eq!(checks[0].health, Health::Problem);
    assert!(checks[0].text.contains("colour"), "{checks:?}");

    let dir = scratch();
    let (opener, wal) = filled(&small(dir.path()), 3).await;
    let checks = doctor(&small(dir.path())).await;
    let lock = check(&checks, "lock");
    let held = format!("held by process {} (", std::process::id());
    assert!(lock.text.contains(&held), "{lock:?}");
    drop((wal, opener));

    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let checks = doctor(&small(&file)).await;
    assert_eq!(check(&checks, "directory").health, Health::Problem);

    let huge = FileConfig::new(dir.path()).with_segment(ByteSize(4 << 30));
    let space = doctor(&huge).await;
    let space = check(&space, "free space");
    let free = crate::full::free(dir.path()).unwrap();
    assert_eq!(space.health == Health::Problem, free < 4 << 30, "{space:?}");
}

#[tokio::test]
async fn damaged_small_files_and_repairs_are_told() {
    let dir = scratch();
    let config = closed(dir.path()).await;
    change(&dir.path().join("MANIFEST.a"), |bytes| bytes[40] ^= 1);
    change(&segments(dir.path())[0], |bytes| bytes[4_096 + 90] ^= 1);
    let checks = doctor(&config).await;
    let files = check(&checks, "files");
    assert!(files.health == Health::Warning && files.text.contains("MANIFEST.a is not sound"));
    let repaired = repair::apply(&config).await;
    let folder = PathBuf::from(repaired.copy.unwrap());
    let checks = doctor(&config).await;
    let text = &check(&checks, "files").text;
    assert!(text.contains("1 places with lost records"), "{text}");
    std::fs::write(folder.join("UNFINISHED"), "").unwrap();
    let checks = doctor(&config).await;
    let text = &check(&checks, "files").text;
    assert!(text.contains("was interrupted; repair again"), "{text}");
    for name in ["MANIFEST.a", "MANIFEST.b"] {
        change(&dir.path().join(name), |bytes| bytes[40] ^= 1);
    }
    let checks = doctor(&config).await;
    let files = check(&checks, "files");
    assert!(files.health == Health::Problem && files.text.contains("MANIFEST.a nor MANIFEST.b"));
}
