//! What an append answers.

use walx_impls::{Batch, Start, StoredRecord};

use crate::case::{case, ensure, same};
use crate::journal::Journal;
use crate::reading::read;
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_batch_lies_at_consecutive_places,
            "A batch is answered with an id a record, and nothing lies between."
        ),
        case!(
            an_answer_names_the_place_of_its_record,
            "A scan that starts at the id of an answer delivers the record that was appended."
        ),
    ]
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

async fn an_answer_names_the_place_of_its_record(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    for _ in 0..10 {
        let stored = writer.append(1).await?;
        let found = read(&*writer.wal, Start::At(stored[0].id), stored[0].id).await?;
        same(&found, &stored, "record at the id of its answer")?;
    }
    Ok(opener.close().await?)
}
