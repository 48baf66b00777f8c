use rdkafka::producer::Producer as _;
use walx_core::{ErrorKind, Lsn};
use walx_impls::{Mark, Start};

use super::bed::{Bed, PATIENCE, tick};
use crate::id;

/// Marks, foreign records, and transactions, committed and aborted, of so many records each. Answers their offsets.
fn holey(bed: &Bed, groups: u64, each: u64) -> Vec<i64> {
    let (line, transactions) = (bed.line(), bed.transactions());
    let (mut offsets, mut writer) = (Vec::new(), 0);
    for group in 0..groups {
        transactions.producer.begin_transaction().unwrap();
        if group % 3 == 0 {
            writer = transactions.mark();
        }
        let numbers = group * each..(group + 1) * each;
        offsets.extend(transactions.records(numbers, writer));
        if group % 4 == 3 {
            transactions.producer.abort_transaction(PATIENCE).unwrap();
        } else {
            transactions.producer.commit_transaction(PATIENCE).unwrap();
        }
        if group % 2 == 1 {
            line.foreign(b"not ours");
            line.offsets();
        }
    }
    offsets
}

#[tokio::test(flavor = "multi_thread")]
async fn every_start_finds_its_record_between_holes() {
    let Some(bed) = Bed::new().await else { return };
    let offsets = holey(&bed, 12, 3);
    let last = *offsets.last().unwrap();
    assert!(
        last - offsets[0] > offsets.len() as i64 + 12,
        "no holes: {offsets:?}"
    );
    assert_eq!(bed.offsets(Start::Earliest, last).await, offsets);
    for (at, &offset) in offsets.iter().enumerate() {
        let from = bed.offsets(Start::At(id::of(offset)), last).await;
        assert_eq!(from, offsets[at..], "at {offset}");
        if offset != last {
            let behind = bed.offsets(Start::After(id::of(offset)), last).await;
            assert_eq!(behind, offsets[at + 1..], "after {offset}");
        }
        let count = offsets.len() - at;
        let lasts = bed.offsets(Start::Last(count as u64), last).await;
        assert_eq!(lasts, offsets[at..], "the last {count}");
        let number = at as u64;
        for mark in [Mark::Lsn(Lsn::new(number)), Mark::Tick(tick(number))] {
            let near = bed.offsets(Start::Near(mark), last).await;
            assert!(
                near.len() >= count && offsets.ends_with(&near),
                "near {mark:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_is_still_to_come_waits_and_one_that_never_was_is_refused() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    for start in [
        Start::Earliest,
        Start::Last(0),
        Start::Last(3),
        Start::Last(500),
        Start::Near(Mark::Lsn(Lsn::ZERO)),
        Start::Near(Mark::Tick(tick(0))),
    ] {
        assert!(
            bed.scan(start).await.unwrap().is_silent().await,
            "{start:?} in an empty topic"
        );
    }
    let writer = line.mark();
    let offsets = line.records(0..4, writer);
    let end = offsets[3] + 1;
    let mut behind = bed.scan(Start::After(id::of(end - 1))).await.unwrap();
    let mut tail = bed.scan(Start::Last(0)).await.unwrap();
    assert!(behind.is_silent().await && tail.is_silent().await);
    for start in [
        Start::At(id::of(end)),
        Start::After(id::of(end)),
        Start::At(id::of(end + 9)),
    ] {
        let error = bed.scan(start).await.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{start:?}: {error}");
    }
    // Not behind the newest record: who opens a scan is not to wait for the next one.
    for mark in [Mark::Lsn(Lsn::new(900)), Mark::Tick(tick(900))] {
        let near = bed.offsets(Start::Near(mark), end - 1).await;
        assert!(offsets.ends_with(&near), "{mark:?}");
    }
    let more = line.records(4..6, writer);
    for reader in [&mut behind, &mut tail] {
        assert_eq!(reader.record().await, more[0]);
        assert_eq!(reader.record().await, more[1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_so_many_are_found_however_many_holes_there_are() {
    let Some(bed) = Bed::new().await else { return };
    // A control record behind each of the newest 40 records; before them foreign ones between all of 6,000.
    let line = bed.line();
    let writer = line.mark();
    let mut offsets = Vec::new();
    for piece in 0..60 {
        for number in piece * 100..(piece + 1) * 100 {
            line.record(number, crate::record::Stamp { writer, read: None });
            line.foreign(b"not ours");
        }
        let both = line.offsets();
        offsets.extend(both.into_iter().step_by(2));
    }
    let transactions = bed.transactions();
    for number in 6_000..6_040 {
        transactions.producer.begin_transaction().unwrap();
        offsets.extend(transactions.records(number..number + 1, writer));
        transactions.producer.commit_transaction(PATIENCE).unwrap();
    }
    let last = *offsets.last().unwrap();
    for count in [1, 2, 39, 64, 65, 100, 5_000, 6_039, 6_040, 6_041, u64::MAX] {
        let seen = bed.offsets(Start::Last(count), last).await;
        let least = offsets.len().min(count as usize);
        assert!(seen.len() >= least, "{} of the last {count}", seen.len());
        assert!(seen.len() as u64 <= count.saturating_mul(2).saturating_add(64));
        assert!(offsets.ends_with(&seen), "the last {count}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_by_tick_is_exact_to_the_millisecond() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let offsets = line.records(0..3_000, writer);
    for number in [0_u64, 1, 1_499, 1_500, 2_998, 2_999] {
        let near = bed
            .offsets(Start::Near(Mark::Tick(tick(number))), offsets[2_999])
            .await;
        assert_eq!(
            near,
            offsets[number as usize..],
            "near the tick of {number}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_by_lsn_reads_little_of_a_long_log() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let writer = line.mark();
    let mut offsets = Vec::new();
    for piece in 0..20_u64 {
        // Dense in one half, sparse in the other.
        if piece < 10 {
            (0..2_000).for_each(|_| line.foreign(b"not ours"));
            line.offsets();
        }
        offsets.extend(line.records(piece * 1_000..(piece + 1) * 1_000, writer));
    }
    let last = *offsets.last().unwrap();
    for number in [
        0_u64, 1, 999, 1_000, 5_000, 9_999, 10_000, 12_345, 19_998, 19_999,
    ] {
        let near = bed
            .offsets(Start::Near(Mark::Lsn(Lsn::new(number))), last)
            .await;
        let least = offsets.len() - number as usize;
        assert!(
            offsets.ends_with(&near) && near.len() >= least,
            "near {number}"
        );
        assert!(
            near.len() <= least + 260,
            "near {number}: {} too many",
            near.len() - least
        );
    }
}
