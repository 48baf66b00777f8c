//! Calls and scans that fail, and how the log goes on.

use walx_core::{Error, ErrorKind};
use walx_impls::{Batch, Claim, ScanOptions, Start};

use super::bed::{DEAD, GONE, answer, goes_on};
use crate::case::{refused, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Context, Outcome};

pub(super) async fn a_cut_handle_fails_every_call_until_the_channel_is_opened_again(
    context: Context,
) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let id = writer.append(3).await?.remove(2).id;
    let reading = Reading::start(&*writer.wal, Start::After(id)).await?;
    let token = writer.wal.fence_token();
    context.faults()?.cut();
    for _ in 0..2 {
        let append = writer.wal.append(Batch::One(writer.record()));
        refused(answer(append).await?, DEAD, "an append of a cut handle")?;
        let scan = writer
            .wal
            .scan(Start::Earliest, ScanOptions::default())
            .await;
        refused(scan, GONE, "scan of a cut handle")?;
        refused(writer.wal.bounds().await, GONE, "bounds of a cut handle")?;
        refused(
            writer.wal.truncate(id).await,
            GONE,
            "truncate of a cut handle",
        )?;
    }
    refused::<()>(Err(reading.end().await?), GONE, "a scanner of a cut handle")?;
    writer.wal.close().await?;
    let again = opener.open(&journal.name, Claim::Resume(token)).await?;
    goes_on(&journal, journal.claim_by(again), &[]).await?;
    Ok(opener.close().await?)
}

pub(super) async fn scans_that_fail_go_on_behind_their_last_record(context: Context) -> Outcome {
    const RECORDS: usize = 40;
    const AT_ONCE: usize = 5;
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let faults = context.faults()?;
    let writer = journal.open(&opener).await?;
    let reader = opener.open_read_only(&journal.name).await?;
    let mut seen = Vec::new();
    let mut start = Start::Earliest;
    writer.append(RECORDS / 2).await?;
    while seen.len() <= RECORDS {
        // With a byte of read-ahead batches are as small as the backend makes them.
        let mut reading = Reading::with(&*reader, start, ScanOptions::new(1)).await?;
        writer.append(AT_ONCE).await?;
        for _ in 0..AT_ONCE {
            seen.push(reading.next().await?);
        }
        faults.fail_reads(1);
        let (more, error) = reading.rest().await;
        seen.extend(more);
        refused::<()>(Err(error?), GONE, "a scan that a fault ends")?;
        start = Start::After(seen[seen.len() - 1].id);
    }
    same(
        &seen,
        &journal.stored()[..seen.len().min(journal.stored().len())],
        "records of scans that were started again and again",
    )?;
    Ok(opener.close().await?)
}

pub(super) async fn an_open_that_does_not_get_through_disturbs_nobody(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(2).await?;
    context.faults()?.fail_opens(2);
    refused(
        opener.open(&journal.name, Claim::TakeOver).await,
        GONE,
        "an open that does not get through",
    )?;
    refused(
        opener.open_read_only(&journal.name).await,
        GONE,
        "an open for reading that does not get through",
    )?;
    let last = writer.append(2).await?.remove(1).id;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records of a writer beside an open that failed",
    )?;
    Ok(opener.close().await?)
}

pub(super) async fn a_channel_whose_open_was_not_answered_can_be_opened_again(
    context: Context,
) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let first = journal.open(&opener).await?;
    first.append(2).await?;
    context.faults()?.lose_opens(1);
    let open = opener.open(&journal.name, Claim::TakeOver).await;
    let error: Error = refused(
        open,
        &[ErrorKind::Unavailable, ErrorKind::Conflict],
        "an open that is not answered",
    )?;
    if error.kind() == ErrorKind::Conflict {
        // The holder of the lock is not pushed out, and this one never had it.
        context.faults()?.calm();
        first.append(1).await?;
        return Ok(opener.close().await?);
    }
    let (record, appending) = first.call();
    let powerless = [
        ErrorKind::Fenced,
        ErrorKind::NotWritten,
        ErrorKind::OutcomeUnknown,
    ];
    refused(
        answer(appending).await?,
        &powerless,
        "an append of the older writer",
    )?;
    first.wal.close().await?;
    let next = journal.claim_once_free(&opener).await?;
    goes_on(&journal, next, &[record]).await?;
    Ok(opener.close().await?)
}
