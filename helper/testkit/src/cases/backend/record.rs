//! Records of all shapes come back as they were.

use walx_core::{
    Bytes, Chunk, ErrorKind, Flags, Kind, Record, Seq, TransactionContext, TransactionId,
    VirtualChannel,
};
use walx_impls::{Batch, Start};

use crate::case::{case, ensure, refused, same};
use crate::journal::{Journal, Writer};
use crate::reading::read;
use crate::{Case, Context, Outcome};

/// Larger limits are not put to the test: the record would have to be in memory several times.
pub(super) const MOST_TESTED: usize = 64 << 20;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            an_empty_payload_comes_back,
            "A record may have no payload, and no properties."
        ),
        case!(a_payload_of_a_mebibyte_comes_back, "A large record comes back byte by byte.",
            needs "records of 1 MiB": |it| it.max_record_bytes > (1 << 20) + 4096),
        case!(
            any_properties_come_back,
            "Values are any bytes; names may be empty, repeated and many; order is kept."
        ),
        case!(
            every_field_of_the_header_comes_back,
            "Records of all kinds come back with all their fields."
        ),
        case!(a_record_above_the_limit_is_too_large, "It is refused, nothing of it is stored, and the log goes on.",
            needs "a limit of at most 64 MiB": |it| it.max_record_bytes <= MOST_TESTED),
    ]
}

/// Appends the records, and reads them with a store that was opened anew.
pub(super) async fn come_back(
    context: &Context,
    make: impl FnOnce(&Writer) -> Vec<Record>,
) -> Outcome {
    let journal = Journal::new(context)?;
    let opener = context.opener().await?;
    let writer = journal.open(&opener).await?;
    for record in make(&writer) {
        writer.append_record(record).await?;
    }
    let stored = journal.stored();
    let last = stored[stored.len() - 1].id;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &stored,
        "records as their writer reads them",
    )?;
    writer.wal.close().await?;
    opener.close().await?;

    let opener = context.opener().await?;
    let reader = opener.open_read_only(&journal.name).await?;
    same(
        &read(&*reader, Start::Earliest, last).await?,
        &stored,
        "records as they are read after a new open",
    )?;
    Ok(opener.close().await?)
}

async fn an_empty_payload_comes_back(context: Context) -> Outcome {
    come_back(&context, |writer| {
        let mut bare = writer.record();
        (bare.payload, bare.properties) = (Bytes::new(), walx_core::Properties::default());
        let mut named = writer.record();
        named.payload = Bytes::new();
        vec![bare, named, writer.record()]
    })
    .await
}

async fn a_payload_of_a_mebibyte_comes_back(context: Context) -> Outcome {
    come_back(&context, |writer| {
        let mut large = writer.record();
        large.payload = (0..1_u32 << 18)
            .flat_map(u32::to_le_bytes)
            .collect::<Vec<_>>()
            .into();
        vec![writer.record(), large, writer.record()]
    })
    .await
}

async fn any_properties_come_back(context: Context) -> Outcome {
    come_back(&context, |writer| {
        let mut odd = writer.record();
        odd.properties.push("", Bytes::from_static(b"\xff\xfe\0"));
        odd.properties.push("twice", Bytes::from_static(b"1"));
        odd.properties.push("twice", Bytes::from_static(b""));
        odd.properties
            .push("straße ✓ =&%\n", (0..=255).collect::<Vec<u8>>());
        let mut many = writer.record();
        (0..300).for_each(|i| many.properties.push(format!("name {i}"), vec![i as u8; i]));
        vec![odd, many]
    })
    .await
}

async fn every_field_of_the_header_comes_back(context: Context) -> Outcome {
    let virtual_channel = VirtualChannel::new("straße/1")?;
    come_back(&context, |writer| {
        let kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Barrier);
        let of_kind = |kind| {
            let mut record = writer.record();
            record.header.kind = kind;
            record
        };
        let mut records: Vec<_> = kinds.map(of_kind).collect();
        let mut full = writer.record();
        let header = &mut full.header;
        let id = TransactionId(Seq::ZERO);
        header.flags = Flags::EXPIRED;
        header.virtual_channel = Some(virtual_channel);
        header.transaction = Some(TransactionContext {
            id,
            count: Some(u32::MAX),
            keepalive_ms: Some(u64::MAX),
        });
        header.oldest_open = Some(Seq::ZERO);
        header.idempotency_key = Some(Bytes::from_static(b"\0\xff key"));
        header.chunk = Some(Chunk { index: 1, total: 3 });
        records.push(full);
        let mut empty_key = writer.record();
        empty_key.header.idempotency_key = Some(Bytes::new());
        records.push(empty_key);
        records
    })
    .await
}

async fn a_record_above_the_limit_is_too_large(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    let opener = context.opener().await?;
    let writer = journal.open(&opener).await?;
    writer.append(2).await?;
    // With numbers of its own, which the next writer gives again.
    let mut large = writer.record();
    large.payload = vec![0; context.capability().max_record_bytes + 1].into();
    let answer = writer.wal.append(Batch::One(large.clone())).await;
    refused(answer, &[ErrorKind::TooLarge], "a record above the limit")?;
    // The handle may go on or be dead; if it goes on, what it acknowledges is there.
    large.payload = Bytes::from_static(b"small");
    match writer.wal.append(Batch::One(large.clone())).await {
        Ok(ids) => {
            ensure!(
                ids.len() == 1,
                "one record is answered with {} ids",
                ids.len()
            );
            journal.put_down(vec![walx_impls::StoredRecord {
                id: ids.as_slice()[0],
                record: large,
            }]);
        }
        Err(error) => {
            let dead = [ErrorKind::NotWritten];
            refused::<()>(
                Err(error),
                &dead,
                "an append of a handle whose append failed",
            )?;
            writer.wal.close().await?;
            let writer = journal.open(&opener).await?;
            writer.append_record(writer.take_over(large)).await?;
        }
    }
    let reader = opener.open_read_only(&journal.name).await?;
    let stored = journal.stored();
    let all = read(&*reader, Start::Earliest, stored[stored.len() - 1].id).await?;
    same(&all, &stored, "records around one that was too large")?;
    Ok(opener.close().await?)
}
