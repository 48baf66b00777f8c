//! What somebody else writes into the storage of a channel: told by default, handed out on request.

use walx_core::{Entry, GapReason, Position, Progress, ScanOption};

use super::text::{hands_out, next_word};
use crate::case::{case, ensure};
use crate::log::{append, entries, new_log, option, same_channel};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_run_of_foreign_records_is_one_gap,
            "A reader is told where they lie and how many, and that no message is missing."
        ),
        case!(
            foreign_records_are_handed_out_on_request,
            "A scan with `foreign` delivers each one as it is, at its place."
        ),
        case!(
            an_owner_goes_on_behind_foreign_records,
            "They disturb neither opens nor numbers, and are no damage."
        ),
    ]
}

async fn a_run_of_foreign_records_is_one_gap(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let channel = wal.channel().name.clone();
    let first = wal.append("a".into()).await?;
    for _ in 0..3 {
        context.write_foreign(&channel, "x").await?;
    }
    let second = wal.append("b".into()).await?;
    wal.append("c".into()).await?;
    context.write_foreign(&channel, "x").await?;
    wal.close().await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    let earliest = ScanOption::earliest();
    hands_out(&*reader, earliest.clone(), "a (foreign) b c (foreign)").await?;
    let all = entries(&*reader, earliest.until(walx_core::End::Lsn(second.lsn))).await?;
    let Some(Entry::Gap(gap)) = all.get(1) else {
        return Err(Failure::new(format!("no gap: {all:?}")));
    };
    ensure!(
        gap.reason == GapReason::Foreign && gap.detail.starts_with("3 records"),
        "the gap does not say how many there are: {gap}"
    );
    ensure!(
        gap.after == Some(first.id) && gap.before == Some(second.id),
        "the gap does not name its neighbours: {gap:?}"
    );
    ensure!(
        gap.lsns.is_none() && gap.seqs.is_none(),
        "the gap says that something is missing: {gap:?}"
    );
    Ok(store.close().await?)
}

async fn foreign_records_are_handed_out_on_request(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let channel = wal.channel().name.clone();
    let first = wal.append("a".into()).await?;
    context.write_foreign(&channel, "x").await?;
    wal.append("b".into()).await?;
    let raw = ScanOption::earliest().with_foreign(true);
    let mut follows = wal.scan(raw.clone()).await?;
    for expected in ["a", "{x}", "b"] {
        let word = next_word(&mut *follows).await?;
        ensure!(word == expected, "{word} comes where {expected} must");
    }
    context.write_foreign(&channel, "y").await?;
    let word = next_word(&mut *follows).await?;
    ensure!(word == "{y}", "{word} comes, and what is foreign must");
    hands_out(&*wal, raw.clone(), "a {x} b {y}").await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    hands_out(&*reader, raw, "a {x} b {y}").await?;
    let behind = ScanOption::new(Position::After(first.id)).with_foreign(true);
    hands_out(&*reader, behind, "{x} b {y}").await?;
    Ok(store.close().await?)
}

async fn an_owner_goes_on_behind_foreign_records(context: Context) -> Outcome {
    let store = context.store().await?;
    let option = option(&context)?;
    let mut next = 0;
    for _ in 0..3 {
        let wal = store.open(option.clone()).await?;
        for sent in append(&*wal, 2).await? {
            let lsn = sent.place.lsn.get();
            ensure!(lsn == next, "lsn {lsn} is given where {next} comes");
            next += 1;
        }
        context.write_foreign(&option.channel, "x").await?;
        wal.close().await?;
        for _ in 0..5 {
            context.write_foreign(&option.channel, "x").await?;
        }
    }
    let progress = Progress::default();
    let verified = store.verify(Some(&option.channel), &progress).await?;
    let foreign = verified.channels.first().map(|it| it.foreign);
    ensure!(
        verified.is_sound() && foreign == Some(18),
        "18 foreign records are there, and verify finds {verified:?}"
    );
    let described = store.describe(&option.channel).await?;
    ensure!(
        described.tail.lsn.get() == next,
        "the tail is {:?}, behind {next} messages",
        described.tail
    );
    Ok(store.close().await?)
}
