//! Readers beside the writer. That a reader can't append is a matter of types: `RoWalImpls` has no append.

use walx_impls::{Start, StoredRecord};

use crate::case::{case, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_reader_sees_what_was_written_and_what_is_being_written,
            "A read-only handle delivers records of before its open, and follows the writer."
        ),
        case!(
            a_reader_outlives_the_writer,
            "A reader reads on after the writer was closed, and sees the next one."
        ),
        case!(
            a_reader_does_not_fence_the_writer,
            "Opening readers leaves the writer in its rights."
        ),
    ]
}

async fn a_reader_sees_what_was_written_and_what_is_being_written(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let before = writer.append(10).await?.remove(9).id;
    let reader = opener.open_read_only(&journal.name).await?;
    let mut reading = Reading::start(&*reader, Start::Earliest).await?;
    let mut seen: Vec<StoredRecord> = reading.up_to(before).await?;
    same(
        &seen,
        &journal.stored(),
        "records of before the reader's open",
    )?;
    for _ in 0..10 {
        let last = writer.append(3).await?.remove(2).id;
        seen.extend(reading.up_to(last).await?);
    }
    same(&seen, &journal.stored(), "records of a reader that follows")?;
    reader.close().await?;
    Ok(opener.close().await?)
}

async fn a_reader_outlives_the_writer(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let reader = opener.open_read_only(&journal.name).await?;
    let mut reading = Reading::start(&*reader, Start::Earliest).await?;
    let mut seen = reading.up_to(writer.append(3).await?.remove(2).id).await?;
    writer.wal.close().await?;
    drop(writer);
    let writer = journal.open(&opener).await?;
    seen.extend(reading.up_to(writer.append(3).await?.remove(2).id).await?);
    same(
        &seen,
        &journal.stored(),
        "records of two writers in one scan",
    )?;
    Ok(opener.close().await?)
}

async fn a_reader_does_not_fence_the_writer(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    for _ in 0..3 {
        let reader = opener.open_read_only(&journal.name).await?;
        let last = writer.append(2).await?.remove(1).id;
        same(
            &read(&*reader, Start::Earliest, last).await?,
            &journal.stored(),
            "records of a reader",
        )?;
        reader.close().await?;
        writer.append(1).await?;
    }
    Ok(opener.close().await?)
}
