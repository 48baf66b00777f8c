//! The order and the answers of one writer's appends.

use walx_core::ErrorKind;
use walx_impls::Batch;

use super::bed::{Bed, append, append_now, in_time, kind, offset, record, sized};

#[tokio::test(flavor = "multi_thread")]
async fn appends_land_in_the_order_of_their_calls_with_the_ids_they_are_answered_with() {
    let bed = Bed::new().await;
    let wal = bed.open().await;
    let calls: Vec<_> = (0..20_000).map(|number| append(&wal, number)).collect();
    let mut answered = Vec::new();
    for call in calls {
        answered.push(offset(&in_time(call).await.unwrap()));
    }
    // The mark is the first message.
    assert_eq!(answered, (1..=20_000).collect::<Vec<_>>());
    assert_eq!(bed.lsns().await, (0..20_000).collect::<Vec<_>>());
    wal.close().await.unwrap();
    assert_eq!(bed.committed().await, (0..20_000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_with_one_id_a_record() {
    let bed = Bed::new().await;
    let wal = bed.open().await;
    let before = append(&wal, 0);
    let batch = wal.append(Batch::Many((1..=3).map(record).collect()));
    let one = wal.append(Batch::Many(vec![record(4)]));
    let behind = append(&wal, 5);
    assert_eq!(offset(&behind.await.unwrap()), 6);
    let ids = batch.await.unwrap();
    assert!(
        matches!(&ids, Batch::Many(ids) if ids.len() == 3),
        "{ids:?}"
    );
    assert_eq!(
        ids.as_slice()
            .iter()
            .map(|it| it.to_u64().unwrap())
            .collect::<Vec<_>>(),
        [2, 3, 4]
    );
    assert!(matches!(one.await.unwrap(), Batch::Many(ids) if ids.len() == 1));
    assert_eq!(offset(&before.await.unwrap()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_future_neither_cancels_nor_repeats_its_append() {
    let bed = Bed::new().await;
    let wal = bed.open().await;
    for number in 0..1_000 {
        drop(append(&wal, number));
    }
    assert_eq!(append_now(&wal, 1_000).await.unwrap(), 1_001);
    assert_eq!(bed.lsns().await, (0..=1_000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_is_refused_and_nothing_overtakes_it() {
    let bed = Bed::new().await;
    let wal = bed.open().await;
    let before = append(&wal, 0);
    let most = bed.store.config().max_message.as_usize();
    let large = wal.append(Batch::Many(vec![record(1), sized(2, most)]));
    let behind = append(&wal, 3);
    assert_eq!(kind(large.await), ErrorKind::TooLarge);
    assert_eq!(kind(behind.await), ErrorKind::NotWritten);
    assert_eq!(offset(&in_time(before).await.unwrap()), 1);
    assert_eq!(bed.lsns().await, [0]);
    let wal = bed.resume(&wal).await.unwrap();
    let largest = in_time(wal.append(Batch::One(sized(1, most - 256)))).await;
    // Behind the end of the former transaction and the mark.
    assert_eq!(offset(&largest.unwrap()), 4);
}
