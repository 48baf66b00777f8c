//! Messages with a key, which are written once however often they are appended.

use std::time::Duration;

use walx_core::{ErrorKind, IdempotencyOption, Message, OpenOption, ScanOption, TransactionOption};

use super::text::{hands_out, stream};
use crate::case::{case, ensure, refused};
use crate::faults::Plan;
use crate::log::{open_once_free, option, same_channel};
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_key_that_is_known_gets_the_place_of_the_first_one,
            "Also while that is on its way, and nothing is written again."
        ),
        case!(
            the_next_owner_knows_the_keys_of_the_one_before,
            "It finds them in the log, however often the channel is opened."
        ),
        case!(
            a_key_is_one_of_its_stream,
            "The same bytes in another stream name another message."
        ),
        case!(
            a_batch_with_known_keys_is_answered_with_all_places,
            "What is known isn't written again, and the same key twice is written once."
        ),
        case!(
            a_key_of_a_transaction_counts_once_that_is_committed,
            "Until then it is a `Conflict` elsewhere; rolled back, it is free again."
        ),
        case!(
            without_the_option_keys_are_stored_and_no_more,
            "Each append is written."
        ),
        case!(
            a_key_that_left_the_window_names_a_new_message,
            "The window has so many bytes."
        ),
        case!(
            an_append_that_nobody_heard_of_is_repeated_safely,
            "Whatever became of it, the same key is in the log once."
        ),
    ]
}

fn all() -> ScanOption {
    ScanOption::earliest()
}

fn once(option: OpenOption) -> OpenOption {
    option.with_idempotency(IdempotencyOption::default())
}

fn keyed(text: &'static str, key: &'static str) -> Message {
    Message::new(text).with_idempotency_key(key)
}

async fn a_key_that_is_known_gets_the_place_of_the_first_one(context: Context) -> Outcome {
    let store = context.store().await?;
    let wal = store.open(once(option(&context)?)).await?;
    let first = wal.append(keyed("a", "1")).await?;
    let other = wal.append(keyed("b", "2")).await?;
    let again = wal.append(keyed("a", "1")).await?;
    ensure!(
        first == again && first != other,
        "a key was answered with {first:?}, and then with {again:?}"
    );
    let on_their_way = [(); 3].map(|()| wal.append(keyed("c", "3")));
    let mut places = Vec::new();
    for append in on_their_way {
        places.push(append.await?);
    }
    ensure!(
        places.iter().all(|it| *it == places[0]),
        "three appends of one key at once are answered with {places:?}"
    );
    let next = wal.append("d".into()).await?;
    ensure!(
        next.lsn == places[0].lsn.next(),
        "an append that was not written took an lsn: behind {:?} comes {next:?}",
        places[0]
    );
    hands_out(&*wal, all(), "a b c d").await?;
    Ok(store.close().await?)
}

async fn the_next_owner_knows_the_keys_of_the_one_before(context: Context) -> Outcome {
    let mut store = context.store().await?;
    let option = once(option(&context)?);
    let mut first = None;
    for round in 0..3 {
        let wal = store.open(option.clone()).await?;
        let place = wal.append(keyed("a", "1")).await?;
        let first = *first.get_or_insert(place);
        ensure!(
            first == place,
            "owner {round} answers a key with {place:?}, the first one answered {first:?}"
        );
        wal.append("b".into()).await?;
        wal.close().await?;
        store.close().await?;
        store = context.store().await?;
    }
    let reader = store.open_read_only(option).await?;
    hands_out(&*reader, all(), "a b b b").await?;
    Ok(store.close().await?)
}

async fn a_key_is_one_of_its_stream(context: Context) -> Outcome {
    let store = context.store().await?;
    let wal = store.open(once(option(&context)?)).await?;
    let mut places = Vec::new();
    for _ in 0..2 {
        places.push(wal.append(keyed("a", "1")).await?);
        for name in ["x", "y"] {
            let message = keyed("b", "1").with_virtual_channel(stream(name)?);
            places.push(wal.append(message).await?);
        }
    }
    ensure!(
        places[..3] == places[3..],
        "the keys of three streams are answered with {places:?}"
    );
    hands_out(&*wal, all(), "a b b").await?;
    Ok(store.close().await?)
}

async fn a_batch_with_known_keys_is_answered_with_all_places(context: Context) -> Outcome {
    let store = context.store().await?;
    let wal = store.open(once(option(&context)?)).await?;
    let first = wal.append(keyed("a", "1")).await?;
    let batch = [("b", "2"), ("a", "1"), ("c", "3"), ("b", "2")];
    let batch: Vec<_> = batch.map(|(text, key)| keyed(text, key)).to_vec();
    let places = wal.append_batch(batch.clone()).await?;
    ensure!(
        places.len() == 4 && places[1] == first && places[3] == places[0],
        "a batch is answered with {places:?}, and {first:?} was there"
    );
    let again = wal.append_batch(batch).await?;
    ensure!(
        again == places,
        "the same batch again is answered with {again:?} instead of {places:?}"
    );
    hands_out(&*wal, all(), "a b c").await?;
    Ok(store.close().await?)
}

async fn a_key_of_a_transaction_counts_once_that_is_committed(context: Context) -> Outcome {
    let store = context.store().await?;
    let wal = store.open(once(option(&context)?)).await?;
    let conflict = [ErrorKind::Conflict];
    let transaction = wal.begin(TransactionOption::new())?;
    let first = transaction.append(keyed("a", "1")).await?;
    let again = transaction.append(keyed("a", "1")).await?;
    ensure!(
        first == again,
        "a transaction answers a key with {first:?} and {again:?}"
    );
    refused(
        wal.append(keyed("a", "1")).await,
        &conflict,
        "an append of a key that an open transaction has",
    )?;
    let other = wal.begin(TransactionOption::new())?;
    refused(
        other.append(keyed("a", "1")).await,
        &conflict,
        "an append of a key that another open transaction has",
    )?;
    other.rollback().await?;
    transaction.rollback().await?;
    let second = wal.begin(TransactionOption::new())?;
    let place = second.append(keyed("a", "1")).await?;
    ensure!(
        place != first,
        "a key that was rolled back still has the place {first:?}"
    );
    second.commit().await?;
    let again = wal.append(keyed("a", "1")).await?;
    ensure!(
        again == place,
        "a key that was committed at {place:?} is answered with {again:?}"
    );
    hands_out(&*wal, all(), "[a]").await?;
    Ok(store.close().await?)
}

async fn without_the_option_keys_are_stored_and_no_more(context: Context) -> Outcome {
    let store = context.store().await?;
    let wal = store.open(option(&context)?).await?;
    for _ in 0..2 {
        wal.append(keyed("a", "1")).await?;
    }
    hands_out(&*wal, all(), "a a").await?;
    Ok(store.close().await?)
}

async fn a_key_that_left_the_window_names_a_new_message(context: Context) -> Outcome {
    let store = context.store().await?;
    let small = IdempotencyOption::new(64 << 10, Duration::from_secs(600));
    let wal = store
        .open(option(&context)?.with_idempotency(small))
        .await?;
    let first = wal.append(keyed("a", "1")).await?;
    let again = wal.append(keyed("a", "1")).await?;
    ensure!(
        again == first,
        "a key was answered with {first:?}, and then with {again:?}"
    );
    for _ in 0..20 {
        wal.append(vec![0; 8 << 10].into()).await?;
    }
    let new = wal.append(keyed("a", "1")).await?;
    ensure!(
        new.lsn > first.lsn,
        "a key that left the window is answered with {new:?}"
    );
    Ok(store.close().await?)
}

async fn an_append_that_nobody_heard_of_is_repeated_safely(context: Context) -> Outcome {
    let broken = context.under(Plan::quiet());
    let store = broken.store().await?;
    let option = once(option(&broken)?).with_recovery_timeout(Duration::ZERO);
    let wal = store.open(option).await?;
    let option = once(same_channel(&*wal)).with_take_over(true);
    wal.append(keyed("a", "1")).await?;
    broken.faults()?.lose_ack_next();
    refused(
        wal.append(keyed("b", "2")).await,
        &[ErrorKind::OutcomeUnknown],
        "an append whose acknowledgement is lost",
    )?;
    drop(wal);
    let _ = store.close().await;
    drop(store);

    let store = context.store().await?;
    let wal = open_once_free(&store, &option).await?;
    let second = wal.append(keyed("b", "2")).await?;
    let third = wal.append(keyed("c", "3")).await?;
    ensure!(
        third.lsn == second.lsn.next(),
        "behind {second:?} comes {third:?}"
    );
    hands_out(&*wal, all(), "a b c").await?;
    Ok(store.close().await?)
}
