//! What somebody else writes into the storage of a channel.

use walx_impls::{Claim, Start};

use crate::case::{case, ensure, same};
use crate::journal::Journal;
use crate::reading::Reading;
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            foreign_records_come_as_such_at_their_places,
            "A scan hands out what others wrote, unchanged, between the records that it lies between."
        ),
        case!(
            a_scanner_at_the_tail_is_woken_by_a_foreign_record,
            "What others write comes without another append."
        ),
        case!(
            bounds_are_those_of_records,
            "No foreign record is the earliest or the newest; one behind the newest is named beside it."
        ),
        case!(
            the_last_records_are_counted_without_foreign_ones,
            "`Last(n)` starts so many records before the tail, however many foreign ones lie there."
        ),
        case!(
            a_scan_starts_beside_foreign_records,
            "`At` and `After` lead to what lies there, also by the id of a foreign record."
        ),
        case!(
            a_writer_opens_and_opens_again_behind_foreign_records,
            "They are no other writer: a token still opens, and a new owner goes on."
        ),
    ]
}

async fn foreign_records_come_as_such_at_their_places(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let mut reading = Reading::among_foreign(&*writer.wal, Start::Earliest).await?;
    for round in 0..4_usize {
        for number in 0..round {
            let payload = format!("foreign {round} {number}");
            context.write_foreign(&journal.name, payload).await?;
        }
        writer.append(round).await?;
    }
    let last = writer.append(1).await?.remove(0).id;
    let records = reading.up_to(last).await?;
    same(&records, &journal.stored(), "records among foreign ones")?;
    let all = (0..4).flat_map(|round| (0..round).map(move |it| format!("foreign {round} {it}")));
    let (all, got): (Vec<_>, Vec<_>) = (all.collect(), texts(&reading));
    same(&got, &all, "payloads of foreign records")?;
    // The Barrier lies before all of them, and each run of them before the records of its round.
    let before = |id| records.iter().filter(|it| it.id < id).count();
    let places: Vec<_> = reading.foreign().iter().map(|it| before(it.id)).collect();
    same(&places, &[1, 2, 2, 4, 4, 4], "records before each of them")?;
    Ok(opener.close().await?)
}

fn texts(reading: &Reading) -> Vec<String> {
    let foreign = reading.foreign().iter();
    let text = |payload: &[u8]| String::from_utf8_lossy(payload).into_owned();
    foreign.map(|it| text(&it.payload)).collect()
}

async fn a_scanner_at_the_tail_is_woken_by_a_foreign_record(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let last = writer.append(3).await?.remove(2).id;
    let mut reading = Reading::among_foreign(&*writer.wal, Start::Earliest).await?;
    reading.up_to(last).await?;
    for number in 0..3 {
        let payload = format!("foreign {number}");
        context.write_foreign(&journal.name, payload).await?;
        reading.up_to_foreign(number + 1).await?;
    }
    let next = writer.append(1).await?.remove(0);
    same(&reading.up_to(next.id).await?, &[next], "what comes behind")?;
    Ok(opener.close().await?)
}

async fn bounds_are_those_of_records(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.claim(&opener).await?;
    context.write_foreign(&journal.name, "before all").await?;
    let bounds = writer.wal.bounds().await?;
    ensure!(
        bounds.earliest.is_none() && bounds.newest.is_none() && bounds.foreign.is_some(),
        "bounds of a channel that has foreign records only: {bounds:?}"
    );
    journal.put_down(vec![writer.append_barrier().await?]);
    writer.append(2).await?;
    for foreign in [false, true] {
        if foreign {
            context.write_foreign(&journal.name, "behind all").await?;
        }
        let (first, newest) = (journal.stored()[0].id, journal.newest());
        for bounds in [
            writer.wal.bounds().await?,
            opener.bounds(&journal.name).await?,
        ] {
            let right = (bounds.earliest, bounds.newest) == (Some(first), newest);
            let behind = match foreign {
                true => bounds.foreign > bounds.newest,
                false => bounds.foreign.is_none(),
            };
            ensure!(
                right && behind,
                "bounds are {bounds:?}, of records from {first} to {newest:?}"
            );
        }
    }
    Ok(opener.close().await?)
}

async fn the_last_records_are_counted_without_foreign_ones(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    for _ in 0..5 {
        writer.append(1).await?;
        for _ in 0..6 {
            context.write_foreign(&journal.name, "between").await?;
        }
    }
    let all = journal.stored();
    for count in 1..=all.len() {
        let start = Start::Last(count as u64);
        let mut reading = Reading::among_foreign(&*writer.wal, start).await?;
        let seen = reading.up_to(all[all.len() - 1].id).await?;
        let from = all.len().saturating_sub(seen.len());
        same(&seen, &all[from..], "the last records")?;
        ensure!(
            seen.len() >= count,
            "of the last {count} records come {}",
            seen.len()
        );
    }
    let mut reading = Reading::among_foreign(&*writer.wal, Start::Last(0)).await?;
    let next = writer.append(1).await?.remove(0);
    same(&reading.up_to(next.id).await?, &[next], "behind the tail")?;
    Ok(opener.close().await?)
}

async fn a_scan_starts_beside_foreign_records(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let first = writer.append(1).await?.remove(0);
    context.write_foreign(&journal.name, "a").await?;
    context.write_foreign(&journal.name, "b").await?;
    let last = writer.append(1).await?.remove(0);
    let mut reading = Reading::among_foreign(&*writer.wal, Start::Earliest).await?;
    reading.up_to(last.id).await?;
    same(
        &texts(&reading),
        &["a", "b"].map(String::from),
        "foreign records",
    )?;
    let foreign: Vec<_> = reading.foreign().iter().map(|it| it.id).collect();
    for (start, records, payloads) in [
        (Start::At(first.id), 2, "ab"),
        (Start::After(first.id), 1, "ab"),
        (Start::At(foreign[1]), 1, "b"),
        (Start::After(foreign[0]), 1, "b"),
        (Start::After(foreign[1]), 1, ""),
        (Start::At(last.id), 1, ""),
    ] {
        let mut reading = Reading::among_foreign(&*writer.wal, start).await?;
        let seen = reading.up_to(last.id).await?.len();
        let got = texts(&reading).concat();
        ensure!(
            (seen, got.as_str()) == (records, payloads),
            "{start:?} delivers {seen} records and the foreign ones {got:?}, not {records} and {payloads:?}"
        );
    }
    Ok(opener.close().await?)
}

async fn a_writer_opens_and_opens_again_behind_foreign_records(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let first = journal.open(&opener).await?;
    first.append(2).await?;
    for _ in 0..3 {
        context
            .write_foreign(&journal.name, "between owners")
            .await?;
    }
    let token = first.wal.fence_token();
    let again = opener.open(&journal.name, Claim::Resume(token)).await?;
    let second = journal.own(again).await?;
    second.append(2).await?;
    second.wal.close().await?;
    context.write_foreign(&journal.name, "at the tail").await?;
    let third = journal.open(&opener).await?;
    let last = third.append(1).await?.remove(0).id;
    let mut reading = Reading::among_foreign(&*third.wal, Start::Earliest).await?;
    same(
        &reading.up_to(last).await?,
        &journal.stored(),
        "records of three owners among foreign ones",
    )?;
    Ok(opener.close().await?)
}
