//! What it means to drop a future.

use std::task::Context as Task;

use futures_util::FutureExt;
use futures_util::task::noop_waker;
use walx_impls::{Claim, ScanOptions, Start};

use crate::case::{case, ensure, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_future_that_is_never_polled_does_not_hold_its_append_up,
            "An append becomes durable without its future being polled."
        ),
        case!(
            a_dropped_future_neither_cancels_nor_repeats_its_append,
            "Records whose futures were dropped are in the log, once, in order."
        ),
        case!(
            a_dropped_open_leaves_nothing_open,
            "Opens of writers and readers that are given up at any poll are in nobody's way."
        ),
        case!(
            a_dropped_scan_or_question_leaves_nothing,
            "Calls of `scan`, `bounds` and `list` that are given up change nothing for those that follow."
        ),
        case!(
            a_wait_that_is_given_up_takes_no_record_with_it,
            "A scanner that was polled and left alone delivers everything when it is polled again."
        ),
        case!(
            a_dropped_truncate_or_close_can_be_called_again,
            "Given up at its first poll, it has happened or not, and the next call says how it is."
        ),
    ]
}

async fn a_future_that_is_never_polled_does_not_hold_its_append_up(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let mut reading = Reading::start(&*writer.wal, Start::Earliest).await?;
    let barrier = reading.next().await?;
    same(&[barrier], &journal.stored(), "the first record")?;
    let (record, unpolled) = writer.call();
    ensure!(
        reading.next().await?.record == record,
        "another record comes than the one that was appended"
    );
    drop(unpolled);
    Ok(opener.close().await?)
}

async fn a_dropped_future_neither_cancels_nor_repeats_its_append(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let mut records: Vec<_> = journal.stored().into_iter().map(|it| it.record).collect();
    for round in 0..20 {
        let (record, mut appending) = writer.call();
        records.push(record);
        if round % 2 == 1 {
            // Dropped after it was looked at, too.
            let _ = FutureExt::now_or_never(&mut appending);
        }
        drop(appending);
    }
    let last = writer.append(1).await?.remove(0);
    records.push(last.record);
    let all = read(&*writer.wal, Start::Earliest, last.id).await?;
    let all: Vec<_> = all.into_iter().map(|it| it.record).collect();
    same(
        &all,
        &records,
        "records whose futures were dropped, and one behind them",
    )?;
    Ok(opener.close().await?)
}

/// Polls the call so often, unless it ends before, and drops it.
fn give_up<T>(call: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut call = std::pin::pin!(call);
    let waker = noop_waker();
    (0..polls).find_map(
        |_| match call.as_mut().poll(&mut Task::from_waker(&waker)) {
            std::task::Poll::Ready(answer) => Some(answer),
            std::task::Poll::Pending => None,
        },
    )
}

async fn a_dropped_open_leaves_nothing_open(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let mut stored = Vec::new();
    for polls in 0..4 {
        let writer = journal.open_once_free(&opener).await?;
        stored.extend(writer.append(2).await?);
        writer.wal.close().await?;
        drop(writer);
        drop(give_up(opener.open(&journal.name, Claim::TakeOver), polls));
        drop(give_up(opener.open_read_only(&journal.name), polls));
    }
    let reader = opener.open_read_only(&journal.name).await?;
    let last = stored[stored.len() - 1].id;
    same(
        &read(&*reader, Start::Earliest, last).await?,
        &journal.stored(),
        "records of writers between opens that were given up",
    )?;
    Ok(opener.close().await?)
}

async fn a_dropped_scan_or_question_leaves_nothing(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    for polls in 0..3 {
        writer.append(2).await?;
        let scan = writer.wal.scan(Start::Earliest, ScanOptions::default());
        drop(give_up(scan, polls));
        drop(give_up(writer.wal.bounds(), polls));
        drop(give_up(opener.list(), polls));
        let newest = journal
            .newest()
            .ok_or_else(|| Failure::new("nothing was written"))?;
        ensure!(
            writer.wal.bounds().await?.newest == Some(newest),
            "after calls that were given up the newest record is not {newest}"
        );
        same(
            &read(&*writer.wal, Start::Earliest, newest).await?,
            &journal.stored(),
            "records between calls that were given up",
        )?;
    }
    Ok(opener.close().await?)
}

async fn a_wait_that_is_given_up_takes_no_record_with_it(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let mut reading = Reading::start(&*writer.wal, Start::Earliest).await?;
    let mut seen = Vec::new();
    for _ in 0..20 {
        // Until it waits, with a waker that nobody listens to.
        while let Some(record) = reading.next().now_or_never().transpose()? {
            seen.push(record);
        }
        writer.append(1).await?;
    }
    let last = journal
        .newest()
        .ok_or_else(|| Failure::new("nothing was written"))?;
    seen.extend(reading.up_to(last).await?);
    same(
        &seen,
        &journal.stored(),
        "records between waits that were given up",
    )?;
    Ok(opener.close().await?)
}

async fn a_dropped_truncate_or_close_can_be_called_again(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let stored = writer.append(6).await?;
    for (polls, cut) in stored.iter().take(3).enumerate() {
        drop(give_up(writer.wal.truncate(cut.id), polls));
        writer.wal.truncate(cut.id).await?;
    }
    same(
        &read(&*writer.wal, Start::At(stored[3].id), stored[5].id).await?,
        &stored[3..],
        "records behind truncations that were given up",
    )?;
    drop(give_up(writer.wal.close(), 1));
    writer.wal.close().await?;
    drop(writer);
    let writer = journal.open(&opener).await?;
    let last = writer.append(1).await?.remove(0).id;
    drop(give_up(opener.close(), 1));
    opener.close().await?;
    drop(writer);
    let opener = context.opener().await?;
    let reader = opener.open_read_only(&journal.name).await?;
    read(&*reader, Start::At(stored[3].id), last).await?;
    Ok(opener.close().await?)
}
