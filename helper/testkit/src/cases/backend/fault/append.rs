//! What becomes of appends on a bad line.

use walx_core::ErrorKind;
use walx_impls::{Start, StoredRecord};
use walx_utility::clock;

use super::bed::{DEAD, answer, goes_on};
use crate::case::{ensure, refused, same};
use crate::journal::Journal;
use crate::reading::{PATIENCE, Reading, read};
use crate::{Context, Failure, Outcome};

pub(super) async fn an_append_whose_answer_is_lost_is_there_once(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    writer.append(3).await?;
    context.faults()?.lose_ack_next();
    let (record, lost) = writer.call();
    let unknown = [ErrorKind::OutcomeUnknown];
    refused(
        answer(lost).await?,
        &unknown,
        "an append whose answer is lost",
    )?;
    let (behind, appending) = writer.call();
    refused(answer(appending).await?, DEAD, "an append behind it")?;
    writer.wal.close().await?;
    let next = journal.claim_once_free(&opener).await?;
    let landed = goes_on(&journal, next, &[record, behind]).await?;
    ensure!(
        landed == 1,
        "it had reached the backend, and {landed} records landed"
    );
    Ok(opener.close().await?)
}

pub(super) async fn a_refused_append_is_nowhere_and_nothing_overtakes_it(
    context: Context,
) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    context.faults()?.pass_next(5).refuse_next();
    let calls: Vec<_> = (0..10).map(|_| writer.call()).collect();
    let mut fate = Vec::new();
    for (at, (record, appending)) in calls.into_iter().enumerate() {
        let answer = answer(appending).await?;
        if at < 5 {
            let id = answer?;
            journal.put_down(vec![StoredRecord { id, record }]);
        } else {
            refused(
                answer,
                DEAD,
                &format!("append {at} of 10, of which the sixth failed"),
            )?;
            fate.push(record);
        }
    }
    writer.wal.close().await?;
    let next = journal.claim_once_free(&opener).await?;
    let landed = goes_on(&journal, next, &fate).await?;
    ensure!(landed == 0, "{landed} records landed that were not written");
    Ok(opener.close().await?)
}

pub(super) async fn appends_on_their_way_at_a_cut_are_there_in_order_or_not_at_all(
    context: Context,
) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let faults = context.faults()?;
    for _ in 0..3 {
        let writer = journal.open_once_free(&opener).await?;
        writer.append(2).await?;
        let calls: Vec<_> = (0..20).map(|_| writer.call()).collect();
        faults.cut();
        let mut fate = Vec::new();
        for (record, appending) in calls {
            match answer(appending).await? {
                Ok(id) if fate.is_empty() => journal.put_down(vec![StoredRecord { id, record }]),
                Ok(id) => {
                    return Err(Failure::new(format!(
                        "{id} is acknowledged behind an append that failed"
                    )));
                }
                Err(error) => {
                    let kinds = [ErrorKind::OutcomeUnknown, ErrorKind::NotWritten];
                    refused::<()>(Err(error), &kinds, "an append on its way at a cut")?;
                    fate.push(record);
                }
            }
        }
        writer.wal.close().await?;
        drop(writer);
        let next = journal.claim_once_free(&opener).await?;
        goes_on(&journal, next, &fate).await?;
    }
    Ok(opener.close().await?)
}

pub(super) async fn an_append_becomes_durable_while_its_answer_is_held(
    context: Context,
) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    let mut reading = Reading::start(&*writer.wal, Start::Earliest).await?;
    reading.next().await?;
    context.faults()?.hold();
    let mut calls: Vec<_> = (0..5).map(|_| writer.call()).collect();
    let mut ids = Vec::new();
    let records: Vec<_> = calls.iter().map(|(record, _)| record.clone()).collect();
    for record in &records {
        let seen = reading.next().await?;
        ensure!(
            seen.record == *record,
            "{seen:?} comes where {record:?} must"
        );
        ids.push(seen.id);
    }
    for (at, (_, appending)) in calls.iter_mut().enumerate() {
        let early = futures_util::FutureExt::now_or_never(appending);
        ensure!(
            early.is_none(),
            "append {at} is answered on a stalled line: {early:?}"
        );
    }
    context.faults()?.release();
    for ((record, appending), seen) in calls.into_iter().zip(ids) {
        let id = answer(appending).await??;
        ensure!(
            id == seen,
            "an append is answered with {id}, and lies at {seen}"
        );
        journal.put_down(vec![StoredRecord { id, record }]);
    }
    let last = writer.append(1).await?.remove(0).id;
    same(
        &read(&*writer.wal, Start::Earliest, last).await?,
        &journal.stored(),
        "records whose answers were held, and one behind them",
    )?;
    Ok(opener.close().await?)
}

pub(super) async fn a_close_answers_appends_whose_answers_are_held(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    let writer = journal.open(&opener).await?;
    context.faults()?.hold();
    let calls: Vec<_> = (0..5).map(|_| writer.call()).collect();
    let closed = clock::timeout(PATIENCE, writer.wal.close()).await;
    closed.map_err(|_| Failure::new("a close hangs while answers are held"))??;
    let mut fate = Vec::new();
    for (record, appending) in calls {
        match answer(appending).await? {
            Ok(id) => {
                ensure!(
                    fate.is_empty(),
                    "{id} is acknowledged behind an append that failed"
                );
                journal.put_down(vec![StoredRecord { id, record }]);
            }
            Err(error) => {
                let kinds = [ErrorKind::OutcomeUnknown, ErrorKind::NotWritten];
                refused::<()>(Err(error), &kinds, "an append that is held at a close")?;
                fate.push(record);
            }
        }
    }
    drop(writer);
    context.faults()?.release();
    let next = journal.claim_once_free(&opener).await?;
    goes_on(&journal, next, &fate).await?;
    Ok(opener.close().await?)
}
