//! A disk that is full for a while. Room is needed only by what makes a file larger, as on a real one.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use walx_core::ErrorKind;

use super::*;
use crate::acked::Acked;
use crate::manifest::{Manifest, NAMES};
use crate::setting::FileDurability;

pub(super) const DURABILITIES: [FileDurability; 3] = [
    FileDurability::Each,
    FileDurability::Interval(Duration::from_millis(2)),
    FileDurability::Os,
];

/// A disk with so many bytes left.
struct Quota {
    left: AtomicU64,
    refused: AtomicU64,
    full_sync: AtomicBool,
}

impl Quota {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            left: AtomicU64::new(u64::MAX),
            refused: AtomicU64::new(0),
            full_sync: AtomicBool::new(false),
        })
    }

    fn leave(&self, bytes: u64) {
        self.refused.store(0, Ordering::SeqCst);
        self.left.store(bytes, Ordering::SeqCst);
    }

    /// Until the writer was refused so often.
    async fn refused(&self, times: u64) {
        eventually(|| self.refused.load(Ordering::SeqCst) >= times).await;
    }
}

impl Disk for Quota {
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (len, left) = (file.metadata()?.len(), self.left.load(Ordering::SeqCst));
        let grows = (offset + bytes.len() as u64).saturating_sub(len);
        if grows <= left {
            if left != u64::MAX {
                self.left.fetch_sub(grows, Ordering::SeqCst);
            }
            return RealDisk.write(file, bytes, offset);
        }
        let fits = bytes.len() - (grows - left) as usize;
        RealDisk.write(file, &bytes[..fits], offset)?;
        self.left.fetch_sub(left, Ordering::SeqCst);
        self.refused.fetch_add(1, Ordering::SeqCst);
        Err(io::ErrorKind::StorageFull.into())
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.full_sync.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.sync(file)
    }
}

/// Waits for a condition.
pub(super) async fn eventually(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            clock::sleep(Duration::from_millis(1)).await;
        }
    };
    deadline(waiting).await;
}

async fn on(disk: &Arc<Quota>, config: &FileConfig) -> (FileOpener, Arc<dyn WalImpls>) {
    let opener = apart_on(config, Arc::clone(disk) as Arc<dyn Disk>);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    for number in 0..5 {
        let payload = format!("record {number}");
        append(&*wal, number, payload).await.unwrap();
    }
    (opener, wal)
}

fn staged(wal: &dyn WalImpls, numbers: std::ops::Range<u64>) -> Vec<walx_impls::Appending> {
    let stage = |number| wal.append(Batch::One(record(number, format!("record {number}"))));
    numbers.map(stage).collect()
}

/// All records are there once, in order, with their bytes.
pub(super) async fn all_there(wal: &(impl RoWalImpls + ?Sized), records: u64) {
    let got = scan(wal, Start::Earliest, records as usize).await;
    assert!(got.error.is_none() && got.damage.is_empty(), "{got:?}");
    assert_eq!(got.numbers(), (0..records).collect::<Vec<_>>());
    for (number, payload) in &got.records {
        assert!(payload.starts_with(format!("record {number}").as_bytes()));
    }
    let newest = wal.bounds().await.unwrap().newest;
    assert_eq!(newest, Some(id(records - 1)), "there are more");
}

async fn is_waiting(append: &mut walx_impls::Appending) {
    let early = clock::timeout(Duration::from_millis(1), append).await;
    assert!(early.is_err(), "an append was answered: {early:?}");
}

#[tokio::test]
async fn appends_wait_for_room_wherever_it_ended_and_then_go_on() {
    for durability in DURABILITIES {
        for left in [0, 1, 47, 48, 49, 80, 113, 500] {
            let (dir, disk) = (scratch(), Quota::new());
            let config = small(dir.path()).with_durability(durability);
            let (opener, wal) = on(&disk, &config).await;
            disk.leave(left);
            let mut appends = staged(&*wal, 5..20);
            disk.refused(2).await;
            is_waiting(appends.last_mut().unwrap()).await;
            // The part of a frame that was written is no more to readers than nothing.
            let readers = apart(&config);
            let reader = readers.open_read_only(&name("a")).await.unwrap();
            let got = scan(&*reader, Start::Earliest, 5).await;
            assert_eq!(got.numbers()[..5], [0, 1, 2, 3, 4], "{got:?}");
            disk.leave(u64::MAX);
            for (number, append) in (5..).zip(appends) {
                let outcome = deadline(append).await;
                assert_eq!(outcome.unwrap(), Batch::One(id(number)));
            }
            all_there(&*wal, 20).await;
            drop(wal);
            opener.close().await.unwrap();
            let opener = apart(&small(dir.path()));
            let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
            all_there(&*wal, 20).await;
        }
    }
}

#[tokio::test]
async fn a_segment_waits_for_room_and_leaves_nothing_half_made() {
    for durability in DURABILITIES {
        // No room for the next segment; for its header but not for the footer before; for a part of the footer.
        for left in [0, 4_095, 4_096, 4_140] {
            let (dir, disk) = (scratch(), Quota::new());
            let config = small(dir.path()).with_durability(durability);
            let (opener, wal) = on(&disk, &config).await;
            let mut number = 5;
            let end = || std::fs::metadata(segments(dir.path()).pop().unwrap()).unwrap();
            while end().len() < (8 << 10) - 1_000 {
                append(&*wal, number, format!("record {number}"))
                    .await
                    .unwrap();
                number += 1;
            }
            assert_eq!(segments(dir.path()).len(), 1);
            // What goes into the first segment has room.
            disk.leave((8 << 10) - end().len() + left);
            let record = |number| record(number, format!("record {number}{:500}", ""));
            let mut appends: Vec<_> = (number..number + 20)
                .map(|number| wal.append(Batch::One(record(number))))
                .collect();
            disk.refused(2).await;
            is_waiting(appends.last_mut().unwrap()).await;
            let (killed, most) = (scratch(), if left < 4_096 { 2 } else { 3 });
            assert!(segments(dir.path()).len() <= most);
            copy(dir.path(), killed.path());
            disk.leave(u64::MAX);
            for append in appends {
                deadline(append).await.unwrap();
            }
            all_there(&*wal, number + 20).await;
            drop(wal);
            opener.close().await.unwrap();
            for (dir, least) in [(dir.path(), number + 20), (killed.path(), number)] {
                let opener = apart(&small(dir));
                let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
                let newest = wal.bounds().await.unwrap().newest.unwrap();
                let records = newest.to_u64().unwrap() + 1;
                assert!(records >= least, "{records} of {least} are left");
                all_there(&*wal, records).await;
            }
        }
    }
}

#[tokio::test]
async fn patience_ends_with_an_error_that_says_what_to_do() {
    for wait in [Duration::ZERO, Duration::from_millis(120)] {
        let (dir, disk) = (scratch(), Quota::new());
        let config = small(dir.path()).with_full_disk_wait(wait);
        let (opener, wal) = on(&disk, &config).await;
        disk.leave(30);
        let before = clock::now();
        let error = append(&*wal, 5, "record 5").await.unwrap_err();
        assert!(before.elapsed() >= wait);
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
        let reason = std::error::Error::source(&error).unwrap().to_string();
        let place = dir.path().display().to_string();
        for part in [
            "writing to the log needs",
            &place,
            "bytes free; free space there, or truncate channels, then open again",
        ] {
            assert!(reason.contains(part), "{reason}");
        }
        let error = append(&*wal, 6, "record 6").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotWritten);
        // Without a segment to end, an open needs no room; the append does.
        let again = opener
            .open(&name("a"), Claim::Resume(wal.fence_token()))
            .await
            .unwrap();
        all_there(&*again, 5).await;
        disk.leave(u64::MAX);
        assert_eq!(append(&*again, 5, "record 5").await.unwrap(), 5);
        all_there(&*again, 6).await;
    }
}

#[tokio::test]
async fn a_close_of_a_full_store_is_soon_over_and_tells_the_truth() {
    for durability in DURABILITIES {
        for drops in [false, true] {
            let (dir, disk) = (scratch(), Quota::new());
            let config = small(dir.path()).with_durability(durability);
            let (opener, wal) = on(&disk, &config).await;
            disk.leave(40);
            let written = wal.append(Batch::One(record(5, "record 5")));
            disk.refused(2).await;
            let waiting = wal.append(Batch::One(record(6, "record 6")));
            let before = clock::now();
            drop(wal);
            if drops {
                drop(opener);
            } else {
                let error = deadline(opener.close()).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            }
            let unknown = deadline(written).await.unwrap_err();
            assert_eq!(unknown.kind(), ErrorKind::OutcomeUnknown, "{unknown}");
            let never = deadline(waiting).await.unwrap_err();
            assert_eq!(never.kind(), ErrorKind::NotWritten, "{never}");
            assert!(before.elapsed() < Duration::from_secs(3));
            let opener = apart(&config);
            let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
            all_there(&*wal, 5).await;
        }
    }
}

#[tokio::test]
async fn a_close_tries_once_more() {
    let (dir, disk) = (scratch(), Quota::new());
    let (opener, wal) = on(&disk, &small(dir.path())).await;
    disk.leave(40);
    let appends = staged(&*wal, 5..7);
    disk.refused(3).await;
    disk.leave(u64::MAX);
    drop(wal);
    deadline(opener.close()).await.unwrap();
    for append in appends {
        deadline(append).await.unwrap();
    }
}

#[tokio::test]
async fn truncation_works_while_appends_wait() {
    let (dir, disk) = (scratch(), Quota::new());
    let (opener, wal) = on(&disk, &small(dir.path())).await;
    for number in 5..300 {
        append(&*wal, number, format!("record {number}"))
            .await
            .unwrap();
    }
    disk.leave(0);
    let append = wal.append(Batch::One(record(300, "record 300")));
    disk.refused(1).await;
    let before = segments(dir.path()).len();
    deadline(wal.truncate(id(250))).await.unwrap();
    deadline(opener.truncate(&name("a"), id(251)))
        .await
        .unwrap();
    assert!(segments(dir.path()).len() < before);
    assert_eq!(wal.bounds().await.unwrap().earliest, Some(id(252)));
    disk.leave(u64::MAX);
    deadline(append).await.unwrap();
    let got = scan(&*wal, Start::Earliest, 49).await;
    assert_eq!(got.numbers(), (252..=300).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_sync_without_room_is_a_sync_that_failed() {
    let (dir, disk) = (scratch(), Quota::new());
    let (opener, wal) = on(&disk, &small(dir.path())).await;
    disk.full_sync.store(true, Ordering::SeqCst);
    let error = append(&*wal, 5, "record 5").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    disk.full_sync.store(false, Ordering::SeqCst);
    let error = append(&*wal, 6, "record 6").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotWritten);
    drop(wal);
    opener.close().await.unwrap_err();
}

#[tokio::test]
async fn what_was_acknowledged_before_is_synced_while_the_rest_waits() {
    // A sync each day: nothing but the wait for room brings it forward.
    let (dir, disk) = (scratch(), Quota::new());
    let day = Duration::from_secs(24 * 60 * 60);
    let config = small(dir.path()).with_durability(FileDurability::Interval(day));
    let (_opener, wal) = on(&disk, &config).await;
    let uuid = Manifest::load(dir.path()).unwrap().unwrap().uuid();
    let durable = || Acked::load(dir.path(), uuid).unwrap().durable;
    assert_eq!(durable(), 0);
    disk.leave(0);
    let append = wal.append(Batch::One(record(5, "record 5")));
    disk.refused(1).await;
    // It stands in ACKED once there is more to tell.
    disk.leave(u64::MAX);
    deadline(append).await.unwrap();
    assert_eq!(durable(), 5);
}

#[tokio::test]
async fn a_channel_that_has_no_room_is_not_made_and_truncation_keeps_its_own() {
    let (dir, disk) = (scratch(), Quota::new());
    let (opener, wal) = on(&disk, &small(dir.path())).await;
    disk.leave(0);
    let error = loop {
        let made = opener.list().await.unwrap().len();
        let channel = name(&format!("channel-{made}-{}", "x".repeat(200)));
        match opener.open(&channel, Claim::TakeOver).await {
            Ok(_) => {}
            Err(error) => break error,
        }
        assert!(made < 2_000, "no channel was refused");
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let text = error.to_string();
    assert!(
        text.contains("making room for the manifest was refused: the disk is full"),
        "{text}"
    );
    let sizes = NAMES.map(|name| std::fs::metadata(dir.path().join(name)).unwrap().len());
    assert_eq!(sizes, [64 << 10; 2]);
    // Both files, again and again, and a clean close.
    for number in 0..5 {
        wal.truncate(id(number)).await.unwrap();
    }
    let channels = opener.list().await.unwrap();
    drop(wal);
    opener.close().await.unwrap();
    let opener = apart(&small(dir.path()));
    assert_eq!(opener.list().await.unwrap(), channels);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(append(&*wal, 5, "record 5").await.unwrap(), 5);
}
