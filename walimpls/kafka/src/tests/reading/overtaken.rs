//! Records that writers appended which didn't know yet that they were overtaken.

use walx_core::ErrorKind;
use walx_impls::{Scanned, Start};
use walx_utility::{random, spawn};

use super::bed::{Bed, Line};
use super::history::{Event, History};
use crate::id;
use crate::look::{self, Newest};
use crate::record::Stamp;

fn write(line: &Line, event: Event, number: u64) {
    match event {
        Event::Mark => _ = line.mark(),
        Event::Foreign => line.foreign(b"not ours"),
        Event::Record(stamp) => line.record(number, stamp),
    }
}

fn some(count: usize) -> History {
    let choices: Vec<u8> = (0..count).map(|_| random::number() as u8).collect();
    History::of(&choices)
}

async fn newest(bed: &Bed) -> Newest {
    let (store, topic) = (std::sync::Arc::clone(&bed.store), bed.topic.clone());
    let looked = spawn::blocking(move || look::newest(&store, &topic));
    looked.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_a_scan_starts_it_delivers_what_counts_and_nothing_else() {
    for _ in 0..4 {
        let Some(bed) = Bed::new().await else { return };
        let line = bed.line();
        let history = some(120);
        for (number, &event) in (0..).zip(&history.0) {
            write(&line, event, number);
        }
        line.offsets();
        let end = history.0.len() as i64;
        // What a scan has read at last.
        let last = line.mark();
        let counts = line.records(1_000..1_001, last)[0];
        for from in 0..end {
            let mut expected = history.counting(from);
            expected.push(counts);
            let seen = bed.offsets(Start::At(id::of(from)), counts).await;
            assert_eq!(seen, expected, "from {from} in {history:?}");
        }
        let whole = history.counting(0);
        let bounds = bed.bounds().await;
        assert_eq!(
            bounds.earliest,
            Some(id::of(whole.first().copied().unwrap_or(counts)))
        );
        assert_eq!(bounds.newest, Some(id::of(counts)));
        for count in [1, 2, 7, 64] {
            let seen = bed.offsets(Start::Last(count), counts).await;
            let least = (whole.len() + 1).min(count as usize);
            assert!(seen.len() >= least, "the last {count} in {history:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_names_the_newest_writer_and_record_after_each_event() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let history = some(150);
    let before = newest(&bed).await;
    assert_eq!(
        (before.writer, before.record, before.token),
        (None, None, None)
    );
    for (number, &event) in (0..).zip(&history.0) {
        write(&line, event, number);
        line.offsets();
        let end = number as i64 + 1;
        let newest = newest(&bed).await;
        let writer = history.newest_before(end);
        assert_eq!(
            (newest.high, newest.writer),
            (end, writer),
            "{event:?} in {history:?}"
        );
        let is_mark = event == Event::Mark;
        assert!(!is_mark || newest.token == Some([7; 16]));
        let counting: Vec<_> = history
            .counting(0)
            .into_iter()
            .filter(|it| *it < end)
            .collect();
        if newest.record.is_some() {
            assert_eq!(newest.record, counting.last().copied(), "{history:?}");
        }
    }
    let (store, topic) = (std::sync::Arc::clone(&bed.store), bed.topic.clone());
    let tokens = spawn::blocking(move || {
        let at = |offset| look::mark_at(&store, &topic, offset).unwrap();
        [at(0), at(1_000), at(history.0.len() as i64 - 1)]
    });
    let [first, beyond, _] = tokens.await.unwrap();
    assert_eq!((first, beyond), (Some([7; 16]), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_passes_over_a_thousand_foreign_records() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let mark = line.mark();
    let record = line.records(0..1, mark)[0];
    (0..20_000).for_each(|_| line.foreign(b"not ours"));
    line.offsets();
    let newest = newest(&bed).await;
    assert_eq!((newest.writer, newest.record), (Some(mark), Some(record)));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_brokers_fence_a_record_of_an_overtaken_writer_is_damage() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let old = line.mark();
    let first = line.records(0..1, old)[0];
    let new = line.mark();
    let impossible = line.records(1..2, old)[0];
    let last = line.records(1..2, new)[0];
    let mut reader = bed.scan(Start::Earliest).await.unwrap();
    assert_eq!(reader.record().await, first);
    match reader.next().await.unwrap() {
        Scanned::Damage(text) => assert!(text.contains(&format!("offset {impossible}")), "{text}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(reader.record().await, last);
}

/// The evidence against it is gone; what would be a loss if it were dropped comes.
#[tokio::test(flavor = "multi_thread")]
async fn no_truncation_hides_a_record_that_counts() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let old = line.mark();
    // Much in flight: none of them was read back when the next one was appended.
    let stamp = Stamp {
        writer: old,
        read: Some(old + 1),
    };
    (0..500).for_each(|number| line.record(number, stamp));
    let offsets = line.offsets();
    for cut in [1, 250, 499] {
        bed.truncate_before(offsets[cut]).await;
        let seen = bed.offsets(Start::Earliest, offsets[499]).await;
        assert_eq!(seen, offsets[cut..]);
        let error = bed
            .scan(Start::At(id::of(offsets[cut - 1])))
            .await
            .err()
            .unwrap();
        let earliest = Some(id::of(offsets[cut]));
        assert_eq!(error.kind(), ErrorKind::PositionLost { earliest });
    }
}
