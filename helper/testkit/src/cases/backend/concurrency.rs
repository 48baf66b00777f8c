//! Many at once.

use std::sync::Arc;

use walx_core::Capability;
use walx_impls::{RoWalImpls, Start, StoredRecord, Truncation};
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
            scanners_during_writes_see_the_same_whole_log,
            "Two scanners that run while records are appended deliver all of them, once, in order."
        ),
        case!(
            many_readers_see_the_same,
            "Sixteen scanners of four handles that follow bursts of appends deliver all of them."
        ),
        case!(
            two_scanners_of_one_handle_are_independent,
            "Each has a place of its own, also where both start at the same one."
        ),
        case!(
            three_channels_at_once_keep_to_themselves,
            "Writers of three channels append at the same time; each channel has its own records, in order."
        ),
        case!(
            truncations_beside_appends_and_scans_take_no_more_than_they_name,
            "With all of them at once, a scanner that is ahead of the truncation sees everything."
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

async fn scanners_during_writes_see_the_same_whole_log(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    for _ in 0..2 {
        let writer = journal.open(&opener).await?;
        let mut readers = Vec::new();
        for _ in 0..2 {
            let mut reading = Reading::start(&*writer.wal, Start::Earliest).await?;
            let before = journal.stored().len();
            readers.push(spawn::task(async move {
                let mut seen = Vec::new();
                while seen.len() < before + 200 {
                    seen.push(reading.next().await?);
                }
                Ok::<_, Failure>(seen)
            }));
        }
        writer.append(200).await?;
        for reader in readers {
            let seen = reader
                .await
                .map_err(|_| Failure::new("a task that scans panicked"))??;
            same(
                &seen,
                &journal.stored(),
                "records of a scanner that ran beside the writer",
            )?;
        }
        writer.wal.close().await?;
    }
    Ok(opener.close().await?)
}

fn task_panicked<E>(_: E) -> Failure {
    Failure::new("a task panicked")
}

async fn many_readers_see_the_same(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let (mut handles, mut readers) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        handles.push(opener.open_read_only(&journal.name).await?);
    }
    for number in 0..16 {
        let mut reading = Reading::start(&*handles[number % 4], Start::Earliest).await?;
        readers.push(spawn::task(async move {
            let mut seen = Vec::new();
            while seen.len() < 101 {
                seen.push(reading.next().await?);
            }
            Ok::<_, Failure>(seen)
        }));
    }
    for _ in 0..5 {
        let calls: Vec<_> = (0..20).map(|_| writer.call()).collect();
        for (record, appending) in calls {
            let id = one(appending.await)?;
            journal.put_down(vec![StoredRecord { id, record }]);
        }
    }
    for reader in readers {
        let seen = reader.await.map_err(task_panicked)??;
        same(
            &seen,
            &journal.stored(),
            "records of one of sixteen scanners",
        )?;
    }
    Ok(opener.close().await?)
}

async fn two_scanners_of_one_handle_are_independent(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(10).await?;
    let reader = opener.open_read_only(&journal.name).await?;
    let mut first = Reading::start(&*reader, Start::Earliest).await?;
    let mut second = Reading::start(&*reader, Start::Earliest).await?;
    let mut seen = [vec![first.next().await?, first.next().await?], Vec::new()];
    seen[1].push(second.next().await?);
    let last = writer.append(10).await?.remove(9).id;
    seen[1].extend(second.up_to(last).await?);
    drop(second);
    seen[0].extend(first.up_to(last).await?);
    for seen in seen {
        same(&seen, &journal.stored(), "records of one of two scanners")?;
    }
    Ok(opener.close().await?)
}

async fn three_channels_at_once_keep_to_themselves(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let (context, opener) = (context.clone(), Arc::clone(&opener));
        tasks.push(spawn::task(async move {
            let journal = Journal::new(&context)?;
            for _ in 0..3 {
                let writer = journal.open(&opener).await?;
                let last = writer.append(10).await?.remove(9).id;
                let all = read(&*writer.wal, Start::Earliest, last).await?;
                same(&all, &journal.stored(), "records of one of three channels")?;
                writer.wal.close().await?;
            }
            Ok::<_, Failure>(())
        }));
    }
    for task in tasks {
        task.await.map_err(task_panicked)??;
    }
    Ok(opener.close().await?)
}

async fn truncations_beside_appends_and_scans_take_no_more_than_they_name(
    context: Context,
) -> Outcome {
    const RECORDS: usize = 200;
    /// So many records stay between the truncation and what the scanner has seen.
    const KEPT: usize = 5;
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = Arc::new(journal.open(&opener).await?);
    let reader = opener.open_read_only(&journal.name).await?;
    let mut reading = Reading::start(&*reader, Start::Earliest).await?;
    let appends = spawn::task({
        let writer = Arc::clone(&writer);
        async move { writer.append(RECORDS).await.map(drop) }
    });
    let mut seen: Vec<StoredRecord> = Vec::new();
    while seen.len() <= RECORDS {
        seen.push(reading.next().await?);
        if seen.len().is_multiple_of(20) {
            let id = seen[seen.len() - 1 - KEPT].id;
            writer.wal.truncate(id).await?;
            begins_behind(&*reader, &context.capability(), id).await?;
        }
    }
    appends.await.map_err(task_panicked)??;
    same(
        &seen,
        &journal.stored(),
        "records of a scanner ahead of truncations",
    )?;
    Ok(opener.close().await?)
}

/// What a new scan finds first lies right behind the id, where truncation takes place at once.
async fn begins_behind(
    reader: &dyn RoWalImpls,
    capability: &Capability,
    id: walx_core::MessageId,
) -> Outcome {
    let first = Reading::start(reader, Start::Earliest)
        .await?
        .next()
        .await?;
    let at_once = capability.truncation != Truncation::Permission;
    ensure!(
        !at_once || first.id > id,
        "{id} was truncated, and the earliest is {}",
        first.id
    );
    Ok(())
}
