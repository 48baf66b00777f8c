//! Ids: places in one backend, and in no other.

use walx_core::{BackendName, ErrorKind, MessageId, Properties, Record};
use walx_impls::{Batch, ScanOptions, Start, StoredRecord};

use crate::case::{case, ensure, refused, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            ids_survive_their_text_form,
            "An id that was stored as text starts a scan at its record."
        ),
        case!(
            an_id_of_another_backend_is_refused,
            "A foreign id is `InvalidInput`, never a wrong place."
        ),
        case!(
            every_id_that_is_named_comes_back_from_its_text,
            "Ids of bounds and of `PositionLost` too, before and after a truncation and a new open."
        ),
        case!(
            ids_ascend_and_are_never_given_again,
            "Across writers, opens and truncations each id is larger than all before it."
        ),
        case!(
            ids_ascend_behind_65536_records,
            "Batches of 10,000 records are whole, also after a new open, and ids that count past two bytes keep their order."
        ),
        case!(
            ids_of_two_backends_have_no_order,
            "They are never equal and never compare, whatever their bytes are."
        ),
    ]
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

fn comes_back(id: MessageId, what: &str) -> Outcome {
    let parsed: MessageId = id.to_string().parse()?;
    ensure!(parsed == id, "{what} {id} parses to {parsed}");
    ensure!(
        parsed.partial_cmp(&id) == Some(std::cmp::Ordering::Equal),
        "{what} {id} is equal to what it parses to, and does not compare so"
    );
    Ok(())
}

async fn every_id_that_is_named_comes_back_from_its_text(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    for _ in 0..3 {
        let writer = journal.open(&opener).await?;
        let stored = writer.append(4).await?;
        for truncates in [false, true] {
            if truncates {
                writer.wal.truncate(stored[1].id).await?;
            }
            let bounds = writer.wal.bounds().await?;
            for id in [bounds.earliest, bounds.newest].into_iter().flatten() {
                comes_back(id, "a bound")?;
            }
        }
        let gone = Start::At(stored[0].id);
        let end = match writer.wal.scan(gone, ScanOptions::default()).await {
            // Where truncation is but a permission, the record may still be there.
            Ok(_) => Reading::start(&*writer.wal, gone).await?.next().await.err(),
            Err(error) => {
                if let ErrorKind::PositionLost { earliest: Some(id) } = error.kind() {
                    comes_back(id, "the earliest id of a lost position")?;
                    read(&*writer.wal, Start::At(id), stored[3].id).await?;
                }
                None
            }
        };
        end.map_or(Ok(()), Err)?;
        writer.wal.close().await?;
    }
    Ok(opener.close().await?)
}

async fn ids_ascend_and_are_never_given_again(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    for round in 0..4 {
        let opener = context.opener().await?;
        let writer = journal.open(&opener).await?;
        let stored = writer.append(3).await?;
        if round % 2 == 1 {
            // Of everything: where ids are counted, counting must go on.
            writer.wal.truncate(stored[2].id).await?;
        }
        writer.wal.close().await?;
        opener.close().await?;
    }
    let ids: Vec<_> = journal.stored().iter().map(|it| it.id).collect();
    let at = ids.windows(2).position(|pair| pair[0] >= pair[1]);
    let at = at.map(|at| (ids[at], ids[at + 1]));
    at.map_or(Ok(()), |(one, next)| {
        Err(Failure::new(format!("behind {one} comes {next}")))
    })
}

async fn ids_ascend_behind_65536_records(context: Context) -> Outcome {
    const BATCH: usize = 10_000;
    let journal = Journal::new(&context)?;
    let opener = context.opener().await?;
    let writer = journal.open(&opener).await?;
    while journal.stored().len() <= 1 << 16 {
        let bare = |mut record: Record| {
            record.properties = Properties::default();
            record
        };
        let records: Vec<_> = (0..BATCH).map(|_| bare(writer.record())).collect();
        let ids = writer.wal.append(Batch::Many(records.clone())).await?;
        ensure!(
            ids.len() == BATCH,
            "{BATCH} records are answered with {} ids",
            ids.len()
        );
        let ids = ids.as_slice().iter().zip(records);
        journal.put_down(
            ids.map(|(id, record)| StoredRecord { id: *id, record })
                .collect(),
        );
    }
    writer.wal.close().await?;
    opener.close().await?;

    let opener = context.opener().await?;
    let reader = opener.open_read_only(&journal.name).await?;
    let stored = journal.stored();
    let last = stored[stored.len() - 1].id;
    let all = read(&*reader, Start::Earliest, last).await?;
    same(&all, &stored, "records of large batches")?;
    let from = 1 << 16;
    let behind = read(&*reader, Start::At(stored[from].id), last).await?;
    same(&behind, &stored[from..], "records behind the first 65,536")?;
    Ok(opener.close().await?)
}

async fn ids_of_two_backends_have_no_order(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    for stored in writer.append(3).await? {
        let foreign = MessageId::new(BackendName::constant("another"), stored.id.bytes())?;
        ensure!(
            foreign != stored.id && foreign.partial_cmp(&stored.id).is_none(),
            "{foreign} compares with {}",
            stored.id
        );
        let scan = writer
            .wal
            .scan(Start::At(foreign), ScanOptions::default())
            .await;
        refused(
            scan,
            &[ErrorKind::InvalidInput],
            "a scan from an id with the bytes of an own one",
        )?;
    }
    let last = journal
        .newest()
        .ok_or_else(|| Failure::new("nothing was written"))?;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records",
    )?;
    Ok(opener.close().await?)
}
