//! The ways to append, and what comes back.

use walx_core::{Bytes, End, ErrorKind, Lsn, Message, RoWal, ScanOption, VirtualChannel};

use crate::case::{case, ensure, refused, same};
use crate::log::{Sent, append, message, messages, new_log, option, same_channel};
use crate::{Case, Context, Outcome};

/// Larger limits are not put to the test: the message would have to be in memory several times.
const MOST_TESTED: usize = 64 << 20;

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            lsns_count_from_zero_across_opens,
            "Messages are numbered from 0 without a hole, by all owners together."
        ),
        case!(
            every_way_to_append_takes_the_next_place,
            "`append`, `append_batch`, `try_append` and a permit's append share one order."
        ),
        case!(
            a_message_comes_back_as_it_was,
            "Payload, properties, stream and key survive the log and a new open."
        ),
        case!(
            an_empty_batch_is_refused,
            "It is `InvalidInput`, and takes no number."
        ),
        case!(a_message_above_the_limit_is_refused_and_the_wal_goes_on, "It is `TooLarge`, and takes no number.",
            needs "a limit of at most 64 MiB": |it| it.max_record_bytes <= MOST_TESTED),
        case!(
            try_append_hands_the_message_back_where_there_is_no_room,
            "It is `Overloaded`, and nothing is written."
        ),
        case!(
            a_permit_is_room_for_its_bytes,
            "A larger message is refused; a dropped permit gives its room back."
        ),
    ]
}

fn all() -> ScanOption {
    ScanOption::earliest().until(End::Tail)
}

/// The log holds exactly these messages, with lsns from 0 on, in this order.
async fn holds(wal: &dyn RoWal, sent: &[Sent]) -> Outcome {
    let ascends = sent.windows(2).all(|it| {
        let (a, b) = (it[0].place, it[1].place);
        a.id < b.id && a.tick < b.tick && a.owner <= b.owner
    });
    ensure!(
        ascends,
        "ids, ticks or owners don't ascend with the order: {sent:?}"
    );
    let lsns: Vec<_> = sent.iter().map(|it| it.place.lsn).collect();
    same(
        &lsns,
        &(0..sent.len() as u64).map(Lsn::new).collect::<Vec<_>>(),
        "lsns of the appends",
    )?;
    same(
        &messages(wal, all()).await?,
        sent,
        "messages of a scan of everything",
    )
}

async fn lsns_count_from_zero_across_opens(context: Context) -> Outcome {
    let (mut store, mut wal) = new_log(&context).await?;
    let mut sent = Vec::new();
    for round in 0..3 {
        let appended = append(&*wal, 5).await?;
        ensure!(
            appended.iter().all(|it| it.place.owner == wal.owner()),
            "a place names another owner"
        );
        sent.extend(appended);
        holds(&*wal, &sent).await?;
        let option = same_channel(&*wal);
        wal.close().await?;
        if round == 1 {
            store.close().await?;
            store = context.store().await?;
        }
        wal = store.open(option).await?;
        let tail = wal.tail().await?.lsn;
        ensure!(
            tail == Lsn::new(sent.len() as u64),
            "behind {} messages the tail is {tail}",
            sent.len()
        );
    }
    Ok(store.close().await?)
}

async fn every_way_to_append_takes_the_next_place(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let mut sent = Vec::new();
    for round in 0..3 {
        let at = |i: u64| message(10 * round + i);
        let handle = wal.append(at(0));
        let batch = wal.append_batch(vec![at(1), at(2), at(3)]);
        let tried = wal.try_append(at(4)).map_err(|refused| refused.error)?;
        let permit = wal.reserve(at(5).bytes()).await?;
        let permitted = permit.append(at(5));
        let places = [
            vec![handle.await?],
            batch.await?,
            vec![tried.await?, permitted.await?, wal.append(at(6)).await?],
        ];
        let places = places.concat();
        ensure!(places.len() == 7, "7 messages got {} places", places.len());
        sent.extend(places.into_iter().zip(0..).map(|(place, i)| Sent {
            place,
            message: at(i),
        }));
    }
    holds(&*wal, &sent).await?;
    Ok(store.close().await?)
}

async fn a_message_comes_back_as_it_was(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let everything = Message::new(Bytes::from_static(b"\0\xff"))
        .with_property("", Bytes::from_static(b"\xff\xfe"))
        .with_property("twice", "1")
        .with_property("twice", "")
        .with_virtual_channel(VirtualChannel::new("straße/1")?)
        .with_idempotency_key(Bytes::from_static(b"\0key"));
    let mut sent = Vec::new();
    for message in [everything, Message::new(""), Message::new(vec![7; 100_000])] {
        sent.push(Sent {
            place: wal.append(message.clone()).await?,
            message,
        });
    }
    holds(&*wal, &sent).await?;
    let option = same_channel(&*wal);
    wal.close().await?;
    store.close().await?;

    let store = context.store().await?;
    holds(&*store.open_read_only(option.clone()).await?, &sent).await?;
    holds(&*store.open(option).await?, &sent).await?;
    Ok(store.close().await?)
}

async fn an_empty_batch_is_refused(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    refused(
        wal.append_batch(Vec::new()).await,
        &[ErrorKind::InvalidInput],
        "an empty batch",
    )?;
    holds(&*wal, &append(&*wal, 2).await?).await?;
    Ok(store.close().await?)
}

async fn a_message_above_the_limit_is_refused_and_the_wal_goes_on(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let mut sent = append(&*wal, 1).await?;
    let large = Message::new(vec![0; store.capability().max_record_bytes + 1]);
    refused(
        wal.append(large.clone()).await,
        &[ErrorKind::TooLarge],
        "a message above the limit",
    )?;
    let batch = wal.append_batch(vec![message(1), large.clone()]).await;
    refused(
        batch,
        &[ErrorKind::TooLarge],
        "a batch with a message above the limit",
    )?;
    match wal.try_append(large) {
        Ok(append) => drop(refused(
            append.await,
            &[ErrorKind::TooLarge],
            "try_append above the limit",
        )?),
        Err(it) => drop(refused::<()>(
            Err(it.error),
            &[ErrorKind::TooLarge],
            "try_append above the limit",
        )?),
    }
    sent.extend(append(&*wal, 2).await?);
    holds(&*wal, &sent).await?;
    Ok(store.close().await?)
}

async fn try_append_hands_the_message_back_where_there_is_no_room(context: Context) -> Outcome {
    let store = context.store().await?;
    let wal = store
        .open(option(&context)?.with_max_in_flight_bytes(8 << 10))
        .await?;
    let permit = wal.reserve(7 << 10).await?;
    let handed_in = Message::new(vec![1; 4 << 10]).with_property("a", "b");
    match wal.try_append(handed_in.clone()) {
        Ok(_) => {
            return Err(crate::Failure::new(
                "try_append takes a message where there is no room",
            ));
        }
        Err(refused) => {
            let overloaded = matches!(refused.error.kind(), ErrorKind::Overloaded { .. });
            ensure!(
                overloaded,
                "it is refused as {:?}, not as Overloaded",
                refused.error
            );
            ensure!(
                refused.message == handed_in,
                "another message comes back than was handed in"
            );
        }
    }
    drop(permit);
    let place = wal
        .try_append(handed_in.clone())
        .map_err(|refused| refused.error)?
        .await?;
    holds(
        &*wal,
        &[Sent {
            place,
            message: handed_in,
        }],
    )
    .await?;
    Ok(store.close().await?)
}

async fn a_permit_is_room_for_its_bytes(context: Context) -> Outcome {
    let store = context.store().await?;
    let wal = store
        .open(option(&context)?.with_max_in_flight_bytes(8 << 10))
        .await?;
    let too_much = wal.reserve(16 << 10).await;
    refused(
        too_much,
        &[ErrorKind::InvalidInput],
        "reserve of more than the limit",
    )?;
    for _ in 0..3 {
        // Each takes most of the room: the next one waits for ever, unless this one gives it back.
        drop(wal.reserve(6 << 10).await?);
        let permit = wal.reserve(6 << 10).await?;
        let small = permit.append(Message::new(vec![1; 7 << 10])).await;
        refused(
            small,
            &[ErrorKind::InvalidInput],
            "an append that is larger than its permit",
        )?;
    }
    let message = Message::new(vec![1; 6 << 10]);
    let place = wal.reserve(6 << 10).await?.append(message.clone()).await?;
    holds(&*wal, &[Sent { place, message }]).await?;
    Ok(store.close().await?)
}
