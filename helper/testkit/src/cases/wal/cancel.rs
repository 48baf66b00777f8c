//! What it means to drop a future of a wal.

use futures_util::FutureExt;
use walx_core::{End, Lsn, Message, ScanOption};

use crate::case::{case, ensure, same};
use crate::log::{append, message, messages, new_log, open_once_free, option, same_channel};
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            an_append_that_is_dropped_while_it_waits_for_room_writes_nothing,
            "It leaves the queue, takes no number, and holds nobody up."
        ),
        case!(
            dropped_opens_leave_the_channel_to_others,
            "An open that is given up at its first poll leaves nothing that the next one could meet."
        ),
        case!(
            dropped_scans_and_closes_change_nothing,
            "A scan that is given up is none, and a close that is given up goes on or can be called again."
        ),
    ]
}

async fn an_append_that_is_dropped_while_it_waits_for_room_writes_nothing(
    context: Context,
) -> Outcome {
    let store = context.store().await?;
    let wal = store
        .open(option(&context)?.with_max_in_flight_bytes(4 << 10))
        .await?;
    for round in 0..5 {
        let permit = wal.reserve(3 << 10).await?;
        let mut waits = wal.append(Message::new(vec![0; 2 << 10]));
        let mut behind = wal.append(message(round));
        if round % 2 == 1 {
            let early = ((&mut waits).now_or_never(), (&mut behind).now_or_never());
            ensure!(
                early.0.is_none() && early.1.is_none(),
                "an append is answered while there is no room: {early:?}"
            );
        }
        drop(waits);
        drop(permit);
        let place = behind.await?;
        ensure!(
            place.lsn == Lsn::new(round),
            "behind {round} messages, and one that was given up, comes lsn {}",
            place.lsn
        );
    }
    let found = messages(&*wal, ScanOption::earliest().until(End::Tail)).await?;
    let found: Vec<_> = found.into_iter().map(|it| it.message).collect();
    same(
        &found,
        &(0..5).map(message).collect::<Vec<_>>(),
        "messages beside appends that were given up",
    )?;
    Ok(store.close().await?)
}

async fn dropped_opens_leave_the_channel_to_others(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    let mut sent = append(&*wal, 2).await?;
    wal.close().await?;
    for _ in 0..5 {
        drop(store.open(option.clone()).now_or_never());
        drop(store.open_read_only(option.clone()).now_or_never());
        // The one that was given up may have got so far that it did not release the channel.
        let wal = open_once_free(&store, &option.clone().with_take_over(true)).await?;
        sent.extend(append(&*wal, 1).await?);
        wal.close().await?;
    }
    let reader = store.open_read_only(option).await?;
    let all = ScanOption::earliest().until(End::Tail);
    same(
        &messages(&*reader, all).await?,
        &sent,
        "messages of owners between opens that were given up",
    )?;
    Ok(store.close().await?)
}

async fn dropped_scans_and_closes_change_nothing(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.extend(append(&*wal, 2).await?);
        drop(wal.scan(ScanOption::earliest()).now_or_never());
        drop(wal.tail().now_or_never());
        drop(wal.bounds().now_or_never());
        let all = ScanOption::earliest().until(End::Tail);
        same(
            &messages(&*wal, all).await?,
            &sent,
            "messages between scans that were given up",
        )?;
    }
    drop(wal.close().now_or_never());
    wal.close().await?;
    let wal = store.open(option).await?;
    let next = append(&*wal, 1).await?.remove(0).place.lsn;
    ensure!(next == Lsn::new(10), "behind 10 messages comes lsn {next}");
    Ok(store.close().await?)
}
