//! The end of wals and stores.

use walx_core::{Availability, End, ErrorKind, Lsn, ScanOption};

use crate::case::{case, ensure, refused, same};
use crate::log::{Sent, append, end, message, messages, new_log, same_channel};
use crate::{Case, Context, Failure, Outcome};

const CLOSED: &[ErrorKind] = &[ErrorKind::Closed];

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            closing_twice_is_closing_once,
            "Owners, readers and stores can be closed again without an error."
        ),
        case!(
            a_closed_wal_is_closed,
            "Every call is `Closed`, `try_append` hands the message back, and it is told."
        ),
        case!(
            scanners_end_with_their_wal,
            "A scanner that waits ends as `Closed` when its wal is closed."
        ),
        case!(
            a_store_closes_its_wals,
            "Closing a store closes all owners and readers in it."
        ),
        case!(
            appends_on_their_way_are_answered_at_a_close,
            "No append hangs, and each one that was acknowledged is there, once, in order.",
            under Rough
        ),
        case!(
            a_store_that_was_dropped_lives_on_with_its_wal,
            "Who holds a wal need not hold its store."
        ),
    ]
}

async fn closing_twice_is_closing_once(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    append(&*wal, 1).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for _ in 0..2 {
        reader.close().await?;
        wal.close().await?;
    }
    for _ in 0..2 {
        store.close().await?;
        wal.close().await?;
    }
    Ok(())
}

async fn a_closed_wal_is_closed(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let id = append(&*wal, 1).await?.remove(0).place.id;
    ensure!(
        wal.availability().is_available(),
        "an open wal says it is {:?}",
        wal.availability()
    );
    wal.close().await?;
    refused(wal.append(message(1)).await, CLOSED, "append")?;
    refused(
        wal.append_batch(vec![message(1)]).await,
        CLOSED,
        "append_batch",
    )?;
    refused(wal.reserve(1).await, CLOSED, "reserve")?;
    refused(wal.scan(ScanOption::earliest()).await, CLOSED, "scan")?;
    refused(wal.truncate(id).await, CLOSED, "truncate")?;
    refused(wal.bounds().await, CLOSED, "bounds")?;
    refused(wal.tail().await, CLOSED, "tail")?;
    match wal.try_append(message(1)) {
        Ok(_) => return Err(Failure::new("try_append takes a message after the close")),
        Err(it) => {
            ensure!(
                it.message == message(1),
                "try_append hands another message back"
            );
            refused::<()>(Err(it.error), CLOSED, "try_append")?;
        }
    }
    ensure!(
        matches!(wal.unavailable().await, Availability::Closed),
        "a closed wal says it is {:?}",
        wal.availability()
    );
    store.close().await?;
    let option = same_channel(&*wal);
    refused(
        store.open(option.clone()).await,
        CLOSED,
        "open in a closed store",
    )?;
    refused(
        store.open_read_only(option).await,
        CLOSED,
        "open_read_only in a closed store",
    )?;
    Ok(())
}

async fn scanners_end_with_their_wal(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    append(&*wal, 3).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    let scanners = [
        wal.scan(ScanOption::earliest()).await?,
        wal.scan(ScanOption::latest()).await?,
        reader.scan(ScanOption::earliest()).await?,
        reader.scan(ScanOption::latest()).await?,
    ];
    wal.close().await?;
    reader.close().await?;
    for scanner in scanners {
        refused::<()>(
            Err(end(scanner).await?),
            CLOSED,
            "a scanner whose wal was closed",
        )?;
    }
    Ok(store.close().await?)
}

async fn a_store_closes_its_wals(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    append(&*wal, 2).await?;
    let reader = store.open_read_only(option.clone()).await?;
    let scanners = [
        wal.scan(ScanOption::latest()).await?,
        reader.scan(ScanOption::latest()).await?,
    ];
    store.close().await?;
    refused(
        wal.append(message(1)).await,
        CLOSED,
        "append in a closed store",
    )?;
    refused(
        reader.scan(ScanOption::earliest()).await,
        CLOSED,
        "scan in a closed store",
    )?;
    for scanner in scanners {
        refused::<()>(
            Err(end(scanner).await?),
            CLOSED,
            "a scanner whose store was closed",
        )?;
    }
    // It was a clean close: the next owner needs no leave.
    let store = context.store().await?;
    let next = append(&*store.open(option).await?, 1).await?.remove(0);
    ensure!(
        next.place.lsn == Lsn::new(2),
        "behind 2 messages comes lsn {}",
        next.place.lsn
    );
    Ok(store.close().await?)
}

async fn appends_on_their_way_are_answered_at_a_close(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    let appends: Vec<_> = (0..100).map(|number| wal.append(message(number))).collect();
    wal.close().await?;
    let mut sent = Vec::new();
    let mut unknown = false;
    for (number, append) in (0..).zip(appends) {
        match append.await {
            Ok(place) => sent.push(Sent {
                place,
                message: message(number),
            }),
            Err(error) => {
                unknown |= error.kind() == ErrorKind::OutcomeUnknown;
                let kinds = [
                    ErrorKind::OutcomeUnknown,
                    ErrorKind::NotWritten,
                    ErrorKind::Unavailable,
                    ErrorKind::Closed,
                ];
                refused::<()>(Err(error), &kinds, "an append on its way at a close")?;
            }
        }
    }
    let wal = store.open(option.with_take_over(true)).await?;
    let found = messages(&*wal, ScanOption::earliest().until(End::Tail)).await?;
    if unknown {
        let there: Vec<_> = found.into_iter().filter(|it| sent.contains(it)).collect();
        same(&there, &sent, "messages that were acknowledged")?;
    } else {
        same(&found, &sent, "messages after a close in full flight")?;
    }
    Ok(store.close().await?)
}

async fn a_store_that_was_dropped_lives_on_with_its_wal(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    drop(store);
    let sent = append(&*wal, 5).await?;
    same(
        &messages(&*wal, ScanOption::earliest().until(End::Tail)).await?,
        &sent,
        "messages without a store",
    )?;
    Ok(wal.close().await?)
}
