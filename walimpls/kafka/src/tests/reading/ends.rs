//! What ends a reader, or moves the ground below it.

use std::time::Duration;

use rdkafka::admin::AdminOptions;
use walx_core::ErrorKind;
use walx_impls::{ScanOptions, Start};
use walx_utility::{clock, spawn};

use super::bed::{Bed, PATIENCE};
use crate::id;

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_position_is_lost_and_the_earliest_record_is_named() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let offsets = line.records(0..10, writer);
    bed.truncate_before(offsets[5] + 1).await;
    let lost = ErrorKind::PositionLost {
        earliest: Some(id::of(offsets[6])),
    };
    for &offset in &offsets[..=5] {
        let error = bed.scan(Start::At(id::of(offset))).await.err().unwrap();
        assert_eq!(error.kind(), lost, "at {offset}: {error}");
        if offset < offsets[5] {
            let error = bed.scan(Start::After(id::of(offset))).await.err().unwrap();
            assert_eq!(error.kind(), lost, "after {offset}: {error}");
        }
    }
    let rest = bed
        .offsets(Start::After(id::of(offsets[5])), offsets[9])
        .await;
    assert_eq!(rest, offsets[6..]);
    bed.truncate_before(offsets[9] + 1).await;
    let error = bed.scan(Start::At(id::of(offsets[9]))).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::PositionLost { earliest: None });
    let mut behind = bed.scan(Start::After(id::of(offsets[9]))).await.unwrap();
    assert!(behind.is_silent().await);
    let next = line.records(10..11, writer)[0];
    assert_eq!(behind.record().await, next);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_overtaken_by_a_truncation_says_so_and_skips_nothing() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let mut offsets = Vec::new();
    for piece in 0..40 {
        offsets.extend(line.records(piece * 500..(piece + 1) * 500, writer));
    }
    let mut reader = bed
        .scan_with(Start::Earliest, ScanOptions::new(16 << 10))
        .await
        .unwrap();
    assert_eq!(reader.record().await, offsets[0]);
    // Let it read ahead what it may.
    clock::sleep(Duration::from_millis(300)).await;
    bed.truncate_before(offsets[15_000]).await;
    let mut next = 1;
    let error = loop {
        match reader.next().await {
            Ok(walx_impls::Scanned::Record(record)) => {
                assert_eq!(record.id, id::of(offsets[next]), "something was skipped");
                next += 1;
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => break error,
        }
    };
    assert!(next < 15_000, "it had read {next} ahead");
    let earliest = Some(id::of(offsets[15_000]));
    assert_eq!(
        error.kind(),
        ErrorKind::PositionLost { earliest },
        "{error}"
    );
    let again = reader.next().await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_from_the_earliest_record_takes_the_one_that_is_there_when_it_begins() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let offsets = line.records(0..10, writer);
    let place = |at: usize| (offsets[at], writer);
    // It is opened before the truncation, and so early that nothing was read.
    for cut in [3, 6] {
        let reader = bed.scan(Start::Earliest);
        let (reader, ()) = tokio::join!(reader, bed.truncate_before(place(cut).0));
        match reader.unwrap().next().await.unwrap() {
            walx_impls::Scanned::Record(record) => assert!(record.id <= id::of(offsets[cut])),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_of_handle_or_store_ends_readers_and_wakes_them() {
    for by_store in [false, true] {
        let Some(bed) = Bed::new().await else { return };
        let line = bed.line();
        let writer = line.mark();
        line.records(0..3, writer);
        let (mut waiting, mut idle) = (
            bed.scan(Start::Last(0)).await.unwrap(),
            bed.scan(Start::Earliest).await.unwrap(),
        );
        assert!(waiting.is_silent().await);
        let waiting = spawn::task(async move { waiting.next().await });
        tokio::task::yield_now().await;
        if by_store {
            bed.store.close();
        } else {
            bed.ending.end();
        }
        let ended = clock::timeout(Duration::from_secs(1), waiting).await;
        let error = ended.expect("it was not woken").unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert_eq!(idle.next().await.unwrap_err().kind(), ErrorKind::Closed);
        let error = bed.scan(Start::Earliest).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Closed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_removed_ends_its_readers_as_not_found() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let last = *line.records(0..100, writer).last().unwrap();
    let mut tail = bed.scan(Start::After(id::of(last))).await.unwrap();
    assert!(tail.is_silent().await);
    let shared = bed.store.admin().await.unwrap();
    let admin = shared.admin().unwrap();
    let removed = admin
        .delete_topics(&[&bed.topic], &AdminOptions::new())
        .await;
    removed.unwrap().remove(0).unwrap();
    let now = clock::now();
    let next = std::future::poll_fn(|context| tail.scanner.poll_batch(context));
    let ended = clock::timeout(4 * PATIENCE, next).await;
    let error = ended.expect("it waits for ever").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    println!("told after {:?}", now.elapsed());
}
