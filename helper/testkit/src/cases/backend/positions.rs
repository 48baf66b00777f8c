//! Where scanners start.

use walx_core::{Capability, ErrorKind};
use walx_impls::{Mark, ScanOptions, Start};

use crate::case::{case, ensure, refused, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            at_includes_its_record_and_after_does_not,
            "`At` starts with the record, `After` with the one behind it."
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
            starts_in_a_log_without_records_wait_for_the_first,
            "Earliest, last and near any mark deliver the first record once it is there."
        ),
        case!(
            an_id_that_was_never_written_is_no_start,
            "A scan from an id beyond the newest record is `InvalidInput`, or waits for a record that has it."
        ),
    ]
}

async fn at_includes_its_record_and_after_does_not(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let first = journal.open(&opener).await?;
    first.append(6).await?;
    first.wal.close().await?;
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

async fn starts_in_a_log_without_records_wait_for_the_first(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.claim(&opener).await?;
    let starts = [
        Start::Earliest,
        Start::Last(0),
        Start::Last(3),
        Start::Near(Mark::Lsn(walx_core::Lsn::ZERO)),
        Start::Near(Mark::Tick(walx_core::Tick::ZERO)),
    ];
    let mut readings = Vec::new();
    for start in starts {
        let mut reading = Reading::start(&*writer.wal, start).await?;
        reading.is_silent()?;
        readings.push((start, reading));
    }
    let bounds = writer.wal.bounds().await?;
    ensure!(
        bounds.earliest.is_none() && bounds.newest.is_none(),
        "nothing was written, and the bounds are {bounds:?}"
    );
    let barrier = writer.append_barrier().await?;
    journal.put_down(vec![barrier]);
    let last = writer.append(2).await?.remove(1).id;
    for (start, mut reading) in readings {
        let seen = reading.up_to(last).await?;
        same(
            &seen,
            &journal.stored(),
            &format!("records from {start:?} in an empty log on"),
        )?;
    }
    Ok(opener.close().await?)
}

async fn an_id_that_was_never_written_is_no_start(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let (journal, longer) = (Journal::new(&context)?, Journal::new(&context)?);
    let writer = journal.open(&opener).await?;
    writer.append(2).await?;
    // Longer and later: some backends count ids by channel, others by server.
    let of_longer = longer.open(&opener).await?.append(20).await?.remove(19).id;
    let capability: Capability = context.capability();
    for start in [Start::At(of_longer), Start::After(of_longer)] {
        match writer.wal.scan(start, ScanOptions::default()).await {
            Ok(_) => Reading::start(&*writer.wal, start).await?.is_silent()?,
            Err(error) => drop(refused::<()>(
                Err(error),
                &[ErrorKind::InvalidInput],
                &format!("a scan from {start:?}, which lies beyond the newest ({capability:?})"),
            )?),
        }
    }
    Ok(opener.close().await?)
}
