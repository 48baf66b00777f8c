//! What a new open finds.

use walx_impls::{Start, StoredRecord};

use crate::case::{case, ensure, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            dropped_handles_free_everything,
            "Without any close, the store can be opened again, and the data is there."
        ),
        case!(
            what_was_acknowledged_survives_a_writer_that_is_dropped_in_full_flight,
            "Acknowledged records are there, and of the others a whole beginning, once, in order.",
            under Rough
        ),
        case!(
            every_id_names_the_same_record_after_a_new_open,
            "Each id of before starts a scan at its record, in every store that is opened later."
        ),
        case!(
            opens_without_an_append_change_nothing,
            "Ten writers and readers that only come and go leave the log as it was."
        ),
        case!(
            a_truncation_survives_a_new_open,
            "What was truncated stays away where truncation takes place at once, and the rest stays."
        ),
    ]
}

async fn dropped_handles_free_everything(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    for _ in 0..3 {
        let opener = context.opener().await?;
        let writer = journal.open_once_free(&opener).await?;
        writer.append(5).await?;
        let scanner = Reading::start(&*writer.wal, Start::Earliest).await?;
        let reader = opener.open_read_only(&journal.name).await?;
        drop((scanner, reader, writer, opener));
    }
    let opener = context.opener().await?;
    let writer = journal.open_once_free(&opener).await?;
    let last = writer.append(1).await?.remove(0).id;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records of all that were dropped",
    )?;
    Ok(opener.close().await?)
}

async fn what_was_acknowledged_survives_a_writer_that_is_dropped_in_full_flight(
    context: Context,
) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let calls: Vec<_> = (0..60).map(|_| writer.call()).collect();
    let mut records: Vec<_> = calls.iter().map(|(record, _)| record.clone()).collect();
    for (at, (record, appending)) in calls.into_iter().take(20).enumerate() {
        match appending.await {
            Ok(ids) if at + 1 == journal.stored().len() => {
                let id = ids.as_slice()[0];
                journal.put_down(vec![StoredRecord { id, record }]);
            }
            Ok(_) => {
                return Err(Failure::new(
                    "an append is acknowledged behind one that failed",
                ));
            }
            Err(_) => break,
        }
    }
    drop(writer);
    let known = journal.stored();
    let next = journal.claim_once_free(&opener).await?;
    let barrier = next.append_barrier().await?;
    let mut all = read(&*next.wal, Start::Earliest, barrier.id).await?;
    ensure!(
        all.len() > known.len(),
        "{} records were acknowledged, and {} are there",
        known.len(),
        all.len() - 1
    );
    same(
        &all[..known.len()],
        &known,
        "records that were acknowledged",
    )?;
    all.pop();
    let there: Vec<_> = all.into_iter().skip(1).map(|it| it.record).collect();
    records.truncate(there.len());
    same(&there, &records, "records that were on their way")?;
    next.wal.close().await?;
    Ok(opener.close().await?)
}

async fn every_id_names_the_same_record_after_a_new_open(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    for _ in 0..3 {
        let opener = context.opener().await?;
        let writer = journal.open(&opener).await?;
        writer.append(4).await?;
        writer.wal.close().await?;
        opener.close().await?;
    }
    let opener = context.opener().await?;
    let reader = opener.open_read_only(&journal.name).await?;
    for stored in journal.stored() {
        let found = read(&*reader, Start::At(stored.id), stored.id).await?;
        same(&found, &[stored], "record at an id of before")?;
    }
    Ok(opener.close().await?)
}

async fn opens_without_an_append_change_nothing(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    let opener = context.opener().await?;
    let writer = journal.open(&opener).await?;
    let last = writer.append(5).await?.remove(4).id;
    writer.wal.close().await?;
    opener.close().await?;
    for round in 0..10 {
        let opener = context.opener().await?;
        if round % 2 == 0 {
            let writer = journal.claim(&opener).await?;
            let mut reading = Reading::start(&*writer.wal, Start::After(last)).await?;
            reading.is_silent()?;
            writer.wal.close().await?;
        }
        let bounds = opener.bounds(&journal.name).await?;
        ensure!(
            bounds.newest == Some(last),
            "nobody appended, and the newest is {:?}",
            bounds.newest
        );
        let reader = opener.open_read_only(&journal.name).await?;
        let all = read(&*reader, Start::Earliest, last).await?;
        same(&all, &journal.stored(), "records between opens")?;
        opener.close().await?;
    }
    Ok(())
}

async fn a_truncation_survives_a_new_open(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    let opener = context.opener().await?;
    let writer = journal.open(&opener).await?;
    writer.append(10).await?;
    let stored = journal.stored();
    writer.wal.truncate(stored[5].id).await?;
    writer.wal.close().await?;
    opener.close().await?;
    for _ in 0..2 {
        let opener = context.opener().await?;
        let reader = opener.open_read_only(&journal.name).await?;
        let all = read(&*reader, Start::Earliest, stored[10].id).await?;
        let from = stored.len() - all.len().min(stored.len());
        let at_once = super::truncate::at_once(&context.capability());
        ensure!(
            from == 6 || (from < 6 && !at_once),
            "6 records of {} were truncated, and after a new open {} are there",
            stored.len(),
            all.len()
        );
        same(&all, &stored[from..], "records behind a truncation")?;
        opener.close().await?;
    }
    Ok(())
}
