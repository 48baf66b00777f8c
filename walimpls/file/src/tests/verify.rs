//! Verification: all that is wrong is told with its place, and what a writer changes meanwhile is not.

use walx_core::{Finding, Progress};
use walx_impls::Maintenance;

use super::damage::{RECORDS, change, closed};
use super::*;

/// All findings, in order.
pub(super) async fn verify(opener: &FileOpener) -> Vec<Finding> {
    let (mut findings, progress) = (Vec::new(), Progress::default());
    let mut found = |finding| findings.push(finding);
    let outcome = deadline(Maintenance::verify(opener, &mut found, &progress)).await;
    outcome.unwrap();
    assert_eq!(progress.done(), progress.total());
    findings
}

/// What a finding says, on one line.
fn lines(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(Finding::to_string).collect()
}

#[tokio::test]
async fn a_sound_store_has_no_findings_whoever_has_it_open() {
    let dir = scratch();
    let config = small(dir.path());
    let (opener, wal) = filled(&config, RECORDS).await;
    assert_eq!(lines(&verify(&opener).await), [""; 0]);
    assert_eq!(lines(&verify(&apart(&config)).await), [""; 0]);
    wal.truncate(id(100)).await.unwrap();
    assert_eq!(lines(&verify(&apart(&config)).await), [""; 0]);
    let killed = scratch();
    copy(dir.path(), killed.path());
    assert_eq!(lines(&verify(&apart(&small(killed.path()))).await), [""; 0]);
    drop(wal);
    opener.close().await.unwrap();
    assert_eq!(lines(&verify(&apart(&config)).await), [""; 0]);
}

/// A channel that is idle stands in the footers of segments that have none of its records.
#[tokio::test]
async fn footers_tell_of_channels_whose_records_were_truncated_or_are_behind_damage() {
    let dir = scratch();
    let config = small(dir.path());
    let (opener, wal) = filled(&config, RECORDS).await;
    let idle = opener.open(&name("b"), Claim::TakeOver).await.unwrap();
    append(&*idle, 0, "idle").await.unwrap();
    for number in RECORDS..3 * RECORDS {
        append(&*wal, number, format!("record {number}"))
            .await
            .unwrap();
    }
    idle.truncate(id(0)).await.unwrap();
    wal.truncate(id(RECORDS + 50)).await.unwrap();
    assert!(segments(dir.path()).len() >= 5);
    drop((wal, idle));
    opener.close().await.unwrap();
    assert_eq!(lines(&verify(&apart(&config)).await), [""; 0]);
    change(&segments(dir.path())[1], |bytes| bytes[4_200] ^= 1);
    assert_eq!(verify(&apart(&config)).await.len(), 1);
}

#[tokio::test]
async fn a_missing_store_has_no_findings() {
    let dir = scratch();
    let config = small(&dir.path().join("none"));
    assert_eq!(lines(&verify(&apart(&config)).await), [""; 0]);
    assert!(!config.path.exists());
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_found_also_below_a_sound_footer() {
    let dir = scratch();
    let kept = closed(dir.path()).await;
    let files = std::fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<_> = files.map(|it| it.unwrap().file_name()).collect();
    names.retain(|name| name.to_str().unwrap().ends_with(".wal"));
    names.sort();
    for (at, name) in names.iter().enumerate() {
        let bytes = std::fs::read(dir.path().join(name)).unwrap();
        let frames = frames(&bytes);
        for offset in (0..bytes.len()).step_by(211).map(|it| it + at) {
            let Some(part) = frames.iter().find(|it| it.contains(&offset)) else {
                continue;
            };
            let there = scratch();
            copy(&kept.path, there.path());
            change(&there.path().join(name), |bytes| bytes[offset] ^= 4);
            let findings = verify(&apart(&small(there.path()))).await;
            let text = lines(&findings).join("\n");
            assert!(!findings.is_empty(), "{name:?} {offset} in {part:?}");
            assert!(text.contains(name.to_str().unwrap()), "{text}");
            assert!(findings.iter().all(|it| !it.known), "{text}");
        }
    }
}

/// Where each frame lies, without its padding, and the header's checked bytes.
fn frames(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let crate::segment::Head::Sound(head) = crate::segment::SegmentHeader::decode(bytes) else {
        panic!("the segment's head is not sound")
    };
    let (mut frames, mut at) = (
        std::iter::once(0..4_096_usize).collect::<Vec<_>>(),
        4_096_usize,
    );
    while let Some(header) = crate::frame::FrameHeader::decode(
        bytes.get(at..).unwrap_or_default(),
        head.seed(),
        at as u64,
    ) {
        frames.push(at..at + header.bytes());
        at += header.stride() as usize;
    }
    frames
}

#[tokio::test]
async fn a_damaged_record_is_told_with_its_channel_and_numbers() {
    let dir = scratch();
    let config = closed(dir.path()).await;
    let file = segments(dir.path()).remove(0);
    change(&file, |bytes| {
        let at = bytes.windows(8).position(|it| it == b"record 7").unwrap();
        bytes[at] ^= 1;
    });
    let findings = verify(&apart(&config)).await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].channel, Some(name("a")));
    assert!(findings[0].place.contains("0000000000000000.wal at "));
    assert_eq!(findings[0].what, "record 7 (serial 7) is damaged");
}

#[tokio::test]
async fn a_footer_that_says_something_else_is_told() {
    let dir = scratch();
    let config = closed(dir.path()).await;
    let file = segments(dir.path()).remove(1);
    let uuid = crate::manifest::Manifest::load(dir.path())
        .unwrap()
        .unwrap()
        .uuid();
    let crate::segment::Found::Segment(segment) =
        crate::segment::Segment::find(dir.path(), uuid, 1, false).unwrap()
    else {
        panic!()
    };
    let (_, spot, mut summary) = crate::footer::read(&segment).unwrap().unwrap();
    summary.channels.get_mut(&0).unwrap().records += 1;
    let bytes = crate::footer::encode(&summary, &segment, spot, spot.serial);
    change(&file, |file| {
        file.truncate(spot.offset as usize);
        file.extend_from_slice(&bytes);
    });
    let text = lines(&verify(&apart(&config)).await).join("\n");
    assert!(
        text.contains("0000000000000001.wal at")
            && text.contains("the footer says something else than the segment holds"),
        "{text}"
    );
}

#[tokio::test]
async fn small_files_are_looked_at_too() {
    let dir = scratch();
    let kept = closed(dir.path()).await;
    for name in ["MANIFEST.a", "MANIFEST.b", "ACKED"] {
        for lost in [false, true] {
            let there = scratch();
            copy(&kept.path, there.path());
            let file = there.path().join(name);
            if lost {
                std::fs::remove_file(&file).unwrap();
            } else {
                change(&file, |bytes| bytes[30] ^= 1);
            }
            let findings = verify(&apart(&small(there.path()))).await;
            assert_eq!(findings.len(), 1, "{name} {lost}: {findings:?}");
            assert!(findings[0].place.contains(name), "{findings:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_busy_writer_changes_meanwhile_is_no_damage() {
    let dir = scratch();
    let config = small(dir.path());
    let (opener, wal) = filled(&config, 10).await;
    // Segments lie without any of its records, and its end moves while segments go.
    let rare = opener.open(&name("b"), Claim::TakeOver).await.unwrap();
    let writing = async {
        for number in 10..1_500 {
            append(&*wal, number, format!("record {number}"))
                .await
                .unwrap();
            if number % 100 == 0 {
                let newest = append(&*rare, number, "rare").await.unwrap();
                rare.truncate(id(newest)).await.unwrap();
                wal.truncate(id(number - 50)).await.unwrap();
            }
        }
    };
    let elsewhere = apart(&config);
    let mut rounds = 0;
    let verifying = async {
        loop {
            assert_eq!(lines(&verify(&elsewhere).await), [""; 0]);
            assert_eq!(lines(&verify(&opener).await), [""; 0]);
            rounds += 1;
        }
    };
    futures_util::future::select(std::pin::pin!(writing), std::pin::pin!(verifying)).await;
    assert!(rounds > 2, "only {rounds} verifications");
}

#[tokio::test]
async fn who_goes_away_ends_the_verification() {
    let dir = scratch();
    let config = closed(dir.path()).await;
    let opener = apart(&config);
    for file in segments(dir.path()) {
        change(&file, |bytes| {
            for at in (4_200..bytes.len()).step_by(90) {
                bytes[at] ^= 1;
            }
        });
    }
    let progress = Progress::default();
    let mut found = |_| {};
    let verification = Maintenance::verify(&opener, &mut found, &progress);
    let _ = clock::timeout(Duration::from_micros(1), verification).await;
    // Nothing holds the store: another one can be made of it at once.
    std::fs::remove_dir_all(dir.path()).unwrap();
    filled(&config, 3).await;
    assert_eq!(lines(&verify(&opener).await), [""; 0]);
}

#[tokio::test]
async fn the_salvaging_opener_reads_on_and_writes_nothing() {
    let dir = scratch();
    let config = closed(dir.path()).await;
    change(&segments(dir.path())[1], |bytes| {
        bytes[4_500..6_000].fill(0)
    });
    let opener = apart(&config);
    let reading = opener.salvaging();
    let reader = reading.open_read_only(&name("a")).await.unwrap();
    let mut scanner = reader
        .scan(Start::Earliest, ScanOptions::default())
        .await
        .unwrap();
    let mut got = Got::default();
    while got.numbers().last() != Some(&(RECORDS - 1)) {
        let more = take_any(&mut *scanner).await;
        assert!(more.error.is_none(), "{more:?}");
        got.records.extend(more.records);
        got.damage.extend(more.damage);
    }
    assert_eq!(got.damage.len(), 1);
    let refused = reading.open(&name("a"), Claim::TakeOver).await;
    assert_eq!(
        refused.err().unwrap().kind(),
        walx_core::ErrorKind::Unsupported
    );
    assert_ne!(reading.identity(), opener.identity());
    reading.close().await.unwrap();
    assert!(opener.open_read_only(&name("a")).await.is_ok());
}
