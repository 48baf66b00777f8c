//! The end of handles and stores.

use walx_core::ErrorKind;
use walx_impls::{Batch, Claim, ScanOptions, Start, StoredRecord};
use walx_utility::spawn;

use crate::case::{case, ensure, refused, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            closing_twice_is_closing_once,
            "Writers, readers and stores can be closed again without an error."
        ),
        case!(
            a_closed_handle_is_closed,
            "Every call on a closed handle or store is `Closed`."
        ),
        case!(
            scanners_end_with_their_handle,
            "A scanner that waits ends as `Closed` when its handle is closed."
        ),
        case!(
            scanners_end_with_their_store,
            "A scanner that waits ends as `Closed` when its store is closed."
        ),
        case!(
            a_task_that_waits_for_a_record_is_woken_by_a_close,
            "Whoever sleeps in a scanner learns of the end of its handle, or of its store, without another event."
        ),
        case!(
            a_closed_reader_is_of_no_concern_to_others,
            "Writers and other readers of the channel go on when a reader is closed in the middle of a scan."
        ),
        case!(
            appends_on_their_way_are_all_answered_at_a_close,
            "No append hangs, and what was acknowledged is there in order, without a hole.",
            under Rough
        ),
    ]
}

async fn closing_twice_is_closing_once(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(1).await?;
    let reader = opener.open_read_only(&journal.name).await?;
    for _ in 0..2 {
        reader.close().await?;
        writer.wal.close().await?;
    }
    for _ in 0..2 {
        opener.close().await?;
        writer.wal.close().await?;
    }
    Ok(())
}

async fn a_closed_handle_is_closed(context: Context) -> Outcome {
    const CLOSED: &[ErrorKind] = &[ErrorKind::Closed];
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let id = writer.append(1).await?.remove(0).id;
    let reader = opener.open_read_only(&journal.name).await?;
    reader.close().await?;
    refused(
        reader.scan(Start::Earliest, ScanOptions::default()).await,
        CLOSED,
        "scan of a closed reader",
    )?;
    refused(reader.bounds().await, CLOSED, "bounds of a closed reader")?;
    writer.wal.close().await?;
    refused(
        writer.wal.append(Batch::One(writer.record())).await,
        CLOSED,
        "append of a closed writer",
    )?;
    refused(
        writer
            .wal
            .scan(Start::Earliest, ScanOptions::default())
            .await,
        CLOSED,
        "scan of a closed writer",
    )?;
    refused(
        writer.wal.truncate(id).await,
        CLOSED,
        "truncate of a closed writer",
    )?;
    opener.close().await?;
    refused(
        opener.open(&journal.name, Claim::TakeOver).await,
        CLOSED,
        "open in a closed store",
    )?;
    refused(
        opener.open_read_only(&journal.name).await,
        CLOSED,
        "open_read_only in a closed store",
    )?;
    refused(opener.list().await, CLOSED, "list of a closed store")?;
    Ok(())
}

async fn scanners_end_with_their_handle(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(1).await?;
    let reader = opener.open_read_only(&journal.name).await?;
    let newest = Start::After(
        journal
            .newest()
            .ok_or_else(|| Failure::new("nothing was written"))?,
    );
    let mut readings = [
        Reading::start(&*writer.wal, newest).await?,
        Reading::start(&*reader, newest).await?,
    ];
    readings.iter_mut().try_for_each(Reading::is_silent)?;
    writer.wal.close().await?;
    reader.close().await?;
    for reading in readings {
        refused::<()>(
            Err(reading.end().await?),
            &[ErrorKind::Closed],
            "a scanner whose handle was closed",
        )?;
    }
    Ok(opener.close().await?)
}

async fn scanners_end_with_their_store(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let newest = Start::After(writer.append(1).await?.remove(0).id);
    let mut reading = Reading::start(&*writer.wal, newest).await?;
    reading.is_silent()?;
    opener.close().await?;
    refused::<()>(
        Err(reading.end().await?),
        &[ErrorKind::Closed],
        "a scanner whose store was closed",
    )?;
    Ok(())
}

async fn appends_on_their_way_are_all_answered_at_a_close(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let calls: Vec<_> = (0..100).map(|_| writer.call()).collect();
    writer.wal.close().await?;
    let (mut acknowledged, mut records, mut most) = (Vec::new(), Vec::new(), usize::MAX);
    for (at, (record, appending)) in calls.into_iter().enumerate() {
        records.push(record.clone());
        match appending.await {
            Ok(ids) => {
                ensure!(
                    at == acknowledged.len(),
                    "an append is acknowledged behind one that failed"
                );
                acknowledged.push(StoredRecord {
                    id: ids.as_slice()[0],
                    record,
                });
            }
            Err(error) if error.kind() == ErrorKind::NotWritten => most = most.min(at),
            Err(error) => {
                refused::<()>(
                    Err(error),
                    &[ErrorKind::OutcomeUnknown],
                    "an append on its way at a close",
                )?;
            }
        }
    }
    let known = acknowledged.len();
    journal.put_down(acknowledged);

    // Those of unknown outcome may be there: as a whole beginning of the rest.
    let reader = opener.open_read_only(&journal.name).await?;
    let newest = reader
        .bounds()
        .await?
        .newest
        .ok_or_else(|| Failure::new("the log is empty"))?;
    let all = read(&*reader, Start::Earliest, newest).await?;
    let there: Vec<_> = all.iter().skip(1).map(|it| it.record.clone()).collect();
    ensure!(
        there.len() >= known,
        "{known} appends were acknowledged, and {} are there",
        there.len()
    );
    ensure!(
        there.len() <= most,
        "append {most} is said to be not written, and {} are there",
        there.len()
    );
    same(
        &there,
        &records[..there.len().min(records.len())],
        "records after a close in full flight",
    )?;
    same(
        &all[..=known],
        &journal.stored(),
        "records that were acknowledged",
    )?;
    Ok(opener.close().await?)
}

async fn a_task_that_waits_for_a_record_is_woken_by_a_close(context: Context) -> Outcome {
    for by_store in [false, true] {
        let opener = context.opener().await?;
        let journal = Journal::new(&context)?;
        let writer = journal.open(&opener).await?;
        let newest = Start::After(writer.append(1).await?.remove(0).id);
        let reader = opener.open_read_only(&journal.name).await?;
        let mut tasks = Vec::new();
        for wal in [&*writer.wal as &dyn walx_impls::RoWalImpls, &*reader] {
            let reading = Reading::start(wal, newest).await?;
            let (sleeps, asleep) = tokio::sync::oneshot::channel();
            tasks.push(spawn::task(async move {
                let mut end = std::pin::pin!(reading.end());
                // Its first poll has left a waker where the scanner waits.
                let early = futures_util::FutureExt::now_or_never(&mut end);
                let _ = sleeps.send(());
                match early {
                    Some(end) => end,
                    None => end.await,
                }
            }));
            asleep
                .await
                .map_err(|_| Failure::new("a task that scans panicked"))?;
        }
        if !by_store {
            writer.wal.close().await?;
            reader.close().await?;
        }
        opener.close().await?;
        for task in tasks {
            let end = task
                .await
                .map_err(|_| Failure::new("a task that scans panicked"))?;
            refused::<()>(
                Err(end?),
                &[ErrorKind::Closed],
                "a scanner that slept at a close",
            )?;
        }
    }
    Ok(())
}

async fn a_closed_reader_is_of_no_concern_to_others(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(10).await?;
    let stays = opener.open_read_only(&journal.name).await?;
    let mut staying = Reading::start(&*stays, Start::Earliest).await?;
    let mut seen = vec![staying.next().await?];
    for _ in 0..3 {
        let goes = opener.open_read_only(&journal.name).await?;
        let mut going = Reading::start(&*goes, Start::Earliest).await?;
        going.next().await?;
        goes.close().await?;
        let last = writer.append(2).await?.remove(1).id;
        seen.extend(staying.up_to(last).await?);
    }
    same(
        &seen,
        &journal.stored(),
        "records of a reader beside others that are closed",
    )?;
    Ok(opener.close().await?)
}
