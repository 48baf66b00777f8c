//! Many users of a log at once.

use std::sync::Arc;

use walx_core::{End, Lsn, Position, ScanOption};
use walx_utility::spawn;

use crate::case::{case, ensure, same};
use crate::log::{Sent, append, message, messages, new_log, next, same_channel, take};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            latest_misses_nothing_while_the_head_moves,
            "A scan of what comes that starts between appends is whole from its first message on."
        ),
        case!(
            batches_of_many_tasks_are_not_mixed,
            "Messages of one `append_batch` lie together, also where five tasks append at once."
        ),
        case!(
            truncations_beside_appends_and_scans_take_no_more_than_they_name,
            "A scan ahead of the truncations delivers everything once."
        ),
        case!(
            channels_of_a_store_do_not_wait_for_each_other,
            "Three owners of three channels append at once, and each channel is whole."
        ),
    ]
}

fn panicked<E>(_: E) -> Failure {
    Failure::new("a task panicked")
}

async fn latest_misses_nothing_while_the_head_moves(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    let appends = spawn::task({
        let wal = Arc::clone(&wal);
        async move { append(&*wal, 200).await }
    });
    let mut scanners = Vec::new();
    while scanners.len() < 20 && !appends.is_finished() {
        let before = wal.tail().await?.lsn;
        let scanner = match scanners.len() % 2 {
            0 => wal.scan(ScanOption::latest()).await?,
            _ => reader.scan(ScanOption::latest()).await?,
        };
        scanners.push((before, scanner, wal.tail().await?.lsn));
        tokio::task::yield_now().await;
    }
    let mut sent = appends.await.map_err(panicked)??;
    sent.extend(append(&*wal, 1).await?);
    for (at, (before, mut scanner, after)) in scanners.into_iter().enumerate() {
        let first = next(&mut *scanner).await?;
        let from = first.place.lsn;
        // A reader's latest is what the backend knows, of which some may be newer than what the owner calls confirmed.
        let slack = if at % 2 == 0 { 0 } else { 2 };
        ensure!(
            from >= before && from.get() <= after.get() + slack,
            "latest begins with lsn {from}, and the tail was {before} before and {after} after the call"
        );
        let index = usize::try_from(from.get()).unwrap_or(usize::MAX);
        let mut seen = vec![first];
        seen.extend(take(&mut *scanner, sent.len() - 1 - index).await?);
        same(&seen, &sent[index..], "messages of a scan from the tail")?;
    }
    Ok(store.close().await?)
}

async fn batches_of_many_tasks_are_not_mixed(context: Context) -> Outcome {
    const SIZE: u64 = 4;
    let (store, wal) = new_log(&context).await?;
    let mut tasks = Vec::new();
    for task in 0..5_u64 {
        let wal = Arc::clone(&wal);
        tasks.push(spawn::task(async move {
            let mut sent = Vec::new();
            for round in 0..8 {
                let of = |i| message(1000 * task + 10 * round + i);
                let batch = wal.append_batch((0..SIZE).map(of).collect());
                // One of another sort between two batches.
                let single = wal.append(of(9));
                let places = batch.await?;
                ensure!(
                    places.len() as u64 == SIZE,
                    "{SIZE} messages got {} places",
                    places.len()
                );
                let first = places[0].lsn.get();
                let lsns: Vec<_> = places.iter().map(|it| it.lsn.get()).collect();
                same(
                    &lsns,
                    &(first..first + SIZE).collect::<Vec<_>>(),
                    "lsns of a batch",
                )?;
                sent.extend((0..SIZE).zip(places).map(|(i, place)| Sent {
                    place,
                    message: of(i),
                }));
                sent.push(Sent {
                    place: single.await?,
                    message: of(9),
                });
            }
            Ok::<_, Failure>(sent)
        }));
    }
    let mut sent = Vec::new();
    for task in tasks {
        sent.extend(task.await.map_err(panicked)??);
    }
    sent.sort_by_key(|it| it.place.lsn);
    same(
        &messages(&*wal, ScanOption::earliest().until(End::Tail)).await?,
        &sent,
        "messages of batches of five tasks",
    )?;
    Ok(store.close().await?)
}

async fn truncations_beside_appends_and_scans_take_no_more_than_they_name(
    context: Context,
) -> Outcome {
    const MESSAGES: usize = 150;
    /// So many messages stay between the truncation and what the scanners have seen.
    const KEPT: usize = 5;
    let (store, wal) = new_log(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    let mut scanners = [
        wal.scan(ScanOption::earliest()).await?,
        reader.scan(ScanOption::earliest()).await?,
    ];
    let appends = spawn::task({
        let wal = Arc::clone(&wal);
        async move { append(&*wal, MESSAGES as u64).await }
    });
    let mut seen = [Vec::new(), Vec::new()];
    while seen[0].len() < MESSAGES {
        for (scanner, seen) in scanners.iter_mut().zip(&mut seen) {
            seen.push(next(&mut **scanner).await?);
        }
        if seen[0].len().is_multiple_of(20) {
            let at = seen[0].len() - 1 - KEPT;
            wal.truncate(seen[0][at].place.id).await?;
        }
    }
    let sent = appends.await.map_err(panicked)??;
    for seen in seen {
        same(&seen, &sent, "messages of a scan ahead of truncations")?;
    }
    Ok(store.close().await?)
}

async fn channels_of_a_store_do_not_wait_for_each_other(context: Context) -> Outcome {
    let store = context.store().await?;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let (store, option) = (Arc::clone(&store), crate::log::option(&context)?);
        tasks.push(spawn::task(async move {
            let mut sent = Vec::new();
            for _ in 0..3 {
                let wal = store.open(option.clone()).await?;
                sent.extend(append(&*wal, 10).await?);
                let all = ScanOption::new(Position::Lsn(Lsn::ZERO)).until(End::Tail);
                same(
                    &messages(&*wal, all).await?,
                    &sent,
                    "messages of one of three channels",
                )?;
                wal.close().await?;
            }
            Ok::<_, Failure>(())
        }));
    }
    for task in tasks {
        task.await.map_err(panicked)??;
    }
    Ok(store.close().await?)
}
