//! Messages that are larger than the backend's largest record.

use walx_core::{
    Delivery, End, ErrorKind, IdempotencyOption, Lsn, Message, OpenOption, Position, RoWal,
    ScanOption, TransactionOption,
};

use super::text::stream;
use crate::case::{case, ensure, refused, same};
use crate::log::{Sent, entries, message, messages, option, same_channel};
use crate::{Case, Context, Failure, Outcome};

/// The largest record of the store that most cases see: whatever the backend takes, this is enough to need several.
const RECORD: usize = 4 << 10;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_message_of_several_records_is_one_message,
            "It has one lsn, and is delivered byte for byte with its properties, to the owner and to readers."
        ),
        case!(
            a_message_beyond_the_backends_own_limit_round_trips,
            "Where messages in several records are switched on.",
            needs "a limit of at most 64 MiB": |it| it.max_record_bytes <= 64 << 20
        ),
        case!(
            more_than_was_allowed_is_refused,
            "Beyond the limit, and where it is switched off: `TooLarge`, and nothing is written."
        ),
        case!(
            they_lie_in_batches_and_transactions,
            "A batch is answered with a place a message, and a commit counts their records."
        ),
        case!(
            a_scan_starts_and_ends_at_them_as_at_any_other,
            "By id, lsn, tick, number before the tail and token, also where it starts amid their records."
        ),
        case!(
            a_key_names_a_message_of_several_records,
            "Appended again, it is answered with its place, by the next owner too."
        ),
    ]
}

fn all() -> ScanOption {
    ScanOption::earliest().until(End::Tail)
}

fn chunked(context: &Context) -> Outcome<OpenOption> {
    Ok(option(context)?.with_max_chunked_bytes(16 * RECORD))
}

/// A message of a number, of so many bytes, none of which is like its neighbour.
fn large(number: u64, bytes: usize) -> Message {
    let mut message = message(number);
    let byte = |at: usize| (at as u64 * 31 + at as u64 / 251 + number) as u8;
    message.payload = (0..bytes).map(byte).collect::<Vec<_>>().into();
    message
}

/// Around what fits into one record, and into several.
fn sizes() -> impl Iterator<Item = usize> {
    let near = |records: usize| [records * RECORD - 1, records * RECORD, records * RECORD + 1];
    [0, 1, RECORD / 2]
        .into_iter()
        .chain([1, 2, 3, 10].into_iter().flat_map(near))
}

async fn a_message_of_several_records_is_one_message(context: Context) -> Outcome {
    let context = context.with_largest_record(RECORD);
    let store = context.store().await?;
    let wal = store.open(chunked(&context)?).await?;
    let mut sent = Vec::new();
    for (number, bytes) in (0..).zip(sizes()) {
        let name = if number % 2 == 0 { "a" } else { "b" };
        let message = large(number, bytes).with_virtual_channel(stream(name)?);
        let place = wal.append(message.clone()).await?;
        ensure!(
            place.lsn == Lsn::new(number),
            "message {number} of {bytes} bytes has the lsn {}",
            place.lsn
        );
        sent.push(Sent { place, message });
    }
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    wal.close().await?;
    let next = store.open(same_channel(&*wal)).await?;
    for wal in [&*next as &dyn RoWal, &*reader] {
        same(&messages(wal, all()).await?, &sent, "large messages")?;
        let of_a = all().with_virtual_channel(stream("a")?);
        let expected: Vec<_> = sent.iter().step_by(2).cloned().collect();
        same(&messages(wal, of_a).await?, &expected, "those of a stream")?;
        let raw = all().with_transactions(Delivery::Raw);
        same(&messages(wal, raw).await?, &sent, "as they were appended")?;
    }
    Ok(store.close().await?)
}

async fn a_message_beyond_the_backends_own_limit_round_trips(context: Context) -> Outcome {
    let store = context.store().await?;
    let bytes = store.capability().max_record_bytes + (1 << 20);
    let option = option(&context)?.with_max_chunked_bytes(2 * bytes);
    let wal = store
        .open(option.with_max_in_flight_bytes(4 * bytes))
        .await?;
    let message = large(1, bytes);
    let place = wal.append(message.clone()).await?;
    let option = all().with_transaction_buffer_bytes(4 * bytes);
    let found = messages(&*wal, option).await?;
    let whole = found.len() == 1 && found[0].place == place && found[0].message == message;
    ensure!(whole, "a message of {bytes} bytes does not come back");
    Ok(store.close().await?)
}

async fn more_than_was_allowed_is_refused(context: Context) -> Outcome {
    let context = context.with_largest_record(RECORD);
    let store = context.store().await?;
    let too_large = [ErrorKind::TooLarge];
    let wal = store.open(chunked(&context)?).await?;
    let most = wal.append(large(0, 15 * RECORD)).await?;
    let refusal = wal.append(large(1, 16 * RECORD + 1)).await;
    refused(refusal, &too_large, "an append beyond max_chunked_bytes")?;
    let next = wal.append(message(2)).await?;
    ensure!(
        next.lsn == most.lsn.next(),
        "what was refused took an lsn: behind {most:?} comes {next:?}"
    );
    wal.close().await?;
    let wal = store.open(same_channel(&*wal)).await?;
    let refusal = wal.append(large(3, RECORD + 1)).await;
    refused(refusal, &too_large, "an append where it is switched off")?;
    Ok(store.close().await?)
}

async fn they_lie_in_batches_and_transactions(context: Context) -> Outcome {
    let context = context.with_largest_record(RECORD);
    let store = context.store().await?;
    let wal = store.open(chunked(&context)?).await?;
    let batch: Vec<_> = (0..)
        .zip(sizes())
        .map(|(number, bytes)| large(number, bytes))
        .collect();
    let places = wal.append_batch(batch.clone()).await?;
    let transaction = wal.begin(TransactionOption::new())?;
    for message in &batch {
        transaction.append(message.clone()).await?;
        wal.append("between".into()).await?;
    }
    transaction.commit().await?;
    let found = entries(&*wal, all()).await?;
    let plain: Vec<_> = found.iter().filter_map(|it| it.message()).collect();
    let sent: Vec<_> = plain.iter().take(batch.len()).map(|it| it.place).collect();
    same(&sent, &places, "places of a batch")?;
    let Some(walx_core::Entry::Transaction(whole)) = found.last() else {
        return Err(Failure::new("the last entry is no transaction"));
    };
    let bodies: Vec<_> = whole.messages().collect::<walx_core::Result<_>>()?;
    let bodies: Vec<_> = bodies.into_iter().map(|it| it.message).collect();
    same(&bodies, &batch, "messages of a transaction")?;
    Ok(store.close().await?)
}

async fn a_scan_starts_and_ends_at_them_as_at_any_other(context: Context) -> Outcome {
    let context = context.with_largest_record(RECORD);
    let store = context.store().await?;
    let wal = store.open(chunked(&context)?).await?;
    let mut sent = Vec::new();
    for number in 0..6 {
        let message = large(number, 3 * RECORD);
        let place = wal.append(message.clone()).await?;
        sent.push(Sent { place, message });
    }
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for wal in [&*wal as &dyn RoWal, &*reader] {
        let mut scanner = wal.scan(all()).await?;
        for (at, it) in sent.iter().enumerate() {
            let place = it.place;
            for from in [
                Position::At(place.id),
                Position::Lsn(place.lsn),
                Position::Tick(place.tick),
                Position::Last((sent.len() - at) as u64),
            ] {
                let option = ScanOption::new(from).until(End::Tail);
                let what = format!("messages from {from:?} on");
                same(&messages(wal, option).await?, &sent[at..], &what)?;
            }
            for end in [
                End::Id(place.id),
                End::Lsn(place.lsn),
                End::Tick(place.tick),
            ] {
                let option = ScanOption::earliest().until(end);
                let what = format!("messages until {end:?}");
                same(&messages(wal, option).await?, &sent[..=at], &what)?;
            }
            crate::log::next(&mut *scanner).await?;
            let token = scanner
                .token()
                .ok_or_else(|| Failure::new("a scanner has no token"))?;
            let from = Position::Resume(token.to_string().parse()?);
            let option = ScanOption::new(from).until(End::Tail);
            same(&messages(wal, option).await?, &sent[at + 1..], "the rest")?;
        }
    }
    Ok(store.close().await?)
}

async fn a_key_names_a_message_of_several_records(context: Context) -> Outcome {
    let context = context.with_largest_record(RECORD);
    let store = context.store().await?;
    let option = chunked(&context)?.with_idempotency(IdempotencyOption::default());
    let message = large(1, 5 * RECORD).with_idempotency_key("key");
    let mut places = Vec::new();
    for _ in 0..2 {
        let wal = store.open(option.clone()).await?;
        for _ in 0..2 {
            places.push(wal.append(message.clone()).await?);
        }
        wal.close().await?;
    }
    ensure!(
        places.iter().all(|it| *it == places[0]),
        "a key is answered with {places:?}"
    );
    let reader = store.open_read_only(option).await?;
    let found = messages(&*reader, all()).await?;
    let sent = Sent {
        place: places[0],
        message,
    };
    same(&found, &[sent], "a message with a key")?;
    Ok(store.close().await?)
}
