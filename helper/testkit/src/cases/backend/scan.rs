//! What scanners deliver, and what they leave to others.

use walx_impls::{ScanOptions, Start, StoredRecord};

use crate::case::{case, ensure, same};
use crate::journal::Journal;
use crate::reading::Reading;
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_small_read_ahead_delivers_everything,
            "With one byte of read-ahead a scan is slow, and whole."
        ),
        case!(
            a_scanner_that_is_dropped_disturbs_nobody,
            "Others read on, and appends go on."
        ),
        case!(
            bounds_name_the_earliest_and_the_newest,
            "`bounds` follows what is acknowledged."
        ),
    ]
}

async fn a_small_read_ahead_delivers_everything(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let last = writer.append(50).await?.remove(49).id;
    let mut reading = Reading::with(&*writer.wal, Start::Earliest, ScanOptions::new(1)).await?;
    same(
        &reading.up_to(last).await?,
        &journal.stored(),
        "records of a scan with a small read-ahead",
    )?;
    Ok(opener.close().await?)
}

async fn a_scanner_that_is_dropped_disturbs_nobody(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(10).await?;
    let mut stays = Reading::start(&*writer.wal, Start::Earliest).await?;
    let mut goes = Reading::start(&*writer.wal, Start::Earliest).await?;
    let mut waits = Reading::start(&*writer.wal, Start::Last(0)).await?;
    let first: Vec<StoredRecord> = vec![stays.next().await?];
    goes.next().await?;
    drop(goes);
    // Dropped while it is registered as waiting, if it is at the tail.
    let _ = waits.is_silent();
    drop(waits);
    let last = writer.append(10).await?.remove(9).id;
    let seen = [first, stays.up_to(last).await?].concat();
    same(
        &seen,
        &journal.stored(),
        "records of the scanner that stays",
    )?;
    Ok(opener.close().await?)
}

async fn bounds_name_the_earliest_and_the_newest(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    for _ in 0..3 {
        let last = writer.append(1).await?.remove(0);
        let first = journal.stored().swap_remove(0);
        for bounds in [
            writer.wal.bounds().await?,
            opener.bounds(&journal.name).await?,
        ] {
            ensure!(
                bounds.earliest == Some(first.id),
                "earliest is {:?}, not {}",
                bounds.earliest,
                first.id
            );
            ensure!(
                bounds.newest == Some(last.id),
                "newest is {:?}, not {}",
                bounds.newest,
                last.id
            );
        }
    }
    Ok(opener.close().await?)
}
