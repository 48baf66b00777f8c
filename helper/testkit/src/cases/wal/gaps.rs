//! Holes are told, with their reason and where they end, or they are no holes.

use walx_core::{End, Entry, ErrorKind, GapReason, LostPolicy, Position, RoWal, ScanOption};

use crate::case::{case, ensure, refused, same};
use crate::log::{append, entries, new_log, next_entry, same_channel, sent, take};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_scan_that_a_truncation_overtakes_tells_the_hole,
            "It delivers on without a hole, or one gap tells what was truncated, and all that is kept follows."
        ),
        case!(
            a_scan_that_a_truncation_overtakes_ends_where_no_gap_was_asked_for,
            "Without leave to go on it delivers on without a hole, or ends as `PositionLost`."
        ),
        case!(
            a_whole_log_has_no_gap,
            "Across owners, and wherever a scan starts, there is no gap where nothing was dropped."
        ),
        case!(
            a_token_of_what_was_truncated_is_lost_or_a_gap,
            "A scan resumed at a place that is gone never skips silently.",
            needs "truncation that takes place at once": super::truncate::at_once
        ),
    ]
}

async fn a_scan_that_a_truncation_overtakes_tells_the_hole(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let all = append(&*wal, 60).await?;
    let option = same_channel(&*wal);
    wal.close().await?;
    // The next owner's cache is empty, so that its scans read from the backend.
    let wal = store.open(option.clone()).await?;
    let reader = store.open_read_only(option).await?;
    let slow = ScanOption::earliest()
        .until(End::Lsn(all[59].place.lsn))
        .with_read_ahead_bytes(1)
        .on_lost(LostPolicy::Gap);
    let mut scanners = [wal.scan(slow.clone()).await?, reader.scan(slow).await?];
    let mut seen = Vec::new();
    for scanner in &mut scanners {
        seen.push(take(&mut **scanner, 2).await?);
    }
    wal.truncate(all[49].place.id).await?;
    for (mut scanner, mut seen) in scanners.into_iter().zip(seen) {
        let mut hole = None;
        while let Some(entry) = next_entry(&mut *scanner).await? {
            match entry {
                Entry::Gap(gap) if hole.is_none() => hole = Some((seen.len(), gap)),
                entry => seen.push(sent(&entry)?),
            }
        }
        let Some((before, gap)) = hole else {
            same(&seen, &all, "messages of a scan that was not overtaken")?;
            continue;
        };
        ensure!(
            gap.reason == GapReason::Truncated,
            "what was truncated is told as {}",
            gap.reason
        );
        let behind = seen.len() - before;
        ensure!(
            behind >= 10,
            "10 messages are kept, and {behind} follow the gap"
        );
        let expected = [&all[..before], &all[all.len() - behind..]].concat();
        same(&seen, &expected, "messages around a gap")?;
        if let Some((from, to)) = gap.lsns {
            let (last, next) = (all[before - 1].place.lsn, all[all.len() - behind].place.lsn);
            ensure!(
                from > last && to == next,
                "between lsn {last} and {next} the gap names {from} to {to}"
            );
        }
    }
    Ok(store.close().await?)
}

async fn a_scan_that_a_truncation_overtakes_ends_where_no_gap_was_asked_for(
    context: Context,
) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let all = append(&*wal, 60).await?;
    let option = same_channel(&*wal);
    wal.close().await?;
    let wal = store.open(option.clone()).await?;
    let reader = store.open_read_only(option).await?;
    let slow = ScanOption::earliest()
        .until(End::Lsn(all[59].place.lsn))
        .with_read_ahead_bytes(1);
    let mut scanner = reader.scan(slow).await?;
    let mut seen = take(&mut *scanner, 2).await?;
    wal.truncate(all[49].place.id).await?;
    let end = loop {
        match scanner.next_batch(1).await {
            Ok(batch) if batch.is_empty() => break None,
            Ok(batch) => seen.push(sent(&batch[0])?),
            Err(error) => break Some(error),
        }
    };
    same(
        &seen,
        &all[..seen.len()],
        "messages before a truncation overtakes the scan",
    )?;
    match end {
        None => ensure!(
            seen.len() == all.len(),
            "a scan until lsn 59 ends behind {} messages",
            seen.len()
        ),
        Some(error) => ensure!(
            matches!(error.kind(), ErrorKind::PositionLost { .. }),
            "a scan that a truncation overtook ends as {error:?}"
        ),
    }
    Ok(store.close().await?)
}

async fn a_whole_log_has_no_gap(context: Context) -> Outcome {
    let bed = super::bed::Bed::new(&context).await?;
    for at in [0, 5, 9, 10, 19] {
        let place = bed.all[at].place;
        for from in [
            Position::Lsn(place.lsn),
            Position::Tick(place.tick),
            Position::At(place.id),
        ] {
            for wal in [&*bed.wal as &dyn RoWal, &*bed.reader] {
                let option = ScanOption::new(from)
                    .until(End::Tail)
                    .on_lost(LostPolicy::Gap);
                let seen = entries(wal, option).await?;
                let seen = seen.iter().map(sent).collect::<Outcome<Vec<_>>>()?;
                same(&seen, &bed.all[at..], "messages of a whole log")?;
            }
        }
    }
    Ok(bed.store.close().await?)
}

async fn a_token_of_what_was_truncated_is_lost_or_a_gap(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let all = append(&*wal, 10).await?;
    let mut scanner = wal.scan(ScanOption::earliest()).await?;
    take(&mut *scanner, 3).await?;
    let token = scanner
        .token()
        .ok_or_else(|| Failure::new("a scanner has no token"))?;
    drop(scanner);
    wal.truncate(all[6].place.id).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for opened in [&*wal as &dyn RoWal, &*reader] {
        let option = ScanOption::new(Position::Resume(token)).until(End::Tail);
        let end = match opened.scan(option.clone()).await {
            Ok(scanner) => Err(crate::log::end(scanner).await?),
            Err(error) => Err(error),
        };
        match end {
            Err(error) if matches!(error.kind(), ErrorKind::PositionLost { .. }) => {}
            end => drop(refused::<()>(
                end,
                &[],
                "a scan from a token of what is gone",
            )?),
        }
        let seen = entries(opened, option.on_lost(LostPolicy::Gap)).await?;
        let Some((Entry::Gap(gap), rest)) = seen.split_first() else {
            return Err(Failure::new(format!(
                "it begins with {:?}, and must with a gap",
                seen.first()
            )));
        };
        ensure!(
            gap.reason == GapReason::Truncated,
            "the gap's reason is {}",
            gap.reason
        );
        let rest = rest.iter().map(sent).collect::<Outcome<Vec<_>>>()?;
        same(&rest, &all[7..], "messages behind the gap")?;
    }
    Ok(store.close().await?)
}
