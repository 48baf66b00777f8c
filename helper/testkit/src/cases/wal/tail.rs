//! Following the log.

use futures_util::FutureExt;
use walx_core::{RoWal, ScanMode, ScanOption};
use walx_utility::spawn;

use crate::case::{case, ensure, same};
use crate::log::{append, message, new_log, next, same_channel, take};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_message_is_delivered_once_it_is_acknowledged,
            "A scanner that follows delivers each message after its append has answered, without another append."
        ),
        case!(
            latest_delivers_what_comes_after_the_call_only,
            "Nothing older is delivered, and nothing newer is missed."
        ),
        case!(
            scanners_that_follow_at_once_see_the_same,
            "Eight scanners and five bursts: all deliver all, in order."
        ),
        case!(
            a_dropped_scanner_disturbs_nobody,
            "Others read on, and appends go on."
        ),
        case!(
            giving_up_a_wait_loses_nothing,
            "A `next_batch` that was dropped while it waited takes no entry with it."
        ),
    ]
}

async fn a_message_is_delivered_once_it_is_acknowledged(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    let mut of_owner = wal.scan(ScanOption::earliest()).await?;
    let mut of_reader = reader.scan(ScanOption::earliest()).await?;
    for _ in 0..30 {
        let sent = append(&*wal, 1).await?;
        same(
            &[next(&mut *of_owner).await?],
            &sent,
            "message that was just acknowledged",
        )?;
        same(
            &[next(&mut *of_reader).await?],
            &sent,
            "message that was just acknowledged, by a reader",
        )?;
    }
    ensure!(
        of_owner.mode() == ScanMode::Tailing,
        "the owner's scanner does not read from the cache"
    );
    Ok(store.close().await?)
}

async fn latest_delivers_what_comes_after_the_call_only(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for _ in 0..5 {
        append(&*wal, 3).await?;
        for opened in [&*wal as &dyn RoWal, &*reader] {
            let mut scanner = opened.scan(ScanOption::latest()).await?;
            let early = scanner.next_batch(1).now_or_never();
            ensure!(
                early.is_none(),
                "something comes before anything is appended: {early:?}"
            );
            let sent = append(&*wal, 2).await?;
            same(
                &take(&mut *scanner, 2).await?,
                &sent,
                "messages of after the call",
            )?;
        }
    }
    Ok(store.close().await?)
}

async fn scanners_that_follow_at_once_see_the_same(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    let mut tasks = Vec::new();
    for number in 0..8 {
        let opened = if number % 2 == 0 {
            &*wal as &dyn RoWal
        } else {
            &*reader
        };
        let mut scanner = opened.scan(ScanOption::earliest()).await?;
        tasks.push(spawn::task(async move { take(&mut *scanner, 200).await }));
    }
    let mut sent = Vec::new();
    for _ in 0..5 {
        let appends: Vec<_> = (0..40)
            .map(|number| (wal.append(message(number)), message(number)))
            .collect();
        for (append, message) in appends {
            sent.push(crate::log::Sent {
                place: append.await?,
                message,
            });
        }
    }
    for task in tasks {
        let seen = task
            .await
            .map_err(|_| Failure::new("a task that scans panicked"))??;
        same(&seen, &sent, "messages of one of eight scanners")?;
    }
    Ok(store.close().await?)
}

async fn a_dropped_scanner_disturbs_nobody(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let mut stays = wal.scan(ScanOption::earliest()).await?;
    let mut sent = Vec::new();
    let mut seen = Vec::new();
    for _ in 0..10 {
        let mut goes = wal.scan(ScanOption::latest()).await?;
        // Dropped while it waits.
        let _ = goes.next_batch(1).now_or_never();
        sent.extend(append(&*wal, 3).await?);
        drop(goes);
        seen.extend(take(&mut *stays, 3).await?);
    }
    same(&seen, &sent, "messages of the scanner that stays")?;
    Ok(store.close().await?)
}

async fn giving_up_a_wait_loses_nothing(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for opened in [&*wal as &dyn RoWal, &*reader] {
        let mut scanner = opened.scan(ScanOption::latest()).await?;
        let (mut sent, mut seen) = (Vec::new(), Vec::new());
        for _ in 0..20 {
            // Until it waits.
            while let Some(early) = scanner.next_batch(10).now_or_never().transpose()? {
                let early = early.iter().map(crate::log::sent);
                seen.extend(early.collect::<Outcome<Vec<_>>>()?);
            }
            sent.extend(append(&*wal, 1).await?);
        }
        let left = sent.len() - seen.len().min(sent.len());
        seen.extend(take(&mut *scanner, left).await?);
        same(&seen, &sent, "messages between waits that were given up")?;
    }
    Ok(store.close().await?)
}
