//! Holes are told, never jumped over.

use walx_core::ErrorKind;
use walx_impls::{ScanOptions, Start, StoredRecord};

use super::truncate::at_once;
use crate::case::{case, ensure, refused, same};
use crate::journal::Journal;
use crate::reading::Reading;
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_scanner_that_a_truncation_overtakes_never_jumps,
            "It delivers on without a hole, or ends as `PositionLost`, which names the earliest record."
        ),
        case!(
            a_lost_start_is_lost_for_readers_and_after_a_new_open_too,
            "Every handle says `PositionLost` for a record that was truncated, at any later time.",
            needs "truncation that takes place at once": at_once
        ),
    ]
}

async fn a_scanner_that_a_truncation_overtakes_never_jumps(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(100).await?;
    let reader = opener.open_read_only(&journal.name).await?;
    // With a byte of read-ahead a scanner holds as little as the backend can.
    let mut reading = Reading::with(&*reader, Start::Earliest, ScanOptions::new(1)).await?;
    let mut seen: Vec<StoredRecord> = vec![reading.next().await?, reading.next().await?];
    let stored = journal.stored();
    let earliest = stored[81].id;
    writer.wal.truncate(stored[80].id).await?;
    let (more, end) = loop {
        match reading.next().await {
            Ok(record) if record.id == stored[100].id => break (vec![record], None),
            Ok(record) => seen.push(record),
            Err(failure) => break (Vec::new(), Some(failure)),
        }
    };
    seen.extend(more);
    same(
        &seen,
        &stored[..seen.len()],
        "records of a scan that a truncation overtakes",
    )?;
    if let Some(failure) = end {
        let lost = ErrorKind::PositionLost {
            earliest: Some(earliest),
        };
        match reading.ended() {
            Some(kind) if kind == lost => {}
            Some(kind) => {
                return Err(Failure::new(format!(
                    "it ends as {kind:?}, and must as {lost:?}"
                )));
            }
            None => return Err(failure),
        }
    }
    Ok(opener.close().await?)
}

async fn a_lost_start_is_lost_for_readers_and_after_a_new_open_too(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    let opener = context.opener().await?;
    let writer = journal.open(&opener).await?;
    writer.append(10).await?;
    let stored = journal.stored();
    writer.wal.truncate(stored[5].id).await?;
    let lost = [ErrorKind::PositionLost {
        earliest: Some(stored[6].id),
    }];
    let reader = opener.open_read_only(&journal.name).await?;
    is_lost(&*reader, &stored, &lost).await?;
    writer.wal.close().await?;
    opener.close().await?;
    let opener = context.opener().await?;
    let reader = opener.open_read_only(&journal.name).await?;
    is_lost(&*reader, &stored, &lost).await?;
    ensure!(
        opener.bounds(&journal.name).await?.earliest == Some(stored[6].id),
        "the earliest is not the record behind the truncation"
    );
    Ok(opener.close().await?)
}

async fn is_lost(
    reader: &dyn walx_impls::RoWalImpls,
    stored: &[StoredRecord],
    lost: &[ErrorKind],
) -> Outcome {
    for start in [0, 5].map(|at| Start::At(stored[at].id)) {
        let end = match reader.scan(start, ScanOptions::default()).await {
            // The scanner may find out at its first look.
            Ok(_) => Err(Reading::start(reader, start).await?.end().await?),
            Err(error) => Err(error),
        };
        refused::<()>(end, lost, &format!("a scan from {start:?}"))?;
    }
    Ok(())
}
