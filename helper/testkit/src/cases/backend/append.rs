//! Order, completeness and independence of appends.

use std::sync::Arc;

use walx_impls::{Batch, Start, StoredRecord};
use walx_utility::spawn;

use crate::case::{case, ensure, same};
use crate::journal::{Journal, one};
use crate::reading::{Reading, read};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            concurrent_appends_land_once_in_the_order_of_their_calls,
            "Five tasks append at once; every record is there once, in the order of the calls."
        ),
        case!(
            futures_that_are_awaited_in_reverse_keep_the_order_of_the_calls,
            "The call takes the place in the order, not the first poll."
        ),
        case!(
            a_future_that_is_never_polled_does_not_hold_its_append_up,
            "An append becomes durable without its future being polled."
        ),
        case!(
            a_dropped_future_neither_cancels_nor_repeats_its_append,
            "Records whose futures were dropped are in the log, once, in order."
        ),
        case!(
            a_batch_lies_at_consecutive_places,
            "A batch is answered with an id a record, and nothing lies between."
        ),
    ]
}

async fn concurrent_appends_land_once_in_the_order_of_their_calls(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = Arc::new(journal.open(&opener).await?);
    let tasks: Vec<_> = (0..5)
        .map(|_| {
            let writer = Arc::clone(&writer);
            spawn::task(async move {
                let mut stored = Vec::new();
                for _ in 0..40 {
                    let (record, appending) = writer.call();
                    stored.push(StoredRecord {
                        id: one(appending.await)?,
                        record,
                    });
                }
                Ok::<_, Failure>(stored)
            })
        })
        .collect();
    let mut stored = Vec::new();
    for task in tasks {
        stored.extend(
            task.await
                .map_err(|_| Failure::new("a task that appends panicked"))??,
        );
    }
    // The seq was given in the critical section of the call.
    stored.sort_by_key(|it| it.record.header.seq);
    ensure!(
        stored.windows(2).all(|pair| pair[0].id < pair[1].id),
        "ids do not ascend in the order of the calls"
    );
    journal.put_down(stored);
    let stored = journal.stored();
    let all = read(&*writer.wal, Start::Earliest, stored[stored.len() - 1].id).await?;
    same(&all, &stored, "records of five tasks")?;
    Ok(opener.close().await?)
}

async fn futures_that_are_awaited_in_reverse_keep_the_order_of_the_calls(
    context: Context,
) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let calls: Vec<_> = (0..10).map(|_| writer.call()).collect();
    let mut stored = Vec::new();
    for (record, appending) in calls.into_iter().rev() {
        stored.push(StoredRecord {
            id: one(appending.await)?,
            record,
        });
    }
    stored.reverse();
    journal.put_down(stored);
    let stored = journal.stored();
    let all = read(&*writer.wal, Start::Earliest, stored[stored.len() - 1].id).await?;
    same(
        &all,
        &stored,
        "records whose futures were awaited in reverse",
    )?;
    Ok(opener.close().await?)
}

async fn a_future_that_is_never_polled_does_not_hold_its_append_up(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let mut reading = Reading::start(&*writer.wal, Start::Earliest).await?;
    let barrier = reading.next().await?;
    same(&[barrier], &journal.stored(), "the first record")?;
    let (record, unpolled) = writer.call();
    ensure!(
        reading.next().await?.record == record,
        "another record comes than the one that was appended"
    );
    drop(unpolled);
    Ok(opener.close().await?)
}

async fn a_dropped_future_neither_cancels_nor_repeats_its_append(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let mut records: Vec<_> = journal.stored().into_iter().map(|it| it.record).collect();
    for round in 0..20 {
        let (record, mut appending) = writer.call();
        records.push(record);
        if round % 2 == 1 {
            // Dropped after it was looked at, too.
            let _ = futures_util::FutureExt::now_or_never(&mut appending);
        }
        drop(appending);
    }
    let last = writer.append(1).await?.remove(0);
    records.push(last.record);
    let all = read(&*writer.wal, Start::Earliest, last.id).await?;
    let all: Vec<_> = all.into_iter().map(|it| it.record).collect();
    same(
        &all,
        &records,
        "records whose futures were dropped, and one behind them",
    )?;
    Ok(opener.close().await?)
}

async fn a_batch_lies_at_consecutive_places(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    for size in [2, 1, 50] {
        let records: Vec<_> = (0..size).map(|_| writer.record()).collect();
        let ids = writer.wal.append(Batch::Many(records.clone())).await?;
        ensure!(
            ids.len() == size,
            "a batch of {size} records is answered with {} ids",
            ids.len()
        );
        let stored = ids
            .as_slice()
            .iter()
            .zip(records)
            .map(|(id, record)| StoredRecord { id: *id, record });
        journal.put_down(stored.collect());
        writer.append(1).await?;
    }
    let stored = journal.stored();
    let all = read(&*writer.wal, Start::Earliest, stored[stored.len() - 1].id).await?;
    same(&all, &stored, "records of batches")?;
    Ok(opener.close().await?)
}
