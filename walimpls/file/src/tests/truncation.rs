//! Truncate.

use walx_core::{Bounds, ErrorKind};

use super::*;

#[tokio::test]
async fn truncation_moves_the_earliest_record_at_once_and_removes_whole_segments() {
    let dir = scratch();
    let config = small(dir.path());
    let (opener, wal) = filled(&config, 300).await;
    let before = segments(dir.path()).len();
    wal.truncate(id(200)).await.unwrap();
    wal.truncate(id(10)).await.unwrap();
    assert_eq!(
        wal.bounds().await.unwrap(),
        Bounds::new(Some(id(201)), Some(id(299)))
    );
    assert!(
        segments(dir.path()).len() < before - 1,
        "no segment was removed"
    );
    assert_eq!(
        scan(&*wal, Start::Earliest, 99).await.numbers(),
        (201..300).collect::<Vec<_>>()
    );
    assert_eq!(
        scan(&*wal, Start::After(id(200)), 99).await.numbers().len(),
        99
    );
    for start in [Start::At(id(200)), Start::At(id(0)), Start::After(id(199))] {
        let error = scan(&*wal, start, 1).await.error.unwrap();
        assert_eq!(
            error.kind(),
            ErrorKind::PositionLost {
                earliest: Some(id(201))
            }
        );
    }
    opener.close().await.unwrap();

    let opener = apart(&config);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(
        wal.bounds().await.unwrap(),
        Bounds::new(Some(id(201)), Some(id(299)))
    );
    assert_eq!(
        scan(&*wal, Start::Last(1_000), 99).await.numbers(),
        (201..300).collect::<Vec<_>>()
    );
    assert_eq!(append(&*wal, 300, "next").await.unwrap(), 300);
}

#[tokio::test]
async fn a_log_that_is_truncated_to_its_end_keeps_counting() {
    let dir = scratch();
    let config = small(dir.path());
    let (opener, wal) = filled(&config, 200).await;
    wal.truncate(id(199)).await.unwrap();
    // The newest is named all the same: whoever asks must not take the log for one that never had a record.
    let all_gone = Bounds::new(None, Some(id(199)));
    assert_eq!(wal.bounds().await.unwrap(), all_gone);
    let error = scan(&*wal, Start::At(id(199)), 1).await.error.unwrap();
    assert_eq!(error.kind(), ErrorKind::PositionLost { earliest: None });
    // Another channel pushes everything of this one out of the files.
    let other = opener.open(&name("b"), Claim::TakeOver).await.unwrap();
    for number in 0..200 {
        append(&*other, number, vec![0; 100]).await.unwrap();
    }
    wal.truncate(id(199)).await.unwrap();
    opener.close().await.unwrap();
    let opener = apart(&config);
    assert_eq!(opener.bounds(&name("a")).await.unwrap(), all_gone);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(append(&*wal, 200, "on").await.unwrap(), 200);
    assert_eq!(scan(&*wal, Start::Earliest, 1).await.numbers(), [200]);
}

#[tokio::test]
async fn one_channel_keeps_the_segments_that_it_needs() {
    let dir = scratch();
    let config = small(dir.path());
    let (opener, wal) = filled(&config, 1).await;
    let other = opener.open(&name("b"), Claim::TakeOver).await.unwrap();
    for number in 0..200 {
        append(&*other, number, vec![0; 100]).await.unwrap();
    }
    other.truncate(id(199)).await.unwrap();
    assert_eq!(scan(&*wal, Start::Earliest, 1).await.numbers(), [0]);
    wal.truncate(id(0)).await.unwrap();
    assert_eq!(segments(dir.path()).len(), 1);
}

#[tokio::test]
async fn ids_that_were_never_given_are_refused() {
    let dir = scratch();
    let (opener, wal) = filled(&small(dir.path()), 3).await;
    let foreign = MessageId::from_u64(walx_core::BackendName::constant("kafka"), 1);
    for wrong in [id(3), foreign] {
        assert_eq!(
            wal.truncate(wrong).await.unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
        assert_eq!(
            opener.truncate(&name("a"), wrong).await.unwrap_err().kind(),
            ErrorKind::InvalidInput
        );
    }
    assert_eq!(
        scan(&*wal, Start::At(foreign), 1)
            .await
            .error
            .unwrap()
            .kind(),
        ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn a_truncation_without_a_writer_takes_the_lock_for_its_time_only() {
    let dir = scratch();
    let config = small(dir.path());
    let (opener, wal) = filled(&config, 100).await;
    let busy = apart(&config);
    drop(wal);
    opener.close().await.unwrap();
    busy.truncate(&name("a"), id(49)).await.unwrap();
    assert_eq!(
        busy.bounds(&name("a")).await.unwrap(),
        Bounds::new(Some(id(50)), Some(id(99)))
    );
    let opener = apart(&config);
    let wal = opener.open(&name("a"), Claim::TakeOver).await.unwrap();
    assert_eq!(
        scan(&*wal, Start::Earliest, 50).await.numbers(),
        (50..100).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_scanner_whose_next_record_is_truncated_ends() {
    let dir = scratch();
    let (_opener, wal) = filled(&small(dir.path()), 1).await;
    for number in 1..400 {
        append(&*wal, number, vec![0; 100]).await.unwrap();
    }
    let mut scanner = wal
        .scan(Start::Earliest, ScanOptions::new(4 << 10))
        .await
        .unwrap();
    let first = take(&mut *scanner, 1).await;
    assert!(
        first.records.len() < 300,
        "the scanner read {} records at once",
        first.records.len()
    );
    wal.truncate(id(350)).await.unwrap();
    let rest = take(&mut *scanner, 400).await;
    assert_eq!(
        rest.error.unwrap().kind(),
        ErrorKind::PositionLost {
            earliest: Some(id(351))
        }
    );
}
