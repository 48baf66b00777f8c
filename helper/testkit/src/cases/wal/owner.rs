//! One owner at a time, and larger ones only.

use std::sync::Arc;

use walx_core::{Capability, End, ErrorKind, Fence, Lsn, ScanOption, Term};
use walx_utility::{clock, spawn};

use crate::case::{case, ensure, refused, same};
use crate::log::{PATIENCE, append, message, messages, new_log, option, same_channel};
use crate::{Case, Context, Failure, Outcome};

/// Whether a live owner is pushed out.
fn pushes_out(capability: &Capability) -> bool {
    matches!(capability.fence, Fence::Native | Fence::ReadBack)
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_released_channel_opens_with_the_next_term,
            "After a clean close the next owner needs no leave."
        ),
        case!(
            a_term_that_is_given_must_be_larger_than_the_last,
            "A larger term is taken as it is; the same or a smaller one is `Fenced`."
        ),
        case!(
            a_channel_that_was_not_released_is_a_conflict_unless_it_is_taken_over,
            "The error names the owner that did not release it; `take_over` or a larger term opens it.",
            needs "a fence without a lock": pushes_out
        ),
        case!(
            an_owner_that_was_overtaken_is_never_acknowledged_again,
            "Its appends are `Fenced`, nothing of them is delivered, and it learns so.",
            needs "a fence without a lock": pushes_out
        ),
        case!(
            of_two_owners_in_one_process_the_older_one_is_told_at_once,
            "Every append of it that is on its way, and everybody who waits for its end, hears of the new owner by name.",
            needs "a fence without a lock": pushes_out
        ),
        case!(
            an_owner_that_is_not_to_be_disturbed_is_not,
            "An open that is refused as `Conflict` or `Fenced` leaves the owner in its rights."
        ),
    ]
}

async fn a_released_channel_opens_with_the_next_term(context: Context) -> Outcome {
    let (store, mut wal) = new_log(&context).await?;
    ensure!(
        wal.owner().term == Term::FIRST,
        "the first owner of a channel is {}",
        wal.owner()
    );
    for _ in 0..3 {
        append(&*wal, 1).await?;
        let (before, option) = (wal.owner(), same_channel(&*wal));
        wal.close().await?;
        wal = store.open(option).await?;
        ensure!(
            Some(wal.owner().term) == before.term.next(),
            "the owner after {before} is {}",
            wal.owner()
        );
        ensure!(
            wal.channel().term == Some(wal.owner().term),
            "channel() names the term {:?}",
            wal.channel().term
        );
    }
    Ok(store.close().await?)
}

async fn a_term_that_is_given_must_be_larger_than_the_last(context: Context) -> Outcome {
    let store = context.store().await?;
    let option = option(&context)?;
    let wal = store.open(option.clone().with_term(Term::new(7))).await?;
    ensure!(
        wal.owner().term == Term::new(7),
        "term 7 was given, and the owner is {}",
        wal.owner()
    );
    append(&*wal, 2).await?;
    wal.close().await?;
    for term in [6, 7] {
        let open = store.open(option.clone().with_term(Term::new(term))).await;
        let error = refused(
            open,
            &[ErrorKind::Fenced],
            "an open with a term that is not larger",
        )?;
        ensure!(
            error.to_string().contains('7'),
            "the error does not name the last term: {error}"
        );
    }
    let wal = store.open(option.clone().with_term(Term::new(9))).await?;
    ensure!(
        wal.owner().term == Term::new(9),
        "term 9 was given, and the owner is {}",
        wal.owner()
    );
    let next = append(&*wal, 1).await?.remove(0);
    ensure!(
        next.place.lsn == Lsn::new(2),
        "behind 2 messages comes lsn {}",
        next.place.lsn
    );
    Ok(store.close().await?)
}

async fn a_channel_that_was_not_released_is_a_conflict_unless_it_is_taken_over(
    context: Context,
) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    let mut sent = append(&*wal, 3).await?;
    // As a crash ends it: no close.
    drop((wal, store));

    let store = context.store().await?;
    for _ in 0..2 {
        let error = refused(
            store.open(option.clone()).await,
            &[ErrorKind::Conflict],
            "an open without leave",
        )?;
        let named = error
            .to_string()
            .contains(&format!("{}", sent[0].place.owner));
        ensure!(
            named,
            "the error does not name the owner {}: {error}",
            sent[0].place.owner
        );
    }
    let wal = store.open(option.clone().with_take_over(true)).await?;
    sent.extend(append(&*wal, 3).await?);
    ensure!(
        sent[3].place.owner > sent[2].place.owner,
        "the owner does not grow with a take-over"
    );
    drop((wal, store));

    let store = context.store().await?;
    let term = Term::new(sent[3].place.owner.term.get() + 1);
    let wal = store.open(option.with_term(term)).await?;
    sent.extend(append(&*wal, 3).await?);
    let all = messages(&*wal, ScanOption::earliest().until(End::Tail)).await?;
    same(&all, &sent, "messages of three owners")?;
    Ok(store.close().await?)
}

async fn an_owner_that_was_overtaken_is_never_acknowledged_again(context: Context) -> Outcome {
    let (store, first) = new_log(&context).await?;
    let mut sent = append(&*first, 3).await?;
    let other = context.store().await?;
    let second = other
        .open(same_channel(&*first).with_take_over(true))
        .await?;
    for _ in 0..2 {
        refused(
            first.append("late".into()).await,
            &[ErrorKind::Fenced],
            "an append of an owner that was overtaken",
        )?;
    }
    ensure!(
        !first.unavailable().await.is_available(),
        "an owner that was overtaken thinks it is available"
    );
    sent.extend(append(&*second, 3).await?);
    first.close().await?;
    sent.extend(append(&*second, 1).await?);
    let all = messages(&*second, ScanOption::earliest().until(End::Tail)).await?;
    same(&all, &sent, "messages of both owners")?;
    store.close().await?;
    Ok(other.close().await?)
}

async fn an_owner_that_is_not_to_be_disturbed_is_not(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    let mut sent = append(&*wal, 2).await?;
    let refusals = [ErrorKind::Conflict, ErrorKind::Fenced];
    refused(
        store.open(option.clone()).await,
        &refusals,
        "an open beside the owner",
    )?;
    let smaller = option.with_term(wal.owner().term);
    refused(
        store.open(smaller).await,
        &refusals,
        "an open with the owner's own term",
    )?;
    sent.extend(append(&*wal, 2).await?);
    let all = messages(&*wal, ScanOption::earliest().until(End::Tail)).await?;
    same(&all, &sent, "messages of an owner that others wanted to be")?;
    Ok(store.close().await?)
}

async fn of_two_owners_in_one_process_the_older_one_is_told_at_once(context: Context) -> Outcome {
    let (store, first) = new_log(&context).await?;
    append(&*first, 3).await?;
    let waits = (0..3).map(|_| {
        let wal = Arc::clone(&first);
        spawn::task(async move { wal.unavailable().await })
    });
    let waits: Vec<_> = waits.collect();
    let mut appends: Vec<_> = (0..20).map(|it| first.append(message(it))).collect();
    let second = store
        .open(same_channel(&*first).with_take_over(true))
        .await?;
    let name = second.owner().to_string();
    appends.extend((0..20).map(|it| first.append(message(it))));
    let mut fenced = 0;
    for (number, append) in appends.into_iter().enumerate() {
        let ended = clock::timeout(PATIENCE, append).await;
        let ended = ended.map_err(|_| Failure::new("an append of the older owner hangs"))?;
        if number < 20 && ended.is_ok() {
            continue;
        }
        let error = refused(ended, &[ErrorKind::Fenced], "an append of the older owner")?;
        ensure!(
            error.to_string().contains(&name),
            "the error does not name the owner {name}: {error}"
        );
        fenced += 1;
    }
    ensure!(
        fenced >= 20,
        "{fenced} appends of an older owner are fenced"
    );
    for wait in waits {
        let told = clock::timeout(PATIENCE, wait).await;
        let told = told.map_err(|_| Failure::new("nobody tells those who wait for its end"))?;
        let text = format!("{told:?}");
        ensure!(
            text.contains(&name),
            "who waits for the end of the older owner is told {text}, and the new one is {name}"
        );
    }
    append(&*second, 1).await?;
    Ok(store.close().await?)
}
