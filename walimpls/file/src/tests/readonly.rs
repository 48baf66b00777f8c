//! Directories that nobody may write to: writers are refused by name, readers read.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use walx_core::ErrorKind;

use super::full::all_there;
use super::mounts::Mount;
use super::*;

const DIR: &str = "WALX_FILE_TEST_READ_ONLY";
const RECORDS: u64 = 100;
/// The user "nobody", who may write nowhere.
const NOBODY: u32 = 65_534;

/// A store that was closed, and what a killed process left of one, with and without its `ACKED`.
async fn stores(dir: &Path) {
    let config = small(&dir.join("closed"));
    let (opener, wal) = filled(&config, RECORDS).await;
    copy(&config.path, &dir.join("killed"));
    copy(&config.path, &dir.join("unsure"));
    std::fs::remove_file(dir.join("unsure/ACKED")).unwrap();
    drop(wal);
    opener.close().await.unwrap();
}

/// What may be done there: nothing but reading.
async fn is_read_only(dir: &Path, why: &str) {
    for store in ["closed", "killed", "unsure"] {
        let config = small(&dir.join(store));
        let opener = apart(&config);
        let reader = opener.open_read_only(&name("a")).await.unwrap();
        all_there(&*reader, RECORDS).await;
        let mut scanner = reader
            .scan(Start::After(id(RECORDS - 1)), ScanOptions::default())
            .await
            .unwrap();
        at_tail(&mut *scanner).await;
        assert_eq!(opener.list().await.unwrap(), [name("a")]);
        for salvaging in [config.clone(), salvage(&config)] {
            let opener = apart(&salvaging);
            let opened = opener.open(&name("a"), Claim::TakeOver).await;
            refused(&opened.err().unwrap(), &config.path, why);
        }
        let truncated = opener.truncate(&name("a"), id(5)).await;
        refused(&truncated.unwrap_err(), &config.path, why);
        // And still.
        all_there(&*reader, RECORDS).await;
    }
    let opener = apart(&small(&dir.join("new/store")));
    let opened = opener.open(&name("a"), Claim::TakeOver).await;
    refused(&opened.err().unwrap(), dir, why);
}

fn refused(error: &Error, dir: &Path, why: &str) {
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let text = error.to_string();
    assert!(text.contains(&dir.display().to_string()), "{text}");
    assert!(text.contains(why), "{text}");
    assert!(text.contains("or open read-only"), "{text}");
}

#[tokio::test]
#[ignore = "another test starts it, as a user without rights"]
async fn a_user_without_rights_reads_and_is_refused_to_write() {
    let dir = std::env::var_os(DIR).expect("started by another test");
    is_read_only(Path::new(&dir), "this user has no right to").await;
}

#[tokio::test]
async fn a_directory_without_the_right_to_write_is_refused_and_read() {
    let dir = scratch();
    stores(dir.path()).await;
    let mut all: Vec<_> = ["closed", "killed", "unsure"]
        .iter()
        .flat_map(|store| std::fs::read_dir(dir.path().join(store)).unwrap())
        .map(|entry| (entry.unwrap().path(), 0o444))
        .collect();
    all.extend(["closed", "killed", "unsure", ""].map(|store| (dir.path().join(store), 0o555)));
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for (path, mode) in &all {
        set(path, *mode);
    }
    // Root may write whatever the mode says, and the test program may lie where only root reads.
    let test = "tests::readonly::a_user_without_rights_reads_and_is_refused_to_write";
    let program = scratch();
    set(program.path(), 0o755);
    let exe = program.path().join("test");
    std::fs::copy(std::env::current_exe().unwrap(), &exe).unwrap();
    set(&exe, 0o755);
    let mut child = Command::new(&exe);
    child
        .args(["--exact", test, "--nocapture", "--ignored"])
        .current_dir("/")
        .env(DIR, dir.path());
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        child.uid(NOBODY).gid(NOBODY);
    }
    let output = child.output().unwrap();
    for (path, _) in all.iter().rev() {
        set(path, 0o755);
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let passed = text.contains("test result: ok. 1 passed");
    assert!(passed, "{text}{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_file_system_that_is_mounted_read_only_is_refused_and_read() {
    let test = "tests::readonly::a_file_system_that_is_mounted_read_only_is_refused_and_read";
    for bind in [false, true] {
        let Some(mut mount) = Mount::small(test, 4 << 10) else {
            return;
        };
        stores(mount.path()).await;
        if bind {
            mount.bind_read_only();
        } else {
            mount.read_only(true);
        }
        is_read_only(mount.path(), "the file system is mounted read-only").await;
        if !bind {
            mount.read_only(false);
            let opener = apart(&small(&mount.path().join("killed")));
            let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
            assert_eq!(append(&*wal, RECORDS, "on").await.unwrap(), RECORDS);
        }
    }
}
