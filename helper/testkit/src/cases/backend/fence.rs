//! One writer at a time.

mod stale;

use std::sync::Arc;

use walx_core::{Capability, ErrorKind, Fence};
use walx_impls::{Claim, FenceToken, Start};

use self::stale::{
    a_stale_token_stays_fenced_after_the_end_of_whoever_opened_since,
    a_token_is_stale_where_another_opener_s_writer_was_opened_since,
};
use crate::case::{case, ensure, refused, same};
use crate::journal::Journal;
use crate::reading::read;
use crate::{Case, Context, Outcome};

/// Whether a live owner is pushed out.
fn pushes_out(capability: &Capability) -> bool {
    matches!(capability.fence, Fence::Native | Fence::ReadBack)
}

fn lock(capability: &Capability) -> bool {
    capability.fence == Fence::Lock
}

fn any(capability: &Capability) -> bool {
    capability.fence != Fence::None
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_second_open_makes_the_first_writer_powerless_or_is_refused,
            "In one store, two writers of a channel are never both acknowledged.",
            needs "a fence": any
        ),
        case!(
            a_writer_of_another_opener_fences_an_older_one,
            "After the second open has answered, nothing of the first writer is acknowledged or lands.",
            needs "a fence without a lock": pushes_out
        ),
        case!(
            a_live_holder_of_the_lock_is_not_pushed_out,
            "A second opener, or its open, is a `Conflict` while the first one lives; after its end it is not.",
            needs "a fence by a lock": lock
        ),
        case!(
            a_writer_opens_again_with_its_token,
            "`Claim::Resume` works where nobody opened since, again and again.",
            needs "a fence": any
        ),
        case!(
            a_stale_token_is_fenced_and_disturbs_nobody,
            "`Claim::Resume` is `Fenced` where somebody opened since, and leaves that one in its rights.",
            needs "a fence": any
        ),
        case!(
            a_stale_token_stays_fenced_after_the_end_of_whoever_opened_since,
            "Neither a close nor a drop of the newer writer, nor a new open of the store, gives an older token its rights back.",
            needs "a fence": any
        ),
        case!(
            a_token_is_stale_where_another_opener_s_writer_was_opened_since,
            "`Claim::Resume` is `Fenced` where the newer writer is another opener's, and leaves that one in its rights.",
            needs "a fence without a lock": pushes_out
        ),
        case!(
            appends_of_an_older_writer_never_land_behind_the_newer_one_s_first_record,
            "Of appends on their way while another opener's writer opens, what lands lies before that one's Barrier.",
            needs "a fence without a lock": pushes_out
        ),
        case!(
            an_older_handle_of_a_resumed_writer_is_powerless,
            "`Claim::Resume` works beside the handle that the token comes from, and makes it powerless, too.",
            needs "a fence": any
        ),
        case!(
            a_token_of_another_store_s_writer_opens_nothing,
            "`Claim::Resume` with a token that this channel never gave is refused, and creates no channel.",
            needs "a fence": any
        ),
    ]
}

async fn a_second_open_makes_the_first_writer_powerless_or_is_refused(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let first = journal.open(&opener).await?;
    first.append(3).await?;
    let wal = match opener.open(&journal.name, Claim::TakeOver).await {
        Ok(wal) => wal,
        Err(error) => {
            ensure!(
                error.kind() == ErrorKind::Conflict,
                "a second open is refused as {error:?}, not as Conflict"
            );
            first.append(1).await?;
            return Ok(opener.close().await?);
        }
    };
    // Its numbers belong to no record, so that the second writer gives them again.
    let late = first.record();
    let answer = first.wal.append(walx_impls::Batch::One(late.clone())).await;
    refused(
        answer,
        &[ErrorKind::Fenced],
        "an append of the first writer",
    )?;
    let second = journal.own(wal).await?;
    refused(
        first.wal.truncate(journal.stored()[0].id).await,
        &[ErrorKind::Fenced],
        "truncate of the first writer",
    )?;
    let last = second.append_record(second.take_over(late)).await?.id;
    same(
        &read(&*second.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records of both writers",
    )?;
    Ok(opener.close().await?)
}

async fn a_writer_of_another_opener_fences_an_older_one(context: Context) -> Outcome {
    let openers = [context.opener().await?, context.opener().await?];
    let journal = Journal::new(&context)?;
    let first = journal.open(&openers[0]).await?;
    first.append(3).await?;
    let late = first.record();
    let second = journal.open(&openers[1]).await?;
    for _ in 0..2 {
        let answer = first.wal.append(walx_impls::Batch::One(late.clone())).await;
        refused(
            answer,
            &[ErrorKind::Fenced, ErrorKind::NotWritten],
            "an append of the older writer",
        )?;
    }
    second.append_record(second.take_over(late)).await?;
    let last = second.append(3).await?.remove(2).id;
    same(
        &read(&*second.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records of both writers",
    )?;
    first.wal.close().await?;
    // The close of the older writer takes nothing from the newer one.
    second.append(1).await?;
    openers[0].close().await?;
    Ok(openers[1].close().await?)
}

async fn a_live_holder_of_the_lock_is_not_pushed_out(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    let first = context.opener().await?;
    let writer = journal.open(&first).await?;
    writer.append(3).await?;
    match context.opener().await {
        Ok(second) => {
            let open = second.open(&journal.name, Claim::TakeOver).await;
            refused(
                open,
                &[ErrorKind::Conflict],
                "an open beside a live holder of the lock",
            )?;
            second.close().await?;
        }
        Err(error) => ensure!(
            error.kind() == ErrorKind::Conflict,
            "a second opener is refused as {error:?}"
        ),
    }
    writer.append(3).await?;
    writer.wal.close().await?;
    first.close().await?;
    drop((writer, first));

    let second = context.opener().await?;
    let writer = journal.open(&second).await?;
    let last = writer.append(1).await?.remove(0).id;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records of both holders",
    )?;
    Ok(second.close().await?)
}

async fn a_writer_opens_again_with_its_token(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let mut writer = journal.open(&opener).await?;
    for _ in 0..3 {
        writer.append(2).await?;
        let token = writer.wal.fence_token();
        writer.wal.close().await?;
        writer = journal
            .own(opener.open(&journal.name, Claim::Resume(token)).await?)
            .await?;
    }
    let last = writer.append(1).await?.remove(0).id;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records of all handles",
    )?;
    Ok(opener.close().await?)
}

async fn a_stale_token_is_fenced_and_disturbs_nobody(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let first = journal.open(&opener).await?;
    first.append(1).await?;
    let stale = first.wal.fence_token();
    first.wal.close().await?;
    let second = journal.open(&opener).await?;
    for _ in 0..2 {
        let resume = opener
            .open(&journal.name, Claim::Resume(stale.clone()))
            .await;
        refused(
            resume,
            &[ErrorKind::Fenced],
            "Resume with a token of before another open",
        )?;
        second.append(2).await?;
    }
    let stored = journal.stored();
    let last = stored[stored.len() - 1].id;
    same(
        &read(&*second.wal, Start::Earliest, last).await?,
        &stored,
        "records of both writers",
    )?;
    Ok(opener.close().await?)
}

async fn appends_of_an_older_writer_never_land_behind_the_newer_one_s_first_record(
    context: Context,
) -> Outcome {
    const POWERLESS: &[ErrorKind] = &[
        ErrorKind::Fenced,
        ErrorKind::NotWritten,
        ErrorKind::OutcomeUnknown,
    ];
    let openers = [context.opener().await?, context.opener().await?];
    let journal = Journal::new(&context)?;
    let mut before = 0;
    for _ in 0..5 {
        let older = Arc::new(journal.open(&openers[0]).await?);
        before += 1;
        let calls: Vec<_> = (0..10).map(|_| older.call()).collect();
        let wal = openers[1].open(&journal.name, Claim::TakeOver).await?;
        let late: Vec<_> = (0..3).map(|_| older.call()).collect();
        let newer = journal.claim_by(wal);
        let barrier = newer.append_barrier().await?;
        let mut landed: Vec<_> = read(&*newer.wal, Start::Earliest, barrier.id)
            .await?
            .split_off(before);
        landed.pop();
        let records: Vec<_> = calls.iter().map(|it| it.0.clone()).collect();
        for (at, (_, appending)) in calls.into_iter().enumerate() {
            match appending.await {
                Ok(ids) => ensure!(
                    landed.get(at).map(|it| it.id) == Some(ids.as_slice()[0]),
                    "append {at} is acknowledged, and does not lie before the newer writer's first record"
                ),
                Err(error) => drop(refused::<()>(
                    Err(error),
                    POWERLESS,
                    "an append on its way",
                )?),
            }
        }
        for (_, appending) in late {
            refused(
                appending.await,
                POWERLESS,
                "an append of after the other open",
            )?;
        }
        let there: Vec<_> = landed.iter().map(|it| it.record.clone()).collect();
        same(
            &there,
            &records[..there.len().min(records.len())],
            "records that landed before the newer writer's first",
        )?;
        let last = newer.append(2).await?.remove(1).id;
        let all = read(&*newer.wal, Start::At(barrier.id), last).await?;
        ensure!(
            all.len() == 3,
            "{} records lie behind the newer writer's first, and it wrote 2",
            all.len() - 1
        );
        before += landed.len() + 3;
        newer.wal.close().await?;
    }
    openers[0].close().await?;
    Ok(openers[1].close().await?)
}

async fn an_older_handle_of_a_resumed_writer_is_powerless(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let first = journal.open(&opener).await?;
    first.append(2).await?;
    let late = first.record();
    let claim = Claim::Resume(first.wal.fence_token());
    let second = journal
        .own(opener.open(&journal.name, claim).await?)
        .await?;
    for _ in 0..2 {
        refused(
            first.wal.append(walx_impls::Batch::One(late.clone())).await,
            &[ErrorKind::Fenced, ErrorKind::NotWritten],
            "an append of the handle that was resumed",
        )?;
    }
    let last = second.append_record(second.take_over(late)).await?.id;
    same(
        &read(&*second.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records of both handles",
    )?;
    Ok(opener.close().await?)
}

async fn a_token_of_another_store_s_writer_opens_nothing(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(1).await?;
    let strange = FenceToken::new("a token that nobody gave");
    let missing = context.channel("missing")?;
    let kinds = [
        ErrorKind::Fenced,
        ErrorKind::NotFound,
        ErrorKind::Conflict,
        ErrorKind::InvalidInput,
    ];
    for channel in [&journal.name, &missing] {
        let open = opener.open(channel, Claim::Resume(strange.clone())).await;
        refused(open, &kinds, "Resume with a strange token")?;
    }
    ensure!(
        !opener.list().await?.contains(&missing),
        "Resume of a missing channel made it"
    );
    writer.append(1).await?;
    Ok(opener.close().await?)
}
