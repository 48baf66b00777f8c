//! Tokens of writers behind whom somebody opened.

use walx_core::ErrorKind;
use walx_impls::{Claim, Start};

use crate::case::{refused, same};
use crate::journal::Journal;
use crate::reading::read;
use crate::{Context, Outcome};

pub(super) async fn a_stale_token_stays_fenced_after_the_end_of_whoever_opened_since(
    context: Context,
) -> Outcome {
    let mut opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let first = journal.open(&opener).await?;
    let stale = first.wal.fence_token();
    first.wal.close().await?;
    drop(first);
    for ends in ["a close", "a drop", "a close and a new open of the store"] {
        let newer = journal.open_once_free(&opener).await?;
        newer.append(1).await?;
        if ends != "a drop" {
            newer.wal.close().await?;
        }
        drop(newer);
        if ends.ends_with("store") {
            opener.close().await?;
            opener = context.opener().await?;
        }
        let resume = Claim::Resume(stale.clone());
        // A lock whose holder was dropped may take a moment to be free.
        let what = format!("Resume with a token of before a writer that ended by {ends}");
        let kinds = [ErrorKind::Fenced, ErrorKind::Conflict];
        refused(opener.open(&journal.name, resume).await, &kinds, &what)?;
    }
    let last = journal.open_once_free(&opener).await?;
    let newest = last.append(1).await?.remove(0).id;
    same(
        &read(&*last.wal, Start::Earliest, newest).await?,
        &journal.stored(),
        "records of all writers",
    )?;
    Ok(opener.close().await?)
}

pub(super) async fn a_token_is_stale_where_another_opener_s_writer_was_opened_since(
    context: Context,
) -> Outcome {
    let openers = [context.opener().await?, context.opener().await?];
    let journal = Journal::new(&context)?;
    let first = journal.open(&openers[0]).await?;
    first.append(1).await?;
    let second = journal.open(&openers[1]).await?;
    for _ in 0..2 {
        let resume = Claim::Resume(first.wal.fence_token());
        refused(
            openers[0].open(&journal.name, resume).await,
            &[ErrorKind::Fenced],
            "Resume where another opener's writer was opened since",
        )?;
        second.append(2).await?;
    }
    let stored = journal.stored();
    let last = stored[stored.len() - 1].id;
    same(
        &read(&*second.wal, Start::Earliest, last).await?,
        &stored,
        "records of both openers' writers",
    )?;
    openers[0].close().await?;
    Ok(openers[1].close().await?)
}
