//! What truncation takes, what it leaves, and how a reader learns of it.

use std::sync::Arc;

use walx_core::{
    BackendName, Capability, End, Entry, ErrorKind, GapReason, LostPolicy, Lsn, MessageId, Opener,
    Position, RoWal, ScanOption, TransactionOption, Truncation, Wal,
};

use super::text::{hands_out, words};
use crate::case::{case, ensure, refused, same};
use crate::log::{Sent, append, entries, messages, new_log, same_channel, sent};
use crate::{Case, Context, Failure, Outcome};

/// Whether the earliest record moves at once.
pub(super) fn at_once(capability: &Capability) -> bool {
    matches!(
        capability.truncation,
        Truncation::Exact | Truncation::BySegment
    )
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            the_numbering_survives_a_truncation_of_everything,
            "Truncation up to the newest record leaves it, and the next owner goes on counting."
        ),
        case!(
            what_lies_behind_the_id_is_delivered,
            "Messages behind the id stay, also for the next owner."
        ),
        case!(
            a_start_that_was_truncated_is_an_error_by_default,
            "A scan from a lost lsn or id is `PositionLost`; it never jumps.",
            needs "truncation that takes place at once": at_once
        ),
        case!(
            a_start_that_was_truncated_is_a_gap_on_request,
            "The first entry is a gap that says so, and the earliest message follows.",
            needs "truncation that takes place at once": at_once
        ),
        case!(
            earliest_is_behind_the_truncation_without_a_gap,
            "Who asks for what is kept gets it.",
            needs "truncation that takes place at once": at_once
        ),
        case!(
            an_id_that_is_none_of_the_channel_is_refused,
            "A foreign id is `InvalidInput`, and nothing is dropped."
        ),
        case!(
            a_truncation_again_is_no_error,
            "The same id, and an older one, change nothing."
        ),
        case!(
            the_begin_of_an_open_transaction_is_not_passed,
            "What is still to be delivered whole stays."
        ),
        case!(
            a_transaction_whose_begin_was_truncated_is_told_as_a_gap,
            "Its commit is still there, and it can't be whole.",
            needs "truncation that takes place at once": at_once
        ),
    ]
}

fn all() -> ScanOption {
    ScanOption::earliest().until(End::Tail)
}

/// A log of 10 messages, of which those before the seventh were truncated.
async fn truncated(context: &Context) -> Outcome<(Arc<dyn Opener>, Arc<dyn Wal>, Vec<Sent>)> {
    let (store, wal) = new_log(context).await?;
    let sent = append(&*wal, 10).await?;
    wal.truncate(sent[5].place.id).await?;
    Ok((store, wal, sent))
}

async fn the_numbering_survives_a_truncation_of_everything(context: Context) -> Outcome {
    let (mut store, mut wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    for round in 1..=3 {
        let newest = append(&*wal, 4).await?.remove(3);
        wal.truncate(newest.place.id).await?;
        let kept = messages(&*wal, ScanOption::new(Position::Last(1)).until(End::Tail)).await?;
        same(
            &kept,
            &[newest],
            "newest message, after a truncation of everything",
        )?;
        wal.close().await?;
        // Of the closed log, too: then the newest is the owner's Release.
        if let Some(newest) = store.bounds(&option.channel).await?.newest {
            match store.truncate(&option.channel, newest).await {
                Err(error) if error.kind() != ErrorKind::Unsupported => return Err(error.into()),
                _ => {}
            }
        }
        store.close().await?;
        store = context.store().await?;
        wal = store.open(option.clone()).await?;
        let tail = wal.tail().await?.lsn;
        ensure!(
            tail == Lsn::new(4 * round),
            "behind {} messages the next owner starts at lsn {tail}",
            4 * round
        );
    }
    Ok(store.close().await?)
}

async fn what_lies_behind_the_id_is_delivered(context: Context) -> Outcome {
    let (store, wal, mut sent) = truncated(&context).await?;
    let from = ScanOption::new(Position::Lsn(Lsn::new(6))).until(End::Tail);
    same(
        &messages(&*wal, from.clone()).await?,
        &sent[6..],
        "messages behind a truncation",
    )?;
    let option = same_channel(&*wal);
    wal.close().await?;
    let wal = store.open(option).await?;
    sent.extend(append(&*wal, 2).await?);
    same(
        &messages(&*wal, from).await?,
        &sent[6..],
        "messages behind a truncation, by the next owner",
    )?;
    Ok(store.close().await?)
}

async fn a_start_that_was_truncated_is_an_error_by_default(context: Context) -> Outcome {
    let (store, wal, sent) = truncated(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for at in [0, 3, 5] {
        for from in [
            Position::Lsn(sent[at].place.lsn),
            Position::At(sent[at].place.id),
        ] {
            for (who, opened) in [("owner", &*wal as &dyn RoWal), ("reader", &*reader)] {
                let what = format!("a scan of the {who} from {from:?}");
                let end = match opened.scan(ScanOption::new(from)).await {
                    Ok(scanner) => Err(crate::log::end(scanner)
                        .await
                        .map_err(|failure| failure.during(&what))?),
                    Err(error) => Err(error),
                };
                match refused_as_lost(end)? {
                    Some(earliest) if earliest <= sent[6].place.id => {}
                    other => {
                        return Err(Failure::new(format!(
                            "{what}: the earliest named is {other:?}"
                        )));
                    }
                }
            }
        }
    }
    Ok(store.close().await?)
}

fn refused_as_lost(end: walx_core::Result<()>) -> Outcome<Option<MessageId>> {
    match end {
        Err(error) => match error.kind() {
            ErrorKind::PositionLost { earliest } => Ok(earliest),
            _ => Err(Failure::from(error).during("where PositionLost must come")),
        },
        Ok(()) => Err(Failure::new(
            "a scan from a place that was truncated goes on",
        )),
    }
}

async fn a_start_that_was_truncated_is_a_gap_on_request(context: Context) -> Outcome {
    let (store, wal, sent_all) = truncated(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for at in [0, 3, 5] {
        for from in [
            Position::Lsn(sent_all[at].place.lsn),
            Position::At(sent_all[at].place.id),
        ] {
            for opened in [&*wal as &dyn RoWal, &*reader] {
                let option = ScanOption::new(from)
                    .until(End::Tail)
                    .on_lost(LostPolicy::Gap);
                let seen = entries(opened, option).await?;
                let Some((Entry::Gap(gap), rest)) = seen.split_first() else {
                    return Err(Failure::new(format!(
                        "a scan from {from:?} begins with {:?}",
                        seen.first()
                    )));
                };
                ensure!(
                    gap.reason == GapReason::Truncated,
                    "the gap's reason is {}",
                    gap.reason
                );
                if let Some((_, behind)) = gap.lsns {
                    ensure!(
                        behind == Lsn::new(6),
                        "the gap ends before lsn {behind}, not 6"
                    );
                }
                let rest = rest.iter().map(sent).collect::<Outcome<Vec<_>>>()?;
                same(&rest, &sent_all[6..], "messages behind the gap")?;
            }
        }
    }
    Ok(store.close().await?)
}

async fn earliest_is_behind_the_truncation_without_a_gap(context: Context) -> Outcome {
    let (store, wal, sent) = truncated(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for opened in [&*wal as &dyn RoWal, &*reader] {
        same(
            &messages(opened, all()).await?,
            &sent[6..],
            "messages from the earliest",
        )?;
        let last = ScanOption::new(Position::Last(1000)).until(End::Tail);
        same(
            &messages(opened, last).await?,
            &sent[6..],
            "the last thousand messages of four",
        )?;
    }
    Ok(store.close().await?)
}

async fn an_id_that_is_none_of_the_channel_is_refused(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let sent = append(&*wal, 3).await?;
    let foreign = MessageId::from_u64(BackendName::constant("another"), 0);
    refused(
        wal.truncate(foreign).await,
        &[ErrorKind::InvalidInput],
        "truncate of a foreign id",
    )?;
    same(
        &messages(&*wal, all()).await?,
        &sent,
        "messages after a refused truncation",
    )?;
    Ok(store.close().await?)
}

async fn a_truncation_again_is_no_error(context: Context) -> Outcome {
    let (store, wal, sent) = truncated(&context).await?;
    for at in [5, 2, 0, 5] {
        let again = wal.truncate(sent[at].place.id).await;
        again.map_err(|error| Failure::from(error).during(format!("truncating lsn {at} again")))?;
    }
    let from = ScanOption::new(Position::At(sent[6].place.id)).until(End::Tail);
    same(
        &messages(&*wal, from).await?,
        &sent[6..],
        "messages behind it",
    )?;
    Ok(store.close().await?)
}

async fn the_begin_of_an_open_transaction_is_not_passed(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    wal.append("a".into()).await?;
    let transaction = wal.begin(TransactionOption::new())?;
    transaction.append("1".into()).await?;
    let last = wal.append("b".into()).await?;
    wal.truncate(last.id).await?;
    transaction.append("2".into()).await?;
    transaction.commit().await?;
    wal.append("c".into()).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for wal in [&*wal as &dyn RoWal, &*reader] {
        let found = words(wal, ScanOption::earliest()).await?;
        ensure!(
            found.iter().any(|it| it == "[1 2]") && found.last().is_some_and(|it| it == "c"),
            "a transaction was open at a truncation, and there are {found:?}"
        );
    }
    Ok(store.close().await?)
}

async fn a_transaction_whose_begin_was_truncated_is_told_as_a_gap(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let transaction = wal.begin(TransactionOption::new())?;
    transaction.append("1".into()).await?;
    let middle = wal.append("a".into()).await?;
    let kept = wal.begin(TransactionOption::new())?;
    kept.append("2".into()).await?;
    transaction.append("3".into()).await?;
    transaction.commit().await?;
    kept.commit().await?;
    wal.append("b".into()).await?;
    wal.truncate(middle.id).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for wal in [&*wal as &dyn RoWal, &*reader] {
        hands_out(wal, ScanOption::earliest(), "(truncated) [2] b").await?;
    }
    Ok(store.close().await?)
}
