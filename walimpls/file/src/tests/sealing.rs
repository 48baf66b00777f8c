//! Segments that a writer did not come to seal, and searches through what has no end of its own.

use std::fs::File;
use std::io;

use walx_core::ErrorKind;

use super::*;
use crate::footer;
use crate::frame::{FrameHeader, kind};
use crate::making::Making;
use crate::manifest::Manifest;
use crate::segment::{BLOCK, Found, Segment};
use crate::walk::{self, Spot};

/// A disk that refuses footers.
struct Unsealed;

impl Disk for Unsealed {
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        if bytes.starts_with(b"WXFR") && bytes[5] == kind::FOOTER {
            return Err(io::ErrorKind::StorageFull.into());
        }
        RealDisk.write(file, bytes, offset)
    }
}

async fn unsealed(dir: &Path, records: u64) -> (FileOpener, Arc<dyn WalImpls>) {
    let opener = apart_on(&small(dir), Arc::new(Unsealed));
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    for number in 0..records {
        append(&*wal, number, vec![number as u8; 500])
            .await
            .unwrap();
    }
    assert!(segments(dir).len() >= 4);
    (opener, wal)
}

#[tokio::test]
async fn truncated_records_behind_an_unsealed_segment_are_no_damage() {
    for damage in [FileDamage::Strict, FileDamage::Salvage] {
        let dir = scratch();
        let (_opener, wal) = unsealed(dir.path(), 60).await;
        let elsewhere = apart(&small(dir.path()).with_damage(damage));
        let reader = elsewhere.open_read_only(&name("a")).await.unwrap();
        let mut scanners = Vec::new();
        for last in 0..50 {
            let mut scanner = reader
                .scan(Start::Earliest, ScanOptions::new(1))
                .await
                .unwrap();
            assert_eq!(
                take(&mut *scanner, last + 1).await.numbers().len(),
                last + 1
            );
            scanners.push(scanner);
        }
        wal.truncate(id(55)).await.unwrap();
        let mut told = 0;
        for mut scanner in scanners {
            // What it has in memory it may give; then it is told.
            let mut newest = None;
            while newest != Some(59) {
                let got = take_any(&mut *scanner).await;
                assert!(got.damage.is_empty(), "{got:?}");
                newest = got.numbers().last().copied().or(newest);
                if let Some(error) = got.error {
                    let lost = ErrorKind::PositionLost {
                        earliest: Some(id(56)),
                    };
                    assert_eq!(error.kind(), lost, "{error}");
                    told += 1;
                    break;
                }
            }
        }
        assert!(
            told > 10,
            "only {told} readers stood before what was removed"
        );
    }
}

#[tokio::test]
async fn recovery_seals_what_a_writer_left_unsealed() {
    let dir = scratch();
    let (opener, wal) = unsealed(dir.path(), 60).await;
    let there = segments(dir.path()).len() as u64;
    drop(wal);
    opener.close().await.unwrap();
    let uuid = Manifest::load(dir.path()).unwrap().unwrap().uuid();
    let sealed = |number| match Segment::find(dir.path(), uuid, number, false).unwrap() {
        Found::Segment(segment) => footer::read(&segment).unwrap().is_some(),
        _ => panic!("segment {number} is gone"),
    };
    assert!((0..there).all(|number| !sealed(number)));
    // A torn footer is one that was never written.
    let torn = segments(dir.path()).remove(1);
    let mut bytes = std::fs::read(&torn).unwrap();
    bytes.extend_from_slice(&[7; 50]);
    std::fs::write(&torn, bytes).unwrap();
    let opener = apart(&small(dir.path()));
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert!((0..there - 1).all(sealed));
    let got = scan(&*wal, Start::Earliest, 60).await;
    assert_eq!(got.numbers(), (0..60).collect::<Vec<_>>());
    wal.truncate(id(59)).await.unwrap();
    assert_eq!(segments(dir.path()).len(), 1);
}

/// Bytes that this thread has read.
fn bytes_read() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.unwrap().parse().unwrap()
}

#[test]
fn a_search_reads_a_segment_once() {
    const FRAMES: u64 = 40_000;
    let dir = scratch();
    let start = Spot {
        offset: BLOCK,
        serial: 0,
        chain: Some(0),
    };
    let making = Making::new(dir.path(), [7; 16], 0, 0, start);
    let segment = making.make(dir.path(), &RealDisk).unwrap();
    let mut bytes = Vec::new();
    for serial in 0..FRAMES {
        let mut header = FrameHeader::new(kind::RECORDS, &[], 0, 1);
        (header.first_serial, header.acked) = (serial, serial);
        let offset = BLOCK + bytes.len() as u64;
        bytes.extend_from_slice(&header.encode(segment.header.seed(), offset));
    }
    RealDisk.write(&segment.file, &bytes, BLOCK).unwrap();
    let most = 2 * bytes.len() as u64;
    let before = bytes_read();
    assert_eq!(walk::acked_behind(&segment, BLOCK).unwrap(), FRAMES - 1);
    let read = bytes_read() - before;
    assert!(read < most, "{read} bytes were read of {}", bytes.len());
    let before = bytes_read();
    let found = walk::search(&segment, BLOCK + 8, FRAMES - 1).unwrap();
    assert_eq!(found.unwrap().1.first_serial, FRAMES - 1);
    let read = bytes_read() - before;
    assert!(read < most, "{read} bytes were read of {}", bytes.len());
}
