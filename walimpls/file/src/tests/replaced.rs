//! Stores that are removed, or made anew, while somebody has them open.

use walx_core::ErrorKind;
use walx_utility::spawn;

use super::*;
use crate::lock::{self, Lock};

/// A store of its own under the path, with three records.
async fn made_anew(dir: &Path) -> (FileOpener, Arc<dyn WalImpls>) {
    let opener = apart(&small(dir));
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    for number in 0..3 {
        append(&*wal, number, format!("new {number}"))
            .await
            .unwrap();
    }
    (opener, wal)
}

#[tokio::test]
async fn a_writer_whose_directory_was_replaced_writes_nothing_more() {
    let parent = scratch();
    let dir = parent.path().join("store");
    for append_first in [true, false] {
        let (old_opener, old) = filled(&small(&dir), 5).await;
        std::fs::remove_dir_all(&dir).unwrap();
        let (opener, wal) = made_anew(&dir).await;
        let before: Vec<_> = files(&dir);
        if append_first {
            fenced(&append(&*old, 5, "old").await.unwrap_err(), &dir);
            append(&*old, 6, "old").await.unwrap_err();
        }
        let error = old_opener
            .open(&name("b"), Claim::TakeOver)
            .await
            .err()
            .unwrap();
        if append_first {
            // The store failed, so it is opened anew, and another writer has it.
            assert!(matches!(error.kind(), ErrorKind::Conflict), "{error}");
        } else {
            fenced(&error, &dir);
        }
        drop(old);
        old_opener.close().await.unwrap_or_default();
        assert_eq!(files(&dir), before);
        assert_eq!(append(&*wal, 3, "new 3").await.unwrap(), 3);
        drop(wal);
        opener.close().await.unwrap();
        let opener = apart(&small(&dir));
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let got = scan(&*wal, Start::Earliest, 4).await;
        assert!(
            got.records
                .iter()
                .all(|(number, payload)| *payload == format!("new {number}").into_bytes()),
            "{got:?}"
        );
        drop((wal, opener));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

#[tokio::test]
async fn a_writer_whose_lock_was_removed_leaves_the_log_to_the_next_one() {
    let dir = scratch();
    let (old_opener, old) = filled(&small(dir.path()), 5).await;
    std::fs::remove_file(dir.path().join("LOCK")).unwrap();
    let opener = apart(&small(dir.path()));
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    append(&*wal, 5, "record 5").await.unwrap();
    let before = files(dir.path());
    fenced(&old.truncate(id(4)).await.unwrap_err(), dir.path());
    fenced(&append(&*old, 5, "old").await.unwrap_err(), dir.path());
    drop(old);
    old_opener.close().await.unwrap_err();
    assert_eq!(files(dir.path()), before);
    append(&*wal, 6, "record 6").await.unwrap();
    let got = scan(&*wal, Start::Earliest, 7).await;
    assert!(got.error.is_none(), "{got:?}");
    assert!(
        got.records
            .iter()
            .all(|(number, payload)| *payload == format!("record {number}").into_bytes())
    );
}

/// All files but the lock, with what is in them.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let there = std::fs::read_dir(dir).unwrap();
    let mut files: Vec<_> = there
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("LOCK"))
        .map(|path| (path.clone(), std::fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

fn fenced(error: &Error, dir: &Path) {
    assert_eq!(error.kind(), ErrorKind::Fenced, "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&format!("{} was removed or replaced", dir.display())),
        "{text}"
    );
}

#[tokio::test]
async fn a_lock_that_was_removed_while_it_was_waited_for_is_taken_anew() {
    let dir = scratch();
    let path = dir.path().to_owned();
    let first = Lock::take(&path).unwrap();
    let open = || {
        let fds = std::fs::read_dir("/proc/self/fd").unwrap();
        fds.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok())
            .filter(|file| file.starts_with(&path))
            .count()
    };
    let there = path.clone();
    let second = spawn::blocking(move || Lock::take(&there));
    let waiting = async {
        while open() < 2 {
            clock::sleep(Duration::from_millis(1)).await;
        }
    };
    deadline(waiting).await;
    std::fs::remove_file(path.join("LOCK")).unwrap();
    drop(first);
    let second = deadline(second).await.unwrap().unwrap();
    assert!(lock::is_held(&path).unwrap());
    assert!(second.right().check().is_ok());
}

fn exchange(one: &Path, other: &Path) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

#[tokio::test]
async fn a_follower_of_a_store_that_is_gone_is_told() {
    for (writer, anew) in [(true, false), (false, false), (true, true), (false, true)] {
        let parent = scratch();
        let dir = parent.path().join("store");
        let (opener, wal) = filled(&small(&dir), 5).await;
        let mut kept = Some((opener, wal));
        if !writer {
            let (opener, wal) = kept.take().unwrap();
            drop(wal);
            opener.close().await.unwrap();
        }
        let elsewhere = apart(&small(&dir));
        let reader = elsewhere.open_read_only(&name("a")).await.unwrap();
        let mut scanner = reader
            .scan(Start::Earliest, ScanOptions::default())
            .await
            .unwrap();
        assert_eq!(take(&mut *scanner, 5).await.numbers(), [0, 1, 2, 3, 4]);
        at_tail(&mut *scanner).await;
        // At once: a look at a store that is half removed says that it is damaged.
        if anew {
            let other = parent.path().join("other");
            drop(made_anew(&other).await);
            exchange(&other, &dir);
        } else {
            std::fs::rename(&dir, parent.path().join("gone")).unwrap();
        }
        let error = batch(&mut *scanner).await.unwrap_err();
        let expected = if anew {
            ErrorKind::PositionLost { earliest: None }
        } else {
            ErrorKind::NotFound
        };
        assert_eq!(error.kind(), expected, "{error}");
        drop(kept);
    }
}

#[tokio::test]
async fn a_follower_sees_a_writer_that_came_and_went_and_left_the_same_size() {
    let (dir, killed) = (scratch(), scratch());
    let (_opener, _wal) = filled(&small(dir.path()), 5).await;
    copy(dir.path(), killed.path());
    // The last record never made it to the disk, and nobody knows that it was acknowledged.
    std::fs::remove_file(killed.path().join("ACKED")).unwrap();
    let file = segments(killed.path()).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let at = bytes.windows(8).position(|it| it == b"record 4").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&file, &bytes).unwrap();

    let elsewhere = apart(&small(killed.path()));
    let reader = elsewhere.open_read_only(&name("a")).await.unwrap();
    let mut scanner = reader
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    assert_eq!(take(&mut *scanner, 4).await.numbers(), [0, 1, 2, 3]);
    at_tail(&mut *scanner).await;
    let opener = apart(&small(killed.path()));
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(append(&*wal, 4, "record 4").await.unwrap(), 4);
    drop(wal);
    opener.close().await.unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().len(), bytes.len() as u64);
    let got = take(&mut *scanner, 1).await;
    assert_eq!(got.numbers(), [4], "{got:?}");
}
