//! What becomes of appends on a bad line.

use std::time::Duration;

use walx_core::{ErrorKind, Lsn, ScanOption};
use walx_utility::clock;

use super::bed::{Bed, answer, burst, find, is_behind};
use crate::case::{ensure, refused, same};
use crate::log::{PATIENCE, Sent, append, take};
use crate::{Context, Failure, Outcome};

pub(super) async fn a_message_whose_acknowledgement_is_lost_is_there_once(
    context: Context,
) -> Outcome {
    let bed = Bed::new(&context).await?;
    let wal = bed.owner().await?;
    append(&*wal, 3).await?;
    context.faults()?.lose_ack_next();
    let lost = answer(wal.append("lost".into())).await?;
    if let Err(error) = &lost {
        let unknown = [ErrorKind::OutcomeUnknown];
        refused::<()>(
            Err(error.clone()),
            &unknown,
            "an append whose answer is lost",
        )?;
        ensure!(
            !wal.availability().is_available(),
            "the wal thinks it is available"
        );
    }
    let behind = answer(wal.append("behind".into())).await?;
    is_behind(behind, &lost, "an append behind it")?;
    wal.close().await?;
    let all = bed.conclude().await?;
    let place = find(&all, &"lost".into())?;
    let lsn = place.map(|place| place.lsn);
    ensure!(
        lsn == Some(Lsn::new(3)),
        "it had reached the backend as the fourth message, and lies at {place:?}"
    );
    Ok(())
}

pub(super) async fn a_message_that_is_refused_never_appears_and_nothing_overtakes_it(
    context: Context,
) -> Outcome {
    let bed = Bed::new(&context).await?;
    let wal = bed.owner().await?;
    context.faults()?.pass_next(5).refuse_next();
    let mut refusal: Option<walx_core::Result<_>> = None;
    let mut gone = Vec::new();
    for (at, (message, append)) in burst(&*wal, 12).into_iter().enumerate() {
        let answer = answer(append).await?;
        if at < 5 {
            answer?;
            continue;
        }
        match &answer {
            Err(error) if error.kind() == ErrorKind::NotWritten => gone.push(message),
            Err(error) => {
                refused::<()>(
                    Err(error.clone()),
                    &[ErrorKind::Unavailable],
                    "an append at a refusal",
                )?;
                gone.push(message);
            }
            Ok(_) => {}
        }
        match &refusal {
            None => refusal = Some(answer),
            Some(first) => is_behind(answer, first, "an append behind one that was refused")?,
        }
    }
    wal.close().await?;
    let all = bed.conclude().await?;
    for message in gone {
        let place = find(&all, &message)?;
        ensure!(
            place.is_none(),
            "{message:?} was not written, and lies at {place:?}"
        );
    }
    Ok(())
}

pub(super) async fn a_wal_whose_connection_is_cut_says_so_and_the_next_owner_goes_on(
    context: Context,
) -> Outcome {
    let mut bed = Bed::new(&context).await?;
    bed.option = bed.option.with_recovery_timeout(Duration::ZERO);
    for _ in 0..3 {
        let wal = bed.owner().await?;
        append(&*wal, 2).await?;
        let appends = burst(&*wal, 20);
        context.faults()?.cut();
        let mut failed = None;
        for (_, append) in appends {
            match answer(append).await? {
                Ok(place) => ensure!(
                    failed.is_none(),
                    "{place:?} is acknowledged behind an append that failed: {failed:?}"
                ),
                Err(error) => failed = Some(error),
            }
        }
        // The first append that finds the connection gone tells the wal.
        let late = answer(wal.append("late".into())).await?;
        refused(
            late,
            &[ErrorKind::NotWritten, ErrorKind::Unavailable],
            "an append behind the cut",
        )?;
        let told = clock::timeout(PATIENCE, wal.unavailable()).await;
        told.map_err(|_| Failure::new("a wal that was cut off never says so"))?;
        wal.close().await?;
    }
    bed.conclude().await.map(drop)
}

pub(super) async fn a_wal_whose_connection_is_cut_finds_out_what_landed_and_goes_on(
    context: Context,
) -> Outcome {
    let bed = Bed::new(&context).await?;
    let wal = bed.owner().await?;
    let (mut sent, mut lsn) = (Vec::new(), Lsn::ZERO);
    for _ in 0..3 {
        append(&*wal, 2).await?;
        let appends = burst(&*wal, 20);
        context.faults()?.cut();
        for (message, append) in appends {
            let place = answer(append).await??;
            ensure!(
                place.lsn >= lsn,
                "{place:?} lies before one that was called earlier"
            );
            lsn = place.lsn.next();
            sent.push((message, place));
        }
        answer(wal.append("behind".into())).await??;
    }
    let cut_off = wal.owner().incarnation;
    ensure!(cut_off > 0, "the wal was cut off and never opened again");
    wal.close().await?;
    let all = bed.conclude().await?;
    for (message, place) in sent {
        ensure!(
            all.contains(&Sent {
                place,
                message: message.clone()
            }),
            "{message:?} is not where it was acknowledged, at {place:?}"
        );
    }
    Ok(())
}

pub(super) async fn a_stalled_append_holds_back_those_behind_it(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    let wal = bed.owner().await?;
    let first = append(&*wal, 1).await?;
    let mut scanner = wal.scan(ScanOption::earliest()).await?;
    same(
        &take(&mut *scanner, 1).await?,
        &first,
        "message before the stall",
    )?;
    context.faults()?.hold();
    let mut appends = burst(&*wal, 10);
    for (_, append) in &mut appends {
        let early = clock::timeout(Duration::from_millis(2), append).await;
        ensure!(
            early.is_err(),
            "an append is answered on a stalled line: {early:?}"
        );
    }
    let tail = wal.tail().await?.lsn;
    ensure!(
        tail == Lsn::new(1),
        "the tail is {tail} while 10 appends are not confirmed"
    );
    let early = clock::timeout(Duration::from_millis(20), scanner.next_batch(1)).await;
    ensure!(
        early.is_err(),
        "the owner delivers what is not confirmed: {early:?}"
    );
    context.faults()?.release();
    let mut sent = Vec::new();
    for (message, append) in appends {
        let place = answer(append).await??;
        sent.push(Sent { place, message });
    }
    same(
        &take(&mut *scanner, 10).await?,
        &sent,
        "messages that were stalled",
    )?;
    wal.close().await?;
    bed.conclude().await.map(drop)
}

pub(super) async fn a_close_takes_bounded_time_while_the_backend_stalls(
    context: Context,
) -> Outcome {
    const TIMEOUT: Duration = Duration::from_millis(200);
    let mut bed = Bed::new(&context).await?;
    bed.option = bed.option.with_close_timeout(TIMEOUT);
    let wal = bed.owner().await?;
    append(&*wal, 2).await?;
    context.faults()?.hold();
    let appends = burst(&*wal, 10);
    let closed = clock::timeout(PATIENCE, wal.close()).await;
    closed.map_err(|_| Failure::new(format!("a close with a limit of {TIMEOUT:?} hangs")))??;
    let mut unknown = Vec::new();
    for (message, append) in appends {
        if let Err(error) = answer(append).await? {
            let kinds = [ErrorKind::OutcomeUnknown, ErrorKind::NotWritten];
            refused::<()>(Err(error), &kinds, "an append on its way at a close")?;
            unknown.push(message);
        }
    }
    context.faults()?.release();
    let all = bed.conclude().await?;
    for message in unknown {
        find(&all, &message)?;
    }
    Ok(())
}
