//! Several records in one call.

use walx_core::MessageId;
use walx_impls::{Batch, Start, StoredRecord};

use crate::case::{case, ensure, same};
use crate::journal::Journal;
use crate::reading::read;
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_batch_of_a_thousand_is_whole,
            "Every record of it has an id of its own, in order, and lies there."
        ),
        case!(
            a_batch_of_one_is_an_append_of_one,
            "It makes no difference in which form a single record comes."
        ),
        case!(
            a_batch_that_was_cut_short_is_whole_or_not_there,
            "Batches on their way when their writer is dropped are never torn.",
            needs "batches that are stored whole or not at all": |it| it.atomic_batch
        ),
    ]
}

fn zip(ids: &Batch<MessageId>, records: Vec<walx_core::Record>) -> Vec<StoredRecord> {
    let ids = ids.as_slice().iter().zip(records);
    ids.map(|(id, record)| StoredRecord { id: *id, record })
        .collect()
}

async fn a_batch_of_a_thousand_is_whole(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let records: Vec<_> = (0..1000).map(|_| writer.record()).collect();
    let ids = writer.wal.append(Batch::Many(records.clone())).await?;
    ensure!(
        ids.len() == 1000,
        "1000 records are answered with {} ids",
        ids.len()
    );
    journal.put_down(zip(&ids, records));
    let last = writer.append(1).await?.remove(0).id;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records of a large batch, and one behind it",
    )?;
    Ok(opener.close().await?)
}

async fn a_batch_of_one_is_an_append_of_one(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    for round in 0..6 {
        let record = writer.record();
        let batch = match round % 2 {
            0 => Batch::One(record.clone()),
            _ => Batch::Many(vec![record.clone()]),
        };
        let ids = writer.wal.append(batch).await?;
        ensure!(
            ids.len() == 1,
            "1 record is answered with {} ids",
            ids.len()
        );
        journal.put_down(zip(&ids, vec![record]));
    }
    let last = journal
        .newest()
        .ok_or_else(|| Failure::new("nothing was written"))?;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "single records in two forms",
    )?;
    Ok(opener.close().await?)
}

async fn a_batch_that_was_cut_short_is_whole_or_not_there(context: Context) -> Outcome {
    const SIZE: usize = 7;
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    for _ in 0..3 {
        let before = journal.stored().len();
        let writer = journal.open(&opener).await?;
        let batches: Vec<Vec<_>> = (0..10)
            .map(|_| (0..SIZE).map(|_| writer.record()).collect())
            .collect();
        let calls: Vec<_> = batches
            .iter()
            .map(|records| writer.wal.append(Batch::Many(records.clone())))
            .collect();
        drop((calls, writer));
        let next = journal.claim_once_free(&opener).await?;
        let barrier = next.append_barrier().await?;
        let all = read(&*next.wal, Start::Earliest, barrier.id).await?;
        let there: Vec<_> = all[before + 1..all.len() - 1]
            .iter()
            .map(|it| it.record.clone())
            .collect();
        ensure!(
            there.len().is_multiple_of(SIZE),
            "of batches of {SIZE} records {} are there",
            there.len()
        );
        same(
            &there,
            &batches.concat()[..there.len()],
            "records of batches",
        )?;
        journal.put_down(all[journal.stored().len()..].to_vec());
        next.wal.close().await?;
    }
    Ok(opener.close().await?)
}
