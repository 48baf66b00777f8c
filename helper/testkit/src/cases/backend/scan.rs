//! Where scanners start, and what they deliver.

use walx_core::{BackendName, ErrorKind, MessageId};
use walx_impls::{Mark, ScanOptions, Start, StoredRecord};
use walx_utility::spawn;

use crate::case::{case, ensure, refused, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            scanners_during_writes_see_the_same_whole_log,
            "Two scanners that run while records are appended deliver all of them, once, in order."
        ),
        case!(
            at_includes_its_record_and_after_does_not,
            "`At` starts with the record, `After` with the one behind it."
        ),
        case!(
            behind_the_newest_it_is_silent_until_something_is_written,
            "A scanner behind the newest record delivers the next one, and nothing before it."
        ),
        case!(
            last_delivers_at_least_so_many,
            "`Last(n)` starts n records before the tail, or earlier."
        ),
        case!(
            near_a_mark_starts_at_or_before_it,
            "`Near` never starts behind the first record with the mark."
        ),
        case!(
            ids_survive_their_text_form,
            "An id that was stored as text starts a scan at its record."
        ),
        case!(
            an_id_of_another_backend_is_refused,
            "A foreign id is `InvalidInput`, never a wrong place."
        ),
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

async fn at_includes_its_record_and_after_does_not(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    journal.open(&opener).await?.append(6).await?;
    let writer = journal.open(&opener).await?;
    writer.append(6).await?;
    let stored = journal.stored();
    let last = stored[stored.len() - 1].id;
    for (at, record) in stored.iter().enumerate() {
        same(
            &read(&*writer.wal, Start::At(record.id), last).await?,
            &stored[at..],
            "records from an id on",
        )?;
        if record.id != last {
            let behind = read(&*writer.wal, Start::After(record.id), last).await?;
            same(&behind, &stored[at + 1..], "records behind an id")?;
        }
    }
    Ok(opener.close().await?)
}

async fn behind_the_newest_it_is_silent_until_something_is_written(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let newest = writer.append(3).await?.remove(2);
    let mut readings = [
        Reading::start(&*writer.wal, Start::After(newest.id)).await?,
        Reading::start(&*writer.wal, Start::Last(0)).await?,
    ];
    readings[0].is_silent()?;
    let written = writer.append(3).await?;
    let [after, last] = &mut readings;
    same(
        &after.up_to(written[2].id).await?,
        &written,
        "records behind what was the newest",
    )?;
    // `Last` may start earlier.
    let all = last.up_to(written[2].id).await?;
    same(
        &all[all.len().saturating_sub(3)..],
        &written,
        "newest records of a scan of the last 0",
    )?;
    Ok(opener.close().await?)
}

async fn last_delivers_at_least_so_many(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(20).await?;
    let stored = journal.stored();
    for count in [1, 2, 7, stored.len(), stored.len() + 1, usize::MAX] {
        let seen = read(
            &*writer.wal,
            Start::Last(count as u64),
            stored[stored.len() - 1].id,
        )
        .await?;
        ensure!(
            seen.len() >= count.min(stored.len()),
            "Last({count}) delivers {} records",
            seen.len()
        );
        same(
            &seen,
            &stored[stored.len() - seen.len().min(stored.len())..],
            "records before the tail",
        )?;
    }
    Ok(opener.close().await?)
}

async fn near_a_mark_starts_at_or_before_it(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    for _ in 0..3 {
        let writer = journal.open(&opener).await?;
        writer.append(5).await?;
        writer.wal.close().await?;
    }
    let writer = journal.open(&opener).await?;
    writer.append(5).await?;
    let stored = journal.stored();
    let newest = stored[stored.len() - 1].id;
    for (at, record) in stored.iter().enumerate() {
        let header = &record.record.header;
        let mut marks = vec![(Mark::Tick(header.tick), at)];
        marks.extend(header.lsn.map(|lsn| (Mark::Lsn(lsn), at)));
        if record.id != newest {
            // No record has this tick: the next one is the first that is not before it.
            marks.push((Mark::Tick(header.tick.next()), at + 1));
        }
        for (mark, first) in marks {
            let seen = read(&*writer.wal, Start::Near(mark), newest).await?;
            let least = stored.len() - first;
            ensure!(
                seen.len() >= least,
                "Near({mark:?}) starts behind the first record with the mark"
            );
            let from = stored.len() - seen.len().min(stored.len());
            same(&seen, &stored[from..], "records near a mark")?;
        }
    }
    Ok(opener.close().await?)
}

async fn ids_survive_their_text_form(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(5).await?;
    let stored = journal.stored();
    for record in &stored {
        ensure!(
            record.id.backend() == context.builder().name(),
            "{} names another backend",
            record.id
        );
        let parsed: MessageId = record.id.to_string().parse()?;
        ensure!(parsed == record.id, "{} parses to {parsed}", record.id);
        same(
            &read(&*writer.wal, Start::At(parsed), record.id).await?,
            std::slice::from_ref(record),
            "record",
        )?;
    }
    Ok(opener.close().await?)
}

async fn an_id_of_another_backend_is_refused(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(2).await?;
    let foreign = MessageId::from_u64(BackendName::constant("another"), 0);
    for start in [Start::At(foreign), Start::After(foreign)] {
        let scan = writer.wal.scan(start, ScanOptions::default()).await;
        refused(scan, &[ErrorKind::InvalidInput], "a scan from a foreign id")?;
    }
    refused(
        writer.wal.truncate(foreign).await,
        &[ErrorKind::InvalidInput],
        "truncate of a foreign id",
    )?;
    writer.append(1).await?;
    Ok(opener.close().await?)
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
