use rdkafka::producer::Producer as _;
use walx_core::{ErrorKind, MessageId};

use super::bed::{Bed, Line, PATIENCE};
use crate::bounds::Ends;
use crate::id;
use crate::record::Stamp;

fn bounds(earliest: Option<i64>, newest: Option<i64>) -> (Option<MessageId>, Option<MessageId>) {
    (earliest.map(id::of), newest.map(id::of))
}

async fn ends(bed: &Bed) -> (Option<MessageId>, Option<MessageId>) {
    let bounds = bed.bounds().await;
    (bounds.earliest, bounds.newest)
}

fn foreign(line: &Line, count: usize) {
    (0..count).for_each(|_| line.foreign(b"not ours"));
    line.offsets();
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_are_those_of_records_whatever_stands_at_both_ends() {
    let Some(bed) = Bed::new().await else { return };
    let (line, transactions) = (bed.line(), bed.transactions());
    let commit = |mark: bool| {
        transactions.producer.begin_transaction().unwrap();
        let at = if mark { transactions.mark() } else { 0 };
        if !mark {
            transactions.foreign(b"not ours either");
            transactions.offsets();
        }
        transactions.producer.commit_transaction(PATIENCE).unwrap();
        at
    };
    assert_eq!(ends(&bed).await, bounds(None, None), "empty");
    foreign(&line, 300);
    let writer = commit(true);
    assert_eq!(ends(&bed).await, bounds(None, None), "no record yet");
    let records = line.records(0..5, writer);
    assert_eq!(ends(&bed).await, bounds(Some(records[0]), Some(records[4])));
    commit(false);
    foreign(&line, 300);
    line.mark();
    commit(true);
    let whole = bounds(Some(records[0]), Some(records[4]));
    assert_eq!(ends(&bed).await, whole, "with other things behind");

    bed.truncate_before(records[0]).await;
    assert_eq!(ends(&bed).await, whole, "without what stood before");
    bed.truncate_before(records[2]).await;
    assert_eq!(ends(&bed).await, bounds(Some(records[2]), Some(records[4])));
    bed.truncate_before(records[4] + 1).await;
    assert_eq!(
        ends(&bed).await,
        bounds(None, Some(records[4])),
        "all records are gone"
    );
    let (_, end) = bed.ends().await;
    bed.truncate_before(end).await;
    let all_gone = bed.bounds().await;
    assert!(all_gone.earliest.is_none() && all_gone.newest >= Some(id::of(records[4])));

    let mark = line.mark();
    let next = line.records(5..6, mark)[0];
    assert_eq!(
        ends(&bed).await,
        bounds(Some(next), Some(next)),
        "it goes on"
    );
    assert!(
        all_gone.newest < Some(id::of(next)),
        "and behind what was named"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_pass_over_what_an_overtaken_writer_left() {
    let Some(bed) = Bed::new().await else { return };
    let line = bed.line();
    let old = line.mark();
    let read = Some(old + 1);
    let by_old = Stamp { writer: old, read };
    line.record(0, by_old);
    let first = line.offsets()[0];
    let new = line.mark();
    line.record(1, by_old);
    let by_new = Stamp {
        writer: new,
        read: Some(new + 1),
    };
    line.record(1, by_new);
    line.record(2, by_old);
    let offsets = line.offsets();
    assert_eq!(ends(&bed).await, bounds(Some(first), Some(offsets[1])));
    // What is first now is the old one's, and its mark is gone.
    bed.truncate_before(new).await;
    assert_eq!(ends(&bed).await, bounds(Some(offsets[1]), Some(offsets[1])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_not_there_is_not_found_and_a_closed_store_is_closed() {
    let Some(bed) = Bed::new().await else { return };
    let missing = Ends::default()
        .bounds(&bed.store, &format!("{}-missing", bed.topic))
        .await;
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
    bed.store.close();
    let closed = bed.ends.bounds(&bed.store, &bed.topic).await;
    assert_eq!(closed.unwrap_err().kind(), ErrorKind::Closed);
}
