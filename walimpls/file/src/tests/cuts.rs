//! The last segment cut at every byte of its last three records.

use walx_core::ErrorKind;

use super::*;
use crate::frame::FrameHeader;
use crate::segment::{Head, SegmentHeader};

const RECORDS: u64 = 6;

/// Makes a store, kills or closes it, and says where the last three records lie.
async fn store(dir: &Path, clean: bool) -> (TempDir, Vec<u64>) {
    let (opener, wal) = filled(&small(dir), RECORDS - 3).await;
    let file = segments(dir).pop().unwrap();
    let mut ends = vec![std::fs::metadata(&file).unwrap().len()];
    for number in RECORDS - 3..RECORDS {
        append(&*wal, number, format!("record {number}"))
            .await
            .unwrap();
        ends.push(std::fs::metadata(&file).unwrap().len());
    }
    let kept = scratch();
    if clean {
        opener.close().await.unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().len(), ends[3]);
    }
    copy(dir, kept.path());
    (kept, ends)
}

fn cut(kept: &Path, to: &Path, len: u64) -> FileConfig {
    copy(kept, to);
    let file = segments(to).pop().unwrap();
    std::fs::OpenOptions::new()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(len)
        .unwrap();
    small(to)
}

/// How many records are whole where the file ends at `len`; the padding of a frame is no part of it.
fn whole(kept: &Path, ends: &[u64], len: u64) -> u64 {
    let bytes = std::fs::read(segments(kept).pop().unwrap()).unwrap();
    let Head::Sound(segment) = SegmentHeader::decode(&bytes) else {
        panic!("no header")
    };
    let data_end = |start: &u64| {
        let frame = FrameHeader::decode(&bytes[*start as usize..], segment.seed(), *start).unwrap();
        start + frame.bytes() as u64
    };
    RECORDS - 3
        + ends[..3]
            .iter()
            .filter(|start| data_end(start) <= len)
            .count() as u64
}

async fn is_corrupt(config: &FileConfig, offset: u64) {
    let before = std::fs::read(segments(&config.path).pop().unwrap()).unwrap();
    let opener = apart(config);
    let writing = opener
        .open(&name("a"), Claim::TakeOver)
        .await
        .err()
        .expect("the writer opened a damaged log");
    let reading = opener.open_read_only(&name("a")).await.unwrap();
    let reading = scan(&*reading, Start::Earliest, RECORDS as usize)
        .await
        .error
        .expect("the reader saw no damage");
    for error in [writing, reading] {
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        let text = error.to_string();
        assert!(text.contains("0000000000000000.wal"), "{text}");
        assert!(text.contains(&format!("offset: {offset}")), "{text}");
    }
    assert_eq!(
        std::fs::read(segments(&config.path).pop().unwrap()).unwrap(),
        before,
        "a refused open changed the log"
    );
}

#[tokio::test]
async fn a_log_that_was_closed_cleanly_is_corrupt_at_every_cut_and_salvage_reads_the_rest() {
    let dir = scratch();
    let (kept, ends) = store(dir.path(), true).await;
    for len in ends[0]..ends[3] {
        let there = scratch();
        let config = cut(kept.path(), there.path(), len);
        let sound = whole(kept.path(), &ends, len);
        if sound == RECORDS {
            assert!(ends[3] - len < 8, "only padding may be missing");
            continue;
        }
        is_corrupt(&config, ends[(sound - (RECORDS - 3)) as usize]).await;

        let bytes = std::fs::read(segments(there.path()).pop().unwrap()).unwrap();
        let opener = apart(&salvage(&config));
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let next = append(&*wal, RECORDS, "behind").await.unwrap();
        assert_eq!(
            next, RECORDS,
            "a number that was given out is not given out again"
        );
        let got = scan(&*wal, Start::Earliest, sound as usize + 2).await;
        assert_eq!(
            got.numbers(),
            (0..sound).chain([RECORDS]).collect::<Vec<_>>(),
            "cut at {len}"
        );
        assert_eq!(got.damage.len(), 1);
        assert!(
            got.damage[0].contains("0000000000000000.wal at "),
            "{}",
            got.damage[0]
        );
        assert_eq!(
            std::fs::read(&segments(there.path())[0]).unwrap(),
            bytes,
            "salvage changed damaged bytes"
        );
    }
}

#[tokio::test]
async fn a_killed_writer_is_held_to_what_it_acknowledged() {
    let dir = scratch();
    let (kept, ends) = store(dir.path(), false).await;
    for len in ends[0]..ends[3] {
        let there = scratch();
        let config = cut(kept.path(), there.path(), len);
        let sound = whole(kept.path(), &ends, len);
        if sound < RECORDS {
            is_corrupt(&config, ends[(sound - (RECORDS - 3)) as usize]).await;
        }
    }
    let there = scratch();
    let opener = apart(&cut(kept.path(), there.path(), ends[3]));
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(
        scan(&*wal, Start::Earliest, RECORDS as usize)
            .await
            .numbers()
            .len(),
        RECORDS as usize
    );
}

#[tokio::test]
async fn a_torn_tail_that_nobody_was_promised_is_cut_off() {
    let dir = scratch();
    let (kept, ends) = store(dir.path(), false).await;
    std::fs::remove_file(kept.path().join("ACKED")).unwrap();
    for len in ends[0]..=ends[3] {
        let there = scratch();
        let config = cut(kept.path(), there.path(), len);
        let sound = whole(kept.path(), &ends, len);
        // A reader without a writer sees the same, and changes nothing.
        let readers = apart(&config);
        let reader = readers.open_read_only(&name("a")).await.unwrap();
        assert_eq!(
            scan(&*reader, Start::Earliest, sound as usize)
                .await
                .numbers(),
            (0..sound).collect::<Vec<_>>()
        );
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        assert_eq!(
            append(&*wal, sound, "behind").await.unwrap(),
            sound,
            "cut at {len}"
        );
        drop(wal);
        drop(opener);

        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let got = scan(&*wal, Start::Earliest, sound as usize + 1).await;
        assert_eq!(
            got.numbers(),
            (0..=sound).collect::<Vec<_>>(),
            "cut at {len}"
        );
        assert_eq!(got.records.last().unwrap().1, b"behind");
    }
}

#[tokio::test]
async fn garbage_behind_the_tail_is_cut_off() {
    let dir = scratch();
    let (kept, ends) = store(dir.path(), false).await;
    for (garbage, acked) in [
        (vec![0; 5_000], true),
        (vec![0xff; 3], true),
        (b"WXFR".repeat(64), false),
    ] {
        let there = scratch();
        let config = cut(kept.path(), there.path(), ends[3]);
        if !acked {
            std::fs::remove_file(there.path().join("ACKED")).unwrap();
        }
        let file = segments(there.path()).pop().unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.extend_from_slice(&garbage);
        std::fs::write(&file, bytes).unwrap();
        let opener = apart(&config);
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        assert_eq!(append(&*wal, RECORDS, "behind").await.unwrap(), RECORDS);
        let got = scan(&*wal, Start::Earliest, RECORDS as usize + 1).await;
        assert_eq!(got.numbers(), (0..=RECORDS).collect::<Vec<_>>());
    }
}
