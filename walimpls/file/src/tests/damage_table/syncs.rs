//! A sync that fails once: each of a store's life in turn.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};

use walx_core::ErrorKind;

use super::super::full::all_there;
use super::super::*;

/// A disk one of whose syncs fails.
struct Once(AtomicI64);

impl Once {
    fn sync(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 0 {
            return Err(io::Error::from_raw_os_error(5));
        }
        sync()
    }
}

impl Disk for Once {
    fn sync(&self, file: &File) -> io::Result<()> {
        self.sync(|| RealDisk.sync(file))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.sync(|| RealDisk.sync_dir(path))
    }
}

/// A life of a store: opened twice, appended to, truncated, closed. How many were acknowledged, and what was refused.
async fn life(config: &FileConfig, disk: Arc<Once>) -> (u64, Vec<Error>) {
    let (mut acked, mut refusals) = (0, Vec::new());
    for opens in 0..2 {
        let opener = apart_on(config, Arc::clone(&disk) as Arc<dyn Disk>);
        let wal = match opener.open(&name("a"), Claim::TakeOver).await {
            Ok(wal) => wal,
            Err(error) => {
                refusals.push(error);
                let again = opener.open(&name("a"), Claim::TakeOver).await;
                again.unwrap_or_else(|error| panic!("the second open was refused: {error}"))
            }
        };
        let newest = wal.bounds().await.unwrap().newest;
        let there = newest.map_or(0, |id| id.to_u64().unwrap() + 1);
        assert!(there >= acked, "{there} of {acked} are left");
        all_but_nothing(&*wal, there).await;
        acked = there;
        for number in there..there + 12 {
            match append(&*wal, number, format!("record {number}{:900}", "")).await {
                Ok(given) => {
                    assert_eq!(given, number);
                    acked = number + 1;
                }
                Err(error) => {
                    refusals.push(error);
                    break;
                }
            }
        }
        let kept = scan(&*wal, Start::Earliest, acked as usize).await;
        assert_eq!(kept.numbers().len(), acked as usize, "{:?}", kept.error);
        if opens == 1 {
            match wal.truncate(id(0)).await {
                Ok(()) => {}
                Err(error) => refusals.push(error),
            }
        }
        drop(wal);
        if let Err(error) = opener.close().await {
            refusals.push(error);
        }
    }
    (acked, refusals)
}

async fn all_but_nothing(wal: &dyn WalImpls, records: u64) {
    if records > 0 {
        all_there(wal, records).await;
    }
}

#[tokio::test]
async fn a_sync_that_fails_once_each_in_turn() {
    let mut failing = 0;
    loop {
        let dir = scratch();
        let config = small(dir.path());
        let disk = Arc::new(Once(AtomicI64::new(failing)));
        let (acked, refusals) = life(&config, Arc::clone(&disk)).await;
        for error in &refusals {
            let kinds = [
                ErrorKind::Unavailable,
                ErrorKind::OutcomeUnknown,
                ErrorKind::NotWritten,
            ];
            assert!(kinds.contains(&error.kind()), "sync {failing}: {error}");
        }
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let bounds = wal.bounds().await.unwrap();
        let (first, newest) = (bounds.earliest.unwrap(), bounds.newest.unwrap());
        let (first, there) = (first.to_u64().unwrap(), newest.to_u64().unwrap() + 1);
        assert!(
            there >= acked,
            "sync {failing}: {there} of {acked} are left"
        );
        let got = scan(&*wal, Start::Earliest, (there - first) as usize).await;
        assert_eq!(got.numbers(), (first..there).collect::<Vec<_>>());
        if disk.0.load(Ordering::SeqCst) >= 0 {
            assert!(refusals.is_empty(), "{refusals:?}");
            break;
        }
        failing += 1;
    }
    assert!(failing > 30, "only {failing} syncs were tried");
}
