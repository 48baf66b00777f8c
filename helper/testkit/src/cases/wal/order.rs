//! The order is the order of the calls.

use std::sync::Arc;

use futures_util::FutureExt;
use walx_core::{End, Lsn, Message, ScanOption};
use walx_utility::spawn;

use crate::case::{case, ensure, same};
use crate::log::{Sent, append, message, messages, new_log, option};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            the_call_takes_the_place_and_not_the_first_poll,
            "Appends that are awaited in reverse lie in the order of their calls."
        ),
        case!(
            appends_that_wait_for_room_keep_the_order_of_their_calls,
            "With room for a few messages only, nothing overtakes what waits, even if nobody polls it."
        ),
        case!(
            appends_of_five_tasks_are_each_there_once,
            "Every task's appends lie in the order of its calls, and none is missing or doubled."
        ),
        case!(
            a_dropped_append_neither_disappears_nor_comes_twice,
            "Dropping an append that has its place changes nothing."
        ),
    ]
}

fn all() -> ScanOption {
    ScanOption::earliest().until(End::Tail)
}

async fn the_call_takes_the_place_and_not_the_first_poll(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let appends: Vec<_> = (0..20)
        .map(|number| (number, wal.append(message(number))))
        .collect();
    let mut sent = Vec::new();
    for (number, append) in appends.into_iter().rev() {
        sent.push(Sent {
            place: append.await?,
            message: message(number),
        });
    }
    sent.reverse();
    let lsns: Vec<_> = sent.iter().map(|it| it.place.lsn).collect();
    same(
        &lsns,
        &(0..20).map(Lsn::new).collect::<Vec<_>>(),
        "lsns in the order of the calls",
    )?;
    same(
        &messages(&*wal, all()).await?,
        &sent,
        "messages in the order of the calls",
    )?;
    Ok(store.close().await?)
}

async fn appends_that_wait_for_room_keep_the_order_of_their_calls(context: Context) -> Outcome {
    let store = context.store().await?;
    let wal = store
        .open(option(&context)?.with_max_in_flight_bytes(4 << 10))
        .await?;
    // Small ones would fit where a large one waits.
    let message = |number: usize| {
        Message::new(vec![
            number as u8;
            if number.is_multiple_of(3) { 3000 } else { 10 }
        ])
    };
    let appends: Vec<_> = (0..60).map(|number| wal.append(message(number))).collect();
    let mut places = Vec::new();
    for append in appends.into_iter().rev() {
        places.push(append.await?);
    }
    let sent: Vec<_> = places
        .into_iter()
        .rev()
        .zip(0..)
        .map(|(place, i)| Sent {
            place,
            message: message(i),
        })
        .collect();
    same(
        &messages(&*wal, all()).await?,
        &sent,
        "messages that waited for room",
    )?;
    Ok(store.close().await?)
}

async fn appends_of_five_tasks_are_each_there_once(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let tasks: Vec<_> = (0..5_u64)
        .map(|task| {
            let wal = Arc::clone(&wal);
            spawn::task(async move {
                let mut sent = Vec::new();
                for round in 0..10 {
                    // Some at once, some one after the other.
                    let numbers = (0..4).map(|i| 1000 * task + 4 * round + i);
                    let appends: Vec<_> = numbers
                        .map(|number| (wal.append(message(number)), message(number)))
                        .collect();
                    for (append, message) in appends {
                        sent.push(Sent {
                            place: append.await?,
                            message,
                        });
                    }
                }
                Ok::<_, Failure>(sent)
            })
        })
        .collect();
    let mut sent = Vec::new();
    for task in tasks {
        let of_task = task
            .await
            .map_err(|_| Failure::new("a task that appends panicked"))??;
        ensure!(
            of_task.is_sorted_by_key(|it| it.place.lsn),
            "one task's appends changed their order"
        );
        sent.extend(of_task);
    }
    sent.sort_by_key(|it| it.place.lsn);
    let lsns: Vec<_> = sent.iter().map(|it| it.place.lsn).collect();
    same(
        &lsns,
        &(0..200).map(Lsn::new).collect::<Vec<_>>(),
        "lsns of five tasks",
    )?;
    same(
        &messages(&*wal, all()).await?,
        &sent,
        "messages of five tasks",
    )?;
    Ok(store.close().await?)
}

async fn a_dropped_append_neither_disappears_nor_comes_twice(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    for number in 0..20 {
        let mut append = wal.append(message(number));
        if number % 2 == 1 {
            // Dropped after it was looked at, too.
            let _ = (&mut append).now_or_never();
        }
        drop(append);
    }
    let last = append(&*wal, 1).await?.remove(0);
    ensure!(
        last.place.lsn == Lsn::new(20),
        "behind 20 dropped appends lies lsn {}",
        last.place.lsn
    );
    let found: Vec<_> = messages(&*wal, all())
        .await?
        .into_iter()
        .map(|it| it.message)
        .collect();
    let expected: Vec<_> = (0..20).map(message).chain([last.message]).collect();
    same(&found, &expected, "messages whose appends were dropped")?;
    Ok(store.close().await?)
}
