//! Following the log.

use std::sync::Arc;

use walx_impls::Start;
use walx_utility::spawn;

use crate::case::{case, ensure, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            behind_the_newest_it_is_silent_until_something_is_written,
            "A scanner behind the newest record delivers the next one, and nothing before it."
        ),
        case!(
            a_record_is_delivered_without_another_append,
            "A scanner at the tail delivers each record once it is acknowledged, and waits for nothing else."
        ),
        case!(
            a_task_that_waits_for_a_record_is_woken_by_an_append,
            "Whoever sleeps in a scanner of the writer or of a reader learns of the next record without another event."
        ),
        case!(
            latest_misses_nothing_while_the_head_moves,
            "A scan of the last 0 that starts between appends delivers everything that is called after it has answered."
        ),
        case!(
            what_was_delivered_is_there_for_ever,
            "A record that a scanner handed out before its append was answered survives a writer that is dropped at once."
        ),
    ]
}

async fn behind_the_newest_it_is_silent_until_something_is_written(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let newest = writer.append(3).await?.remove(2);
    let mut readings = [
        Reading::start(&*writer.wal, Start::After(newest.id)).await?,
        Reading::start(&*writer.wal, Start::Last(0)).await?,
    ];
    readings[0].is_silent()?;
    let written = writer.append(3).await?;
    let [after, last] = &mut readings;
    same(
        &after.up_to(written[2].id).await?,
        &written,
        "records behind what was the newest",
    )?;
    // `Last` may start earlier.
    let all = last.up_to(written[2].id).await?;
    same(
        &all[all.len().saturating_sub(3)..],
        &written,
        "newest records of a scan of the last 0",
    )?;
    Ok(opener.close().await?)
}

async fn a_record_is_delivered_without_another_append(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let reader = opener.open_read_only(&journal.name).await?;
    let mut readings = [
        Reading::start(&*writer.wal, Start::Earliest).await?,
        Reading::start(&*reader, Start::Earliest).await?,
    ];
    for reading in &mut readings {
        reading.next().await?;
    }
    for _ in 0..30 {
        let sent = writer.append(1).await?;
        for reading in &mut readings {
            let next = reading.next().await?;
            same(&[next], &sent, "record that was just acknowledged")?;
        }
    }
    Ok(opener.close().await?)
}

async fn a_task_that_waits_for_a_record_is_woken_by_an_append(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let reader = opener.open_read_only(&journal.name).await?;
    let mut newest = writer.append(1).await?.remove(0).id;
    for _ in 0..5 {
        let mut tasks = Vec::new();
        for wal in [&*writer.wal as &dyn walx_impls::RoWalImpls, &*reader] {
            let mut reading = Reading::start(wal, Start::After(newest)).await?;
            let (sleeps, asleep) = tokio::sync::oneshot::channel();
            tasks.push(spawn::task(async move {
                // Two polls at least, so that the last one has left a waker where the scanner waits.
                reading.is_silent()?;
                let mut next = std::pin::pin!(reading.next());
                let early = futures_util::FutureExt::now_or_never(&mut next);
                let _ = sleeps.send(());
                match early {
                    Some(next) => next,
                    None => next.await,
                }
            }));
            let panicked = |_| Failure::new("a task that scans panicked");
            asleep.await.map_err(panicked)?;
        }
        // Let both of them fall asleep.
        tokio::task::yield_now().await;
        let sent = writer.append(1).await?;
        newest = sent[0].id;
        for task in tasks {
            let next = task
                .await
                .map_err(|_| Failure::new("a task that scans panicked"))?;
            same(&[next?], &sent, "record that a sleeping scanner waited for")?;
        }
    }
    Ok(opener.close().await?)
}

async fn latest_misses_nothing_while_the_head_moves(context: Context) -> Outcome {
    const RECORDS: usize = 300;
    const SCANS: usize = 20;
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = Arc::new(journal.open(&opener).await?);
    let appends = spawn::task({
        let writer = Arc::clone(&writer);
        async move { writer.append(RECORDS).await }
    });
    let mut scans = Vec::new();
    while scans.len() < SCANS && !appends.is_finished() {
        let reading = Reading::start(&*writer.wal, Start::Last(0)).await?;
        // All that is put down later was called, or on its way, when the scan had answered.
        scans.push((journal.stored().len(), reading));
        tokio::task::yield_now().await;
    }
    appends
        .await
        .map_err(|_| Failure::new("a task that appends panicked"))??;
    let last = writer.append(1).await?.remove(0).id;
    let stored = journal.stored();
    for (before, mut reading) in scans {
        let seen = reading.up_to(last).await?;
        // One append was on its way at most.
        let least = stored.len().saturating_sub(before + 1);
        ensure!(
            seen.len() >= least,
            "{before} records were there, {} came, and a scan of what comes delivers {}",
            stored.len() - before,
            seen.len()
        );
        let from = stored.len() - seen.len().min(stored.len());
        same(&seen, &stored[from..], "records of a scan from the tail")?;
    }
    Ok(opener.close().await?)
}

async fn what_was_delivered_is_there_for_ever(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    for _ in 0..3 {
        let before = journal.stored().len();
        let writer = journal.open(&opener).await?;
        let reader = opener.open_read_only(&journal.name).await?;
        let mut reading = Reading::start(&*reader, Start::Earliest).await?;
        let calls: Vec<_> = (0..20).map(|_| writer.call()).collect();
        let mut seen = Vec::new();
        while seen.len() < before + 6 {
            seen.push(reading.next().await?);
        }
        drop((calls, writer));
        let next = journal.claim_once_free(&opener).await?;
        let barrier = next.append_barrier().await?;
        let all = read(&*next.wal, Start::Earliest, barrier.id).await?;
        same(
            &all[..seen.len().min(all.len())],
            &seen,
            "records that were delivered",
        )?;
        // What landed of the rest is now known.
        journal.put_down(all[journal.stored().len()..].to_vec());
        next.wal.close().await?;
    }
    Ok(opener.close().await?)
}
