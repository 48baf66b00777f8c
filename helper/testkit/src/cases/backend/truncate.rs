//! What truncation takes, and what it leaves.

use walx_core::{Capability, ErrorKind, MessageId, Truncation};
use walx_impls::{ScanOptions, Start, StoredRecord};

use crate::case::{case, ensure, refused, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Case, Context, Failure, Outcome};

/// Whether the earliest record moves at once.
pub(super) fn at_once(capability: &Capability) -> bool {
    matches!(
        capability.truncation,
        Truncation::Exact | Truncation::BySegment
    )
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            what_lies_behind_a_truncation_stays_and_the_log_goes_on,
            "Records behind the id stay, also after a new open, and appends go on."
        ),
        case!(
            truncating_again_is_no_error,
            "The same id, and an older one, change nothing."
        ),
        case!(
            the_earliest_moves_behind_the_id,
            "`bounds` and a scan from the earliest start right behind the id.",
            needs "truncation that takes place at once": at_once
        ),
        case!(
            a_truncated_position_is_lost_and_the_earliest_is_named,
            "A scan from a record that is gone is `PositionLost`; it never jumps.",
            needs "truncation that takes place at once": at_once
        ),
        case!(
            a_truncation_of_everything_leaves_a_log_that_goes_on,
            "After the newest record was truncated, the next one is the earliest, and a scan behind the newest waits for it.",
            needs "truncation that takes place at once": at_once
        ),
        case!(
            an_id_beyond_the_newest_is_refused,
            "Truncation of what was never written is `InvalidInput`."
        ),
        case!(
            a_truncation_without_a_writer_works_or_is_unsupported,
            "`Opener::truncate` does it, or says it can't."
        ),
    ]
}

async fn what_lies_behind_a_truncation_stays_and_the_log_goes_on(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(10).await?;
    let kept = journal.stored().split_off(6);
    writer.wal.truncate(journal.stored()[5].id).await?;
    writer.append(5).await?;
    writer.wal.close().await?;
    opener.close().await?;

    let opener = context.opener().await?;
    let writer = journal.open(&opener).await?;
    let last = writer.append(5).await?.remove(4).id;
    let kept_on = journal.stored().split_off(6);
    same(
        &read(&*writer.wal, Start::At(kept[0].id), last).await?,
        &kept_on,
        "records behind a truncation",
    )?;
    Ok(opener.close().await?)
}

async fn truncating_again_is_no_error(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let stored = writer.append(10).await?;
    for at in [5, 5, 2, 5] {
        writer
            .wal
            .truncate(stored[at].id)
            .await
            .map_err(|error| Failure::from(error).during("truncating again"))?;
    }
    same(
        &read(&*writer.wal, Start::At(stored[6].id), stored[9].id).await?,
        &stored[6..],
        "records behind it",
    )?;
    Ok(opener.close().await?)
}

async fn the_earliest_moves_behind_the_id(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let mut writer = journal.open(&opener).await?;
    writer.append(10).await?;
    let stored = journal.stored();
    let last = stored[stored.len() - 1].id;
    for cut in [0, 1, 6] {
        writer.wal.truncate(stored[cut].id).await?;
        let bounds = writer.wal.bounds().await?;
        ensure!(
            bounds.earliest == Some(stored[cut + 1].id),
            "earliest is {:?}",
            bounds.earliest
        );
        ensure!(bounds.newest == Some(last), "newest is {:?}", bounds.newest);
        same(
            &read(&*writer.wal, Start::Earliest, last).await?,
            &stored[cut + 1..],
            "records that are kept",
        )?;
    }
    writer.wal.close().await?;
    opener.close().await?;

    let opener = context.opener().await?;
    writer = journal.open(&opener).await?;
    let all = read(
        &*writer.wal,
        Start::Earliest,
        writer.append(1).await?.remove(0).id,
    )
    .await?;
    same(
        &all,
        &journal.stored().split_off(7),
        "records that are kept, after a new open",
    )?;
    Ok(opener.close().await?)
}

async fn a_truncated_position_is_lost_and_the_earliest_is_named(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(10).await?;
    let stored = journal.stored();
    writer.wal.truncate(stored[5].id).await?;
    let lost = [ErrorKind::PositionLost {
        earliest: Some(stored[6].id),
    }];
    for start in (0..=5)
        .map(|at| Start::At(stored[at].id))
        .chain((0..5).map(|at| Start::After(stored[at].id)))
    {
        // The scanner may find out at its first look.
        let end = match writer.wal.scan(start, ScanOptions::default()).await {
            Ok(_) => Err(Reading::start(&*writer.wal, start).await?.end().await?),
            Err(error) => Err(error),
        };
        refused::<()>(end, &lost, &format!("a scan from {start:?}"))?;
    }
    let rest = read(&*writer.wal, Start::After(stored[5].id), stored[10].id).await?;
    same(
        &rest,
        &stored[6..],
        "records behind the last one that was truncated",
    )?;
    Ok(opener.close().await?)
}

async fn a_truncation_of_everything_leaves_a_log_that_goes_on(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let newest = writer.append(3).await?.remove(2).id;
    writer.wal.truncate(newest).await?;
    let earliest = writer.wal.bounds().await?.earliest;
    ensure!(
        earliest.is_none(),
        "everything was truncated, and the earliest is {earliest:?}"
    );
    // Nothing is lost to who has seen everything.
    let mut behind = Reading::start(&*writer.wal, Start::After(newest)).await?;
    behind.is_silent()?;
    writer.wal.close().await?;
    opener.close().await?;

    let opener = context.opener().await?;
    let reader = opener.open_read_only(&journal.name).await?;
    let mut behind = Reading::start(&*reader, Start::After(newest)).await?;
    behind.is_silent()?;
    let before = journal.stored().len();
    let writer = journal.open(&opener).await?;
    let mut reading = Reading::start(&*writer.wal, Start::Earliest).await?;
    let last = writer.append(2).await?.remove(1).id;
    let seen = reading.up_to(last).await?;
    let stored = journal.stored();
    same(
        &behind.up_to(last).await?,
        &stored[before..],
        "records of a scan behind what was the newest",
    )?;
    ensure!(
        stored[before].id > newest,
        "an id of before the truncation is given again"
    );
    same(
        &seen,
        &stored[before..],
        "records behind a truncation of everything",
    )?;
    Ok(opener.close().await?)
}

/// An id of this backend that lies beyond the channel's newest record: a later one of a longer channel.
async fn beyond(
    context: &Context,
    opener: &std::sync::Arc<dyn walx_impls::OpenerImpls>,
) -> Outcome<MessageId> {
    let longer = Journal::new(context)?;
    let writer = longer.open(opener).await?;
    let stored: Vec<StoredRecord> = writer.append(20).await?;
    writer.wal.close().await?;
    Ok(stored[19].id)
}

async fn an_id_beyond_the_newest_is_refused(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(2).await?;
    let beyond = beyond(&context, &opener).await?;
    refused(
        writer.wal.truncate(beyond).await,
        &[ErrorKind::InvalidInput],
        "truncate beyond the newest record",
    )?;
    let last = writer.append(1).await?.remove(0).id;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records after a refused truncation",
    )?;
    Ok(opener.close().await?)
}

async fn a_truncation_without_a_writer_works_or_is_unsupported(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(5).await?;
    writer.wal.close().await?;
    drop(writer);
    let stored = journal.stored();
    match opener.truncate(&journal.name, stored[2].id).await {
        Ok(()) if at_once(&context.capability()) => {
            let earliest = opener.bounds(&journal.name).await?.earliest;
            ensure!(earliest == Some(stored[3].id), "earliest is {earliest:?}");
        }
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        Err(error) => return Err(Failure::from(error).during("truncating without a writer")),
    }
    let missing = context.channel("missing")?;
    let allowed = [ErrorKind::NotFound, ErrorKind::Unsupported];
    refused(
        opener.truncate(&missing, stored[2].id).await,
        &allowed,
        "truncate of a missing channel",
    )?;
    ensure!(
        !opener.list().await?.contains(&missing),
        "truncate of a missing channel made it"
    );
    let reader = opener.open_read_only(&journal.name).await?;
    same(
        &read(&*reader, Start::At(stored[3].id), stored[5].id).await?,
        &stored[3..],
        "records behind the truncation",
    )?;
    Ok(opener.close().await?)
}
