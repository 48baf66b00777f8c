//! Damage in the middle: found, named, never delivered.

use walx_core::ErrorKind;

use super::*;

pub(super) const RECORDS: u64 = 200;

/// A log of several segments, closed.
pub(super) async fn closed(dir: &Path) -> FileConfig {
    let config = small(dir);
    let (opener, wal) = filled(&config, RECORDS).await;
    drop(wal);
    opener.close().await.unwrap();
    assert!(segments(dir).len() >= 3);
    config
}

pub(super) fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(file).unwrap();
    change(&mut bytes);
    std::fs::write(file, bytes).unwrap();
}

/// Opens and reads all: what was read, and what refused to go on.
async fn read(config: &FileConfig) -> Got {
    let opener = apart(config);
    match opener.open(&name("a"), Claim::TakeOver).await {
        Ok(wal) => scan(&*wal, Start::Earliest, RECORDS as usize).await,
        Err(error) => Got {
            error: Some(error),
            ..Got::default()
        },
    }
}

/// Salvage delivers what is sound, in order, and notes at least one place where something is missing.
async fn salvaged(config: &FileConfig) {
    let opener = apart(&salvage(config));
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    let newest = append(&*wal, RECORDS, "record end").await.unwrap();
    assert!(newest >= RECORDS, "number {newest} was given out twice");
    let mut scanner = wal
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    let mut got = Got::default();
    while got
        .records
        .last()
        .is_none_or(|(number, _)| *number < newest)
    {
        let more = take_any(&mut *scanner).await;
        assert!(more.error.is_none(), "{more:?}");
        got.records.extend(more.records);
        got.damage.extend(more.damage);
    }
    got.records.pop();
    is_true(&got);
    let missing = RECORDS as usize - got.records.len();
    assert_eq!(
        missing > 0,
        !got.damage.is_empty(),
        "{missing} are missing: {:?}",
        got.damage
    );
}

pub(super) fn is_true(got: &Got) {
    let mut last = None;
    for (number, payload) in &got.records {
        assert!(last < Some(*number), "{last:?} came before {number}");
        last = Some(*number);
        assert_eq!(*payload, format!("record {number}").into_bytes());
    }
}

#[tokio::test]
async fn a_flipped_bit_is_never_delivered() {
    let dir = scratch();
    let kept = closed(dir.path()).await;
    let sizes: Vec<_> = segments(dir.path())
        .iter()
        .map(|file| std::fs::metadata(file).unwrap().len())
        .collect();
    let (mut named, mut harmless, mut at) = (0, 0, 0_u64);
    for (segment, size) in sizes.iter().enumerate() {
        // Bits that move on by an odd stride: heads, directories, records, padding, footers.
        let mut offset = 0;
        while offset < *size {
            let there = scratch();
            copy(&kept.path, there.path());
            let file = segments(there.path()).remove(segment);
            change(&file, |bytes| bytes[offset as usize] ^= 1 << (at % 8));
            let got = read(&small(there.path())).await;
            is_true(&got);
            match got.error {
                Some(error) => {
                    assert!(
                        matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported),
                        "{error}"
                    );
                    let text = error.to_string();
                    assert!(text.contains(".wal") && text.contains("offset: "), "{text}");
                    named += 1;
                }
                // Padding, and footers: what they say is read from the segment itself.
                None => {
                    assert_eq!(
                        got.numbers(),
                        (0..RECORDS).collect::<Vec<_>>(),
                        "segment {segment}, byte {offset}"
                    );
                    harmless += 1;
                }
            }
            salvaged(&small(there.path())).await;
            at += 1;
            offset += 97;
        }
    }
    assert!(named > harmless * 4, "{named} found, {harmless} harmless");
}

#[tokio::test]
async fn salvage_loses_only_the_damaged_record() {
    let dir = scratch();
    let config = small(dir.path());
    let opener = apart(&config);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    // One frame with many records.
    let records = (0..20)
        .map(|number| record(number, format!("record {number}")))
        .collect();
    deadline(wal.append(Batch::Many(records))).await.unwrap();
    append(&*wal, 20, "record 20").await.unwrap();
    drop(wal);
    opener.close().await.unwrap();
    let file = segments(dir.path()).pop().unwrap();
    change(&file, |bytes| {
        let at = bytes
            .windows(8)
            .position(|window| window == b"record 7")
            .unwrap();
        bytes[at] ^= 1;
    });
    let strict = apart(&config)
        .open(&name("a"), Claim::TakeOver)
        .await
        .err()
        .unwrap();
    assert_eq!(strict.kind(), ErrorKind::Corrupt);
    let readers = apart(&salvage(&config));
    let reader = readers.open_read_only(&name("a")).await.unwrap();
    let got = scan(&*reader, Start::Earliest, 21).await;
    is_true(&got);
    assert_eq!(
        got.numbers(),
        (0..=20).filter(|number| *number != 7).collect::<Vec<_>>()
    );
    assert_eq!(got.damage.len(), 1);
    assert!(
        got.damage[0].contains("record 7 (serial 7) is damaged"),
        "{}",
        got.damage[0]
    );
}

#[tokio::test]
async fn salvage_goes_on_behind_zeroed_blocks_and_missing_segments() {
    for missing in [false, true] {
        let dir = scratch();
        let config = closed(dir.path()).await;
        let file = segments(dir.path()).remove(1);
        if missing {
            std::fs::remove_file(&file).unwrap();
        } else {
            change(&file, |bytes| bytes[4_500..6_000].fill(0));
        }
        let error = read(&config).await.error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(
            error.to_string().contains("0000000000000001.wal"),
            "{error}"
        );

        let opener = apart(&salvage(&config));
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        let mut scanner = wal
            .scan(Start::Earliest, ScanOptions::default())
            .await
            .unwrap();
        let mut got = take(&mut *scanner, 1).await;
        while got.numbers().last() != Some(&(RECORDS - 1)) {
            let more = take(&mut *scanner, 1).await;
            assert!(more.error.is_none(), "{more:?}");
            got.records.extend(more.records);
            got.damage.extend(more.damage);
        }
        is_true(&got);
        assert!(
            !got.damage.is_empty() && got.damage[0].contains("0000000000000001.wal at "),
            "{:?}",
            got.damage
        );
        assert!(
            got.records.len() > RECORDS as usize / 3,
            "only {} records are left",
            got.records.len()
        );
        assert_eq!(append(&*wal, RECORDS, "next").await.unwrap(), RECORDS);
    }
}

#[tokio::test]
async fn missing_segments_are_damage_wherever_they_were() {
    let dir = scratch();
    let kept = closed(dir.path()).await;
    for segment in 0..segments(dir.path()).len() {
        let there = scratch();
        copy(&kept.path, there.path());
        std::fs::remove_file(segments(there.path()).remove(segment)).unwrap();
        let error = apart(&small(there.path()))
            .open(&name("a"), Claim::TakeOver)
            .await
            .err()
            .unwrap();
        assert_eq!(
            error.kind(),
            ErrorKind::Corrupt,
            "segment {segment}: {error}"
        );
        let readers = apart(&small(there.path()));
        let reader = readers.open_read_only(&name("a")).await.unwrap();
        let error = scan(&*reader, Start::Earliest, RECORDS as usize)
            .await
            .error
            .unwrap();
        assert_eq!(
            error.kind(),
            ErrorKind::Corrupt,
            "segment {segment}: {error}"
        );
    }
}

#[tokio::test]
async fn a_lost_footer_is_no_loss() {
    let dir = scratch();
    let config = closed(dir.path()).await;
    let file = segments(dir.path()).remove(0);
    // Torn, and gone: both are what a crash may leave.
    for cut in [3, 400] {
        let len = std::fs::metadata(&file).unwrap().len();
        let footer = len - u64::from(cut == 3) * 3 - u64::from(cut != 3) * footer_bytes(&file);
        std::fs::OpenOptions::new()
            .write(true)
            .open(&file)
            .unwrap()
            .set_len(footer)
            .unwrap();
        let got = read(&config).await;
        assert!(got.error.is_none(), "{got:?}");
        assert_eq!(got.numbers(), (0..RECORDS).collect::<Vec<_>>());
    }
}

fn footer_bytes(file: &Path) -> u64 {
    // The first cut took the trailer, so the footer's head is searched.
    let bytes = std::fs::read(file).unwrap();
    let head = (4096..bytes.len())
        .step_by(8)
        .rev()
        .find(|at| &bytes[*at..at + 4] == b"WXFR")
        .unwrap();
    assert_eq!(bytes[head + 5], crate::frame::kind::FOOTER);
    (bytes.len() - head) as u64
}

#[tokio::test]
async fn an_empty_last_file_is_what_a_crash_within_a_rotation_leaves() {
    for len in [0, 7, 4_096] {
        let dir = scratch();
        let (opener, wal) = filled(&small(dir.path()), 10).await;
        let killed = scratch();
        copy(dir.path(), killed.path());
        drop((wal, opener));
        std::fs::write(killed.path().join("0000000000000001.wal"), vec![0; len]).unwrap();
        let readers = apart(&small(killed.path()));
        let reader = readers.open_read_only(&name("a")).await.unwrap();
        assert_eq!(
            scan(&*reader, Start::Earliest, 10).await.numbers().len(),
            10
        );
        let opener = apart(&small(killed.path()));
        let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
        for number in 10..200 {
            append(&*wal, number, format!("record {number}"))
                .await
                .unwrap();
        }
        assert!(segments(killed.path()).len() >= 3);
        let got = scan(&*wal, Start::Earliest, 200).await;
        is_true(&got);
        assert_eq!(got.numbers().len(), 200);
    }
}

#[tokio::test]
async fn a_header_that_was_lost_is_not_taken_for_a_crash() {
    let dir = scratch();
    let config = closed(dir.path()).await;
    for segment in [0, 1, segments(dir.path()).len() - 1] {
        let there = scratch();
        copy(&config.path, there.path());
        let file = segments(there.path()).remove(segment);
        change(&file, |bytes| bytes[..4_096].fill(0));
        let error = read(&small(there.path())).await.error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
}

#[tokio::test]
async fn one_manifest_is_enough_and_none_is_named() {
    let dir = scratch();
    let kept = closed(dir.path()).await;
    for lost in [
        &["MANIFEST.a"][..],
        &["MANIFEST.b"],
        &["MANIFEST.a", "MANIFEST.b"],
    ] {
        let there = scratch();
        copy(&kept.path, there.path());
        for name in lost {
            change(&there.path().join(name), |bytes| bytes[40] ^= 1);
        }
        let got = read(&small(there.path())).await;
        if lost.len() == 1 {
            assert_eq!(got.numbers().len(), RECORDS as usize);
        } else {
            let error = got.error.unwrap();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(
                error.to_string().contains("MANIFEST.a nor MANIFEST.b"),
                "{error}"
            );
        }
    }
}

#[tokio::test]
async fn a_newer_version_is_refused_by_name() {
    let dir = scratch();
    let config = closed(dir.path()).await;
    let recrc = |bytes: &mut Vec<u8>| {
        bytes[8] = 9;
        let crc = crc32c::crc32c(&bytes[..4_092]);
        bytes[4_092..4_096].copy_from_slice(&crc.to_le_bytes());
    };
    change(&segments(dir.path())[1], recrc);
    let error = read(&config).await.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.to_string().contains("version 9 of the segment"),
        "{error}"
    );
}

#[tokio::test]
async fn a_frame_of_an_unknown_kind_is_refused_and_never_passed() {
    let dir = scratch();
    let config = closed(dir.path()).await;
    let file = segments(dir.path()).remove(0);
    change(&file, |bytes| {
        let crate::segment::Head::Sound(segment) = crate::segment::SegmentHeader::decode(bytes)
        else {
            panic!()
        };
        let mut header =
            crate::frame::FrameHeader::decode(&bytes[4_096..], segment.seed(), 4_096).unwrap();
        header.kind = 77;
        let changed = header.encode(segment.seed(), 4_096);
        bytes[4_096..4_096 + changed.len()].copy_from_slice(&changed);
    });
    for config in [config.clone(), salvage(&config)] {
        let error = read(&config).await.error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error
                .to_string()
                .contains("a frame of kind 77 and version 1"),
            "{error}"
        );
    }
}
