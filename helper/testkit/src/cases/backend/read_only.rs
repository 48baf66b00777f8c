//! Readers beside the writer. That a reader can't append is a matter of types: `RoWalImpls` has no append.

use walx_core::ErrorKind;
use walx_impls::{Start, StoredRecord};

use crate::case::{case, ensure, refused, same};
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
        case!(
            a_reader_of_another_opener_follows_the_writer,
            "A second opener of the store sees everything, unless it is a `Conflict` while the first one lives."
        ),
        case!(
            readers_without_any_writer_find_everything,
            "A store that is opened for reading only delivers all that is kept, and knows its bounds."
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

async fn a_reader_of_another_opener_follows_the_writer(context: Context) -> Outcome {
    let first = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&first).await?;
    writer.append(5).await?;
    let reader = match context.opener().await {
        Ok(second) => second
            .open_read_only(&journal.name)
            .await
            .map(|it| (second, it)),
        Err(error) => Err(error),
    };
    let (second, reader) = match reader {
        Ok(opened) => opened,
        Err(error) => {
            refused::<()>(
                Err(error),
                &[ErrorKind::Conflict],
                "a reader of a second opener",
            )?;
            return Ok(first.close().await?);
        }
    };
    let mut reading = Reading::start(&*reader, Start::Earliest).await?;
    let mut seen = Vec::new();
    for _ in 0..5 {
        let last = writer.append(2).await?.remove(1).id;
        seen.extend(reading.up_to(last).await?);
    }
    same(
        &seen,
        &journal.stored(),
        "records of a reader of another opener",
    )?;
    second.close().await?;
    writer.append(1).await?;
    Ok(first.close().await?)
}

async fn readers_without_any_writer_find_everything(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    let opener = context.opener().await?;
    let last = journal.open(&opener).await?.append(10).await?.remove(9).id;
    opener.close().await?;
    let opener = context.opener().await?;
    let readers = [
        opener.open_read_only(&journal.name).await?,
        opener.open_read_only(&journal.name).await?,
    ];
    for reader in readers {
        let bounds = reader.bounds().await?;
        let first = journal.stored()[0].id;
        ensure!(
            bounds.earliest == Some(first) && bounds.newest == Some(last),
            "{first} to {last} are there, and the bounds are {bounds:?}"
        );
        let all = read(&*reader, Start::Earliest, last).await?;
        same(&all, &journal.stored(), "records without a writer")?;
        let mut behind = Reading::start(&*reader, Start::After(last)).await?;
        behind.is_silent()?;
        reader.close().await?;
    }
    Ok(opener.close().await?)
}
