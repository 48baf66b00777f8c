//! What the disk refuses.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};

use walx_core::ErrorKind;

use super::*;

/// A disk that refuses on demand, and that can be held up.
#[derive(Default)]
struct Faulty {
    fail_write: AtomicBool,
    half_write: AtomicBool,
    fail_sync: AtomicBool,
    fail_create: AtomicBool,
    panic: AtomicBool,
    /// (writes are held up, one is waiting)
    gate: Mutex<(bool, bool)>,
    moved: Condvar,
}

impl Faulty {
    fn hold(&self, hold: bool) {
        self.gate.lock().unwrap().0 = hold;
        self.moved.notify_all();
    }

    /// Until the writer stands at the gate.
    fn held(&self) {
        let gate = self.gate.lock().unwrap();
        let (_gate, late) = self
            .moved
            .wait_timeout_while(gate, Duration::from_secs(20), |gate| !gate.1)
            .unwrap();
        assert!(!late.timed_out(), "the writer never wrote");
    }
}

impl Disk for Faulty {
    fn create(&self, path: &Path) -> io::Result<File> {
        if self.fail_create.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.create(path)
    }

    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut gate = self.gate.lock().unwrap();
        while gate.0 {
            gate.1 = true;
            self.moved.notify_all();
            gate = self.moved.wait(gate).unwrap();
        }
        gate.1 = false;
        drop(gate);
        if self.half_write.load(Ordering::SeqCst) {
            file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        assert!(!self.panic.load(Ordering::SeqCst), "the disk panics");
        if self.fail_write.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.write(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.fail_sync.swap(false, Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        RealDisk.sync(file)
    }
}

async fn on(disk: &Arc<Faulty>, dir: &Path) -> (FileOpener, Arc<dyn WalImpls>) {
    let config = small(dir).with_full_disk_wait(Duration::ZERO);
    let opener = apart_on(&config, Arc::clone(disk) as Arc<dyn Disk>);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    for number in 0..5 {
        append(&*wal, number, format!("record {number}"))
            .await
            .unwrap();
    }
    (opener, wal)
}

/// Breaks the disk while one append is being written and another one waits.
async fn poisoned(break_it: impl Fn(&Faulty), landed: std::ops::RangeInclusive<usize>) {
    let (dir, disk) = (scratch(), Arc::new(Faulty::default()));
    let (opener, wal) = on(&disk, dir.path()).await;
    let other = opener.open(&name("b"), Claim::TakeOver).await.unwrap();
    disk.hold(true);
    let written = wal.append(Batch::One(record(5, "record 5")));
    disk.held();
    let waiting = wal.append(Batch::One(record(6, "record 6")));
    let elsewhere = other.append(Batch::One(record(0, "b")));
    break_it(&disk);
    disk.hold(false);
    assert_eq!(
        deadline(written).await.unwrap_err().kind(),
        ErrorKind::OutcomeUnknown
    );
    assert_eq!(
        deadline(waiting).await.unwrap_err().kind(),
        ErrorKind::NotWritten
    );
    assert_eq!(
        deadline(elsewhere).await.unwrap_err().kind(),
        ErrorKind::NotWritten
    );
    // The disk works again, but this store never does.
    disk.half_write.store(false, Ordering::SeqCst);
    disk.fail_write.store(false, Ordering::SeqCst);
    assert_eq!(
        append(&*wal, 6, "record 6").await.unwrap_err().kind(),
        ErrorKind::NotWritten
    );
    assert_eq!(
        append(&*other, 0, "b").await.unwrap_err().kind(),
        ErrorKind::NotWritten
    );
    assert_eq!(
        scan(&*wal, Start::Earliest, 5).await.numbers(),
        [0, 1, 2, 3, 4]
    );

    // The same owner opens again: recovery finds out what is there.
    let again = opener
        .open(&name("a"), Claim::Resume(wal.fence_token()))
        .await
        .unwrap();
    let newest = again
        .bounds()
        .await
        .unwrap()
        .newest
        .unwrap()
        .to_u64()
        .unwrap();
    let there = newest as usize - 4;
    assert!(
        landed.contains(&there),
        "{there} of the unknown appends landed"
    );
    assert_eq!(append(&*again, newest + 1, "on").await.unwrap(), newest + 1);
    assert_eq!(
        scan(&*again, Start::Earliest, newest as usize + 2)
            .await
            .numbers(),
        (0..=newest + 1).collect::<Vec<_>>()
    );
    drop((wal, other, again));
    opener.close().await.unwrap();

    let opener = apart(&small(dir.path()));
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(wal.bounds().await.unwrap().newest, Some(id(newest + 1)));
}

#[tokio::test]
async fn a_full_disk_poisons_the_store_until_it_is_opened_again() {
    poisoned(|disk| disk.fail_write.store(true, Ordering::SeqCst), 0..=0).await;
}

#[tokio::test]
async fn half_a_write_is_cut_off_by_the_next_open() {
    poisoned(|disk| disk.half_write.store(true, Ordering::SeqCst), 0..=0).await;
}

#[tokio::test]
async fn a_sync_that_failed_is_never_tried_again() {
    poisoned(|disk| disk.fail_sync.store(true, Ordering::SeqCst), 1..=1).await;
}

#[tokio::test]
async fn a_segment_that_cannot_be_made_leaves_nothing_in_doubt() {
    let (dir, disk) = (scratch(), Arc::new(Faulty::default()));
    let (opener, wal) = on(&disk, dir.path()).await;
    disk.fail_create.store(true, Ordering::SeqCst);
    let mut number = 5;
    let error = loop {
        match append(&*wal, number, vec![0; 500]).await {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::NotWritten);
    assert!(number > 5, "the segment was full at once");
    disk.fail_create.store(false, Ordering::SeqCst);
    let again = opener
        .open(&name("a"), Claim::Resume(wal.fence_token()))
        .await
        .unwrap();
    for number in number..number + 40 {
        assert_eq!(append(&*again, number, vec![0; 500]).await.unwrap(), number);
    }
    assert!(segments(dir.path()).len() > 2);
    assert_eq!(
        scan(&*again, Start::Earliest, number as usize + 40)
            .await
            .numbers(),
        (0..number + 40).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn readers_go_on_with_the_store_that_follows_a_failed_one() {
    let (dir, disk) = (scratch(), Arc::new(Faulty::default()));
    let (opener, wal) = on(&disk, dir.path()).await;
    let reader = opener.open_read_only(&name("a")).await.unwrap();
    let mut scanner = reader
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    assert_eq!(take(&mut *scanner, 5).await.numbers(), [0, 1, 2, 3, 4]);
    disk.fail_write.store(true, Ordering::SeqCst);
    assert_eq!(
        append(&*wal, 5, "lost").await.unwrap_err().kind(),
        ErrorKind::OutcomeUnknown
    );
    disk.fail_write.store(false, Ordering::SeqCst);
    let again = opener
        .open(&name("a"), Claim::Resume(wal.fence_token()))
        .await
        .unwrap();
    append(&*again, 5, "kept").await.unwrap();
    assert_eq!(
        take(&mut *scanner, 1).await.records,
        [(5, b"kept".to_vec())]
    );
}

#[tokio::test]
async fn a_writer_that_panicked_is_a_store_that_failed() {
    let (dir, disk) = (scratch(), Arc::new(Faulty::default()));
    let (opener, wal) = on(&disk, dir.path()).await;
    disk.panic.store(true, Ordering::SeqCst);
    assert_eq!(
        append(&*wal, 5, "lost").await.unwrap_err().kind(),
        ErrorKind::OutcomeUnknown
    );
    disk.panic.store(false, Ordering::SeqCst);
    let again = opener
        .open(&name("a"), Claim::Resume(wal.fence_token()))
        .await
        .unwrap();
    assert_eq!(append(&*again, 5, "kept").await.unwrap(), 5);

    // A close behind a panic says nothing of a clean end.
    disk.panic.store(true, Ordering::SeqCst);
    append(&*again, 6, "lost").await.unwrap_err();
    disk.panic.store(false, Ordering::SeqCst);
    drop((wal, again));
    assert_eq!(
        opener.close().await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    let manifest = crate::manifest::Manifest::load(dir.path()).unwrap();
    assert_eq!(manifest.unwrap().clean, None);
    let opener = apart(&small(dir.path()));
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(append(&*wal, 6, "on").await.unwrap(), 6);
}

#[tokio::test]
async fn what_finds_too_much_waiting_is_not_written_and_neither_is_what_follows() {
    let (dir, disk) = (scratch(), Arc::new(Faulty::default()));
    let directory = Directory::enter_apart(small(dir.path()), Arc::clone(&disk) as Arc<dyn Disk>);
    let opener = FileOpener::new(Arc::clone(&directory));
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    directory.store().unwrap().shared.stage.lock().unwrap().most = 1_000;
    disk.hold(true);
    let written = wal.append(Batch::One(record(0, "written")));
    disk.held();
    let waiting = wal.append(Batch::One(record(1, vec![0; 500])));
    for number in [2, 3] {
        // The second one would fit, but overtakes nothing.
        let payload = vec![0; if number == 2 { 500 } else { 1 }];
        let error = append(&*wal, number, payload).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotWritten, "{error}");
    }
    disk.hold(false);
    deadline(written).await.unwrap();
    deadline(waiting).await.unwrap();
    let again = opener
        .open(&name("a"), Claim::Resume(wal.fence_token()))
        .await
        .unwrap();
    assert_eq!(append(&*again, 2, "again").await.unwrap(), 2);
}
