//! The largest, the smallest and the odd.

use walx_core::{Bytes, ErrorKind};
use walx_impls::{Batch, ScanOptions, Start};

use super::record::{MOST_TESTED, come_back};
use crate::case::{case, ensure, refused, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(the_largest_record_fits, "A record just below the limit that the capability names is stored.",
            needs "a limit of at most 64 MiB": |it| it.max_record_bytes <= MOST_TESTED),
        case!(a_batch_with_a_record_above_the_limit_is_refused_whole,
            "It is `TooLarge`, and where batches are stored whole or not at all nothing of it is there.",
            needs "a limit of at most 64 MiB": |it| it.max_record_bytes <= MOST_TESTED),
        case!(
            long_names_and_values_and_many_of_them_come_back,
            "A name of 60 kB, a value of 200 kB and 5,000 properties are no record of another sort."
        ),
        case!(
            a_batch_of_scanned_records_is_no_larger_than_the_read_ahead,
            "A reader that is slow costs its read-ahead and a record, however long the log is."
        ),
    ]
}

async fn the_largest_record_fits(context: Context) -> Outcome {
    // What the adaptor leaves for the header and the frames of properties, and some more.
    let payload = context.capability().max_record_bytes.saturating_sub(1024);
    come_back(&context, |writer| {
        let mut large = writer.record();
        large.payload = vec![0xa5; payload].into();
        vec![large, writer.record()]
    })
    .await
}

async fn a_batch_with_a_record_above_the_limit_is_refused_whole(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    let opener = context.opener().await?;
    let writer = journal.open(&opener).await?;
    writer.append(2).await?;
    let small = writer.record();
    let mut large = writer.record();
    large.payload = vec![0; context.capability().max_record_bytes + 1].into();
    let answer = writer
        .wal
        .append(Batch::Many(vec![small.clone(), large]))
        .await;
    refused(
        answer,
        &[ErrorKind::TooLarge],
        "a batch with a record above the limit",
    )?;
    writer.wal.close().await?;
    drop(writer);
    let next = journal.claim(&opener).await?;
    let barrier = next.append_barrier().await?;
    let mut all = read(&*next.wal, Start::Earliest, barrier.id).await?;
    all.pop();
    if !context.capability().atomic_batch {
        // What lies before the one that is too large may be there.
        all.retain(|it| it.record != small);
    }
    same(
        &all,
        &journal.stored(),
        "records before a batch that was refused",
    )?;
    Ok(opener.close().await?)
}

async fn long_names_and_values_and_many_of_them_come_back(context: Context) -> Outcome {
    come_back(&context, |writer| {
        let mut long = writer.record();
        long.properties
            .push("n".repeat(60_000), Bytes::from_static(b"\xff"));
        long.properties.push("v", vec![0xfe; 200_000]);
        let mut many = writer.record();
        (0..5_000).for_each(|i: u32| {
            many.properties
                .push(i.to_string(), i.to_be_bytes().to_vec())
        });
        let mut equal = writer.record();
        (0..100).for_each(|i: u8| equal.properties.push("same", vec![i]));
        vec![long, many, equal]
    })
    .await
}

async fn a_batch_of_scanned_records_is_no_larger_than_the_read_ahead(context: Context) -> Outcome {
    const PAYLOAD: usize = 1000;
    const READ_AHEAD: usize = 10 * PAYLOAD;
    let journal = Journal::new(&context)?;
    let opener = context.opener().await?;
    let writer = journal.open(&opener).await?;
    for _ in 0..100 {
        let mut record = writer.record();
        record.payload = vec![7; PAYLOAD].into();
        writer.append_record(record).await?;
    }
    let last = writer.append(1).await?.remove(0).id;
    let options = ScanOptions::new(READ_AHEAD);
    let mut reading = Reading::with(&*writer.wal, Start::Earliest, options).await?;
    let seen = reading.up_to(last).await?;
    ensure!(
        seen.len() == 102,
        "102 records were appended, and {} come",
        seen.len()
    );
    let largest = reading.largest_batch();
    match largest <= READ_AHEAD + 2 * PAYLOAD {
        true => Ok(opener.close().await?),
        false => Err(Failure::new(format!(
            "with a read-ahead of {READ_AHEAD} bytes a batch holds {largest}"
        ))),
    }
}
