//! The order of the log is the order of the calls.

use walx_core::{MessageId, Record, Result};
use walx_impls::{Batch, Start, StoredRecord};

use crate::case::{case, same};
use crate::journal::{Journal, one};
use crate::reading::read;
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            futures_that_are_awaited_in_reverse_keep_the_order_of_the_calls,
            "The call takes the place in the order, not the first poll."
        ),
        case!(
            batches_and_single_records_share_one_order,
            "Appends of one record and of many that are on their way at once lie as they were called."
        ),
        case!(
            every_writer_lies_behind_the_one_before,
            "Of five writers in a row, all records of one come before the first of the next."
        ),
    ]
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

async fn batches_and_single_records_share_one_order(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let mut calls = Vec::new();
    for size in [1, 7, 1, 2, 1, 1, 30, 1] {
        let records: Vec<Record> = (0..size).map(|_| writer.record()).collect();
        let batch = match size {
            1 => Batch::One(records[0].clone()),
            _ => Batch::Many(records.clone()),
        };
        calls.push((records, writer.wal.append(batch)));
    }
    let mut stored = Vec::new();
    // The last call is awaited first.
    for (records, appending) in calls.into_iter().rev() {
        let ids: Result<Batch<MessageId>> = appending.await;
        let ids = ids?.as_slice().to_vec();
        let of_call = ids.into_iter().zip(records);
        let of_call = of_call.map(|(id, record)| StoredRecord { id, record });
        stored.push(of_call.collect::<Vec<_>>());
    }
    stored.reverse();
    journal.put_down(stored.concat());
    let last = journal
        .newest()
        .ok_or_else(|| Failure::new("no batch was answered"))?;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records of batches and single ones",
    )?;
    Ok(opener.close().await?)
}

async fn every_writer_lies_behind_the_one_before(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    for _ in 0..5 {
        let writer = journal.open(&opener).await?;
        let calls: Vec<_> = (0..20).map(|_| writer.call()).collect();
        for (record, appending) in calls {
            let id = one(appending.await)?;
            journal.put_down(vec![StoredRecord { id, record }]);
        }
        writer.wal.close().await?;
    }
    let reader = opener.open_read_only(&journal.name).await?;
    let last = journal
        .newest()
        .ok_or_else(|| Failure::new("nothing was written"))?;
    same(
        &read(&*reader, Start::Earliest, last).await?,
        &journal.stored(),
        "records of five writers",
    )?;
    Ok(opener.close().await?)
}
