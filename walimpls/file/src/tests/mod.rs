//! Tests of the whole backend that need its insides: other disks, several stores of one directory in one process.

mod apart;
mod begun;
mod cuts;
mod damage;
mod damage_table;
mod doctor;
mod faults;
mod format;
mod full;
mod log;
mod mounts;
mod notice;
mod owners;
mod processes;
mod races;
mod readonly;
mod repair;
mod replaced;
mod salvage;
mod sealing;
mod simulation;
mod tmpfs;
mod truncation;
mod usage;
mod verify;

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use walx_core::{
    ChannelName, Config, Error, Header, Kind, Lsn, MessageId, Owner, Record, Result, Seq, Term,
    Tick,
};
use walx_impls::{
    Batch, Claim, OpenerBuilderImpls, OpenerImpls, RoWalImpls, ScanOptions, Scanned, ScannerImpls,
    Start, WalImpls,
};
use walx_utility::clock;

use crate::config::FileConfig;
use crate::directory::Directory;
use crate::disk::{Disk, RealDisk};
use crate::opener::FileOpener;
use crate::setting::FileDamage;
use crate::{ByteSize, FileBuilder};

/// A directory in memory where there is one: thousands of syncs are waited for.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

fn name(channel: &str) -> ChannelName {
    ChannelName::new(channel).unwrap()
}

fn small(dir: &Path) -> FileConfig {
    FileConfig::new(dir).with_segment(ByteSize(8 << 10))
}

/// As a user opens it.
async fn build(config: &FileConfig) -> Result<Arc<dyn OpenerImpls>> {
    FileBuilder.build(Config::from(config)).await
}

/// As another process opens it.
fn apart(config: &FileConfig) -> FileOpener {
    apart_on(config, Arc::new(RealDisk))
}

fn apart_on(config: &FileConfig, disk: Arc<dyn Disk>) -> FileOpener {
    FileOpener::new(Directory::enter_apart(config.clone(), disk))
}

fn record(number: u64, payload: impl Into<Vec<u8>>) -> Record {
    let tick = Tick::new(1_000 + number);
    let header = Header::new(Kind::Data, Owner::new(Term::FIRST), tick)
        .numbered(Seq::new(number), Lsn::new(number));
    Record {
        payload: payload.into().into(),
        ..Record::marker(header)
    }
}

async fn append(wal: &dyn WalImpls, number: u64, payload: impl Into<Vec<u8>>) -> Result<u64> {
    match deadline(wal.append(Batch::One(record(number, payload)))).await? {
        Batch::One(id) => Ok(id.to_u64().unwrap()),
        Batch::Many(ids) => panic!("one record got {} ids", ids.len()),
    }
}

async fn deadline<T>(future: impl Future<Output = T>) -> T {
    clock::timeout(Duration::from_secs(20), future)
        .await
        .expect("nothing came within 20 s")
}

async fn batch(scanner: &mut dyn ScannerImpls) -> Result<Vec<Scanned>> {
    deadline(poll_fn(|context| scanner.poll_batch(context))).await
}

/// What a reader got: records as (number, payload), notes of damage, and the error that ended it.
#[derive(Debug, Default)]
struct Got {
    records: Vec<(u64, Vec<u8>)>,
    damage: Vec<String>,
    error: Option<Error>,
}

impl Got {
    fn numbers(&self) -> Vec<u64> {
        self.records.iter().map(|(number, _)| *number).collect()
    }
}

/// Reads until there are so many items, or an error.
async fn take(scanner: &mut dyn ScannerImpls, items: usize) -> Got {
    let mut got = Got::default();
    while got.records.len() + got.damage.len() < items && got.error.is_none() {
        let more = take_any(scanner).await;
        got.records.extend(more.records);
        got.damage.extend(more.damage);
        got.error = more.error;
    }
    got
}

/// Reads one batch.
async fn take_any(scanner: &mut dyn ScannerImpls) -> Got {
    let mut got = Got::default();
    match batch(scanner).await {
        Ok(batch) => {
            assert!(!batch.is_empty(), "a batch has at least one item");
            for item in batch {
                match item {
                    Scanned::Record(stored) => {
                        got.records
                            .push((stored.id.to_u64().unwrap(), stored.record.payload.to_vec()));
                    }
                    Scanned::Damage(text) => got.damage.push(text),
                    other => panic!("{other:?} is new to this test"),
                }
            }
        }
        Err(error) => got.error = Some(error),
    }
    got
}

async fn scan(wal: &(impl RoWalImpls + ?Sized), start: Start, items: usize) -> Got {
    match wal.scan(start, ScanOptions::default()).await {
        Ok(mut scanner) => take(&mut *scanner, items).await,
        Err(error) => Got {
            error: Some(error),
            ..Got::default()
        },
    }
}

/// A reader at the tail has nothing to give.
async fn at_tail(scanner: &mut dyn ScannerImpls) {
    let more = clock::timeout(
        Duration::from_millis(30),
        poll_fn(|context| scanner.poll_batch(context)),
    )
    .await;
    assert!(more.is_err(), "the tail gave {more:?}");
}

/// A store with channel "a" and so many records, each in a frame of its own.
async fn filled(config: &FileConfig, records: u64) -> (FileOpener, Arc<dyn WalImpls>) {
    let opener = apart(config);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    for number in 0..records {
        assert_eq!(
            append(&*wal, number, format!("record {number}"))
                .await
                .unwrap(),
            number
        );
    }
    (opener, wal)
}

/// What a killed process would leave: all files as they are now, but for the lock.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "LOCK" {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    crate::segment::list(dir)
        .unwrap()
        .into_iter()
        .map(|number| crate::segment::path(dir, number))
        .collect()
}

fn salvage(config: &FileConfig) -> FileConfig {
    config.clone().with_damage(FileDamage::Salvage)
}

fn id(number: u64) -> MessageId {
    crate::id::id(number)
}
