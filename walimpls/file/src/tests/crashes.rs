//! A machine that loses power: of what was not synced, each sector is kept or lost by chance.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Mutex;

use walx_utility::random;

use super::*;

const SECTOR: u64 = 512;

/// Remembers what each file had when it was last synced.
#[derive(Default)]
struct Volatile {
    /// By inode: (size, what was written since, by sector, as it was before).
    unsynced: Mutex<HashMap<u64, Unsynced>>,
    /// Every so many syncs, the power fails right before one.
    syncs_left: Mutex<u64>,
    snapshot: Mutex<Option<(PathBuf, PathBuf)>>,
}

#[derive(Default)]
struct Unsynced {
    synced_len: u64,
    sectors: HashMap<u64, Vec<u8>>,
}

impl Volatile {
    /// What a disk has after the power failed.
    fn crash(&self, from: &Path, to: &Path) {
        copy(from, to);
        let unsynced = self.unsynced.lock().unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let Some(lost) = unsynced.get(&entry.metadata().unwrap().ino()) else {
                continue;
            };
            let file = File::options()
                .write(true)
                .open(to.join(entry.file_name()))
                .unwrap();
            // The size is as old or as new as it likes, too.
            if random::within(0..4) == 0 {
                file.set_len(lost.synced_len).unwrap();
                continue;
            }
            let keep_most = random::within(0..2) == 0;
            for (sector, before) in &lost.sectors {
                if random::within(0..8) < if keep_most { 1 } else { 5 } {
                    file.write_all_at(before, sector * SECTOR).unwrap();
                }
            }
        }
        // ACKED is never synced: it may be as it is, or gone.
        if random::within(0..2) == 0 {
            let _ = std::fs::remove_file(to.join("ACKED"));
        }
    }
}

impl Disk for Volatile {
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        let meta = file.metadata()?;
        let mut unsynced = self.unsynced.lock().unwrap();
        let lost = unsynced.entry(meta.ino()).or_insert_with(|| Unsynced {
            synced_len: meta.len(),
            ..Unsynced::default()
        });
        for sector in offset / SECTOR..(offset + bytes.len() as u64).div_ceil(SECTOR) {
            lost.sectors.entry(sector).or_insert_with(|| {
                let mut before = vec![0; SECTOR as usize];
                let _ = file.read_at(&mut before, sector * SECTOR);
                before
            });
        }
        drop(unsynced);
        RealDisk.write(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut left = self.syncs_left.lock().unwrap();
        *left = left.saturating_sub(1);
        if *left == 0
            && let Some((from, to)) = self.snapshot.lock().unwrap().take()
        {
            self.crash(&from, &to);
        }
        self.unsynced
            .lock()
            .unwrap()
            .remove(&file.metadata()?.ino());
        Ok(())
    }
}

impl Volatile {
    /// Lets the power fail at one of the next syncs; what is left comes to `to`.
    fn arm(&self, from: &Path, to: &Path) {
        *self.syncs_left.lock().unwrap() = random::within(1..12);
        *self.snapshot.lock().unwrap() = Some((from.to_owned(), to.to_owned()));
    }

    fn is_armed(&self) -> bool {
        self.snapshot.lock().unwrap().is_some()
    }
}

/// Three lives of a store, each ended by a loss of power, also within recovery.
async fn lives(seed: u64, config: &FileConfig, payload: std::ops::Range<u64>) {
    random::seed(seed);
    let mut dir = scratch();
    let (mut acked, mut next) = (0_u64, 0_u64);
    for life in 0..4 {
        let after = scratch();
        let disk = Arc::new(Volatile::default());
        disk.arm(dir.path(), after.path());
        let config = FileConfig {
            path: dir.path().to_owned(),
            ..config.clone()
        };
        let opener = apart_on(&config, Arc::clone(&disk) as Arc<dyn Disk>);
        let wal = opener.open(&name("a"), Claim::TakeOver).await;
        let wal = wal.unwrap_or_else(|error| panic!("seed {seed}, life {life}: {error}"));
        let end = wal
            .bounds()
            .await
            .unwrap()
            .newest
            .map_or(0, |id| id.to_u64().unwrap() + 1);
        assert!(
            end >= acked,
            "seed {seed}, life {life}: {acked} were acknowledged, {end} are left"
        );
        assert!(
            end <= next,
            "seed {seed}, life {life}: {end} came back of {next}"
        );
        let got = scan(&*wal, Start::Earliest, end as usize).await;
        assert_eq!(
            got.numbers(),
            (0..end).collect::<Vec<_>>(),
            "seed {seed}, life {life}: {:?}",
            got.error
        );
        assert!(
            got.records
                .iter()
                .all(|(number, payload)| payload.iter().all(|byte| *byte == *number as u8))
        );
        // What recovery took over is durable once the open has answered, not before.
        next = end;
        while disk.is_armed() {
            acked = next;
            // Many at once: a rotation between them, or several frames in one write.
            let appends: Vec<_> = (0..random::within(1..6))
                .map(|_| {
                    let payload = vec![next as u8; random::within(payload.clone()) as usize];
                    next += 1;
                    wal.append(Batch::One(record(next - 1, payload)))
                })
                .collect();
            for append in appends {
                deadline(append).await.unwrap();
            }
        }
        drop((wal, opener));
        dir = after;
    }
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_loss_of_power() {
    for seed in 0..100 {
        lives(seed, &small(Path::new("")), 0..3_000).await;
    }
}

#[tokio::test]
async fn a_write_of_many_frames_that_is_torn_anywhere_is_no_damage() {
    for seed in 0..20 {
        lives(seed, &FileConfig::new(""), 300_000..700_000).await;
    }
}
