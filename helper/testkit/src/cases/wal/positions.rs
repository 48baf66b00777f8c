//! Where scans start and end.

use std::time::{Duration, UNIX_EPOCH};

use walx_core::{
    BackendName, End, ErrorKind, Lsn, MessageId, Position, ResumeToken, RoWal, ScanOption, Tick,
};

use super::bed::Bed;
use crate::case::{case, ensure, refused, same};
use crate::log::{append, entries, messages, new_log, same_channel, take};
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            every_position_starts_where_it_says,
            "Earliest, latest, id, lsn, tick, time, last and token; owner and reader."
        ),
        case!(
            every_end_is_inclusive,
            "A scan until an id, lsn or tick delivers it, and ends."
        ),
        case!(
            an_empty_log_is_scanned_to_its_end_at_once,
            "A scan of nothing that has an end does not wait."
        ),
        case!(
            a_position_beyond_the_tail_waits_for_it,
            "An lsn that is not yet written is where the scan starts later."
        ),
        case!(
            a_foreign_id_is_refused,
            "An id or token of another backend is `InvalidInput`, never a wrong place."
        ),
    ]
}

async fn every_position_starts_where_it_says(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    let all = &bed.all;
    let tokens: Vec<_> = entries(&*bed.wal, ScanOption::earliest().until(End::Tail)).await?;
    let tokens: Vec<_> = tokens
        .iter()
        .filter_map(|entry| entry.message().map(|it| it.token()))
        .collect();
    ensure!(
        tokens.len() == all.len(),
        "{} messages gave {} tokens",
        all.len(),
        tokens.len()
    );
    let mut starts = vec![
        (Position::Earliest, 0),
        (Position::Latest, all.len()),
        (Position::Last(1000), 0),
    ];
    for at in [0, 1, 9, 10, 15, 19] {
        let place = all[at].place;
        let second = place.tick.unix_ms() / 1000;
        let first_of = |tick: Tick| {
            all.iter()
                .position(|it| it.place.tick >= tick)
                .unwrap_or(all.len())
        };
        starts.extend([
            (Position::At(place.id), at),
            (Position::After(place.id), at + 1),
            (Position::Lsn(place.lsn), at),
            (Position::Tick(place.tick), at),
            (Position::Tick(place.tick.next()), at + 1),
            (
                Position::Time(UNIX_EPOCH + Duration::from_millis(place.tick.unix_ms())),
                first_of(Tick::from_unix_ms(place.tick.unix_ms())),
            ),
            (
                Position::Time(UNIX_EPOCH + Duration::from_secs(second)),
                first_of(Tick::from_unix_ms(second * 1000)),
            ),
            (Position::Last(at as u64), all.len() - at),
            (Position::Resume(tokens[at]), at + 1),
        ]);
    }
    for (from, first) in starts {
        bed.delivers(
            ScanOption::new(from).until(End::Tail),
            &all[first.min(all.len())..],
        )
        .await?;
    }
    Ok(bed.store.close().await?)
}

async fn every_end_is_inclusive(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    for (from, until) in [(0, 0), (0, 9), (3, 12), (10, 10), (0, 19)] {
        let (first, last) = (bed.all[from].place, bed.all[until].place);
        for end in [End::Id(last.id), End::Lsn(last.lsn), End::Tick(last.tick)] {
            bed.delivers(
                ScanOption::new(Position::Lsn(first.lsn)).until(end),
                &bed.all[from..=until],
            )
            .await?;
        }
    }
    Ok(bed.store.close().await?)
}

async fn a_position_beyond_the_tail_waits_for_it(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    let beyond = bed.wal.tail().await?.lsn.get() + 3;
    let from = ScanOption::new(Position::Lsn(Lsn::new(beyond)));
    let mut of_owner = bed.wal.scan(from.clone()).await?;
    let mut of_reader = bed.reader.scan(from).await?;
    let appended = append(&*bed.wal, 5).await?;
    same(
        &take(&mut *of_owner, 2).await?,
        &appended[3..],
        "messages from beyond the tail",
    )?;
    same(
        &take(&mut *of_reader, 2).await?,
        &appended[3..],
        "messages from beyond the tail, by a reader",
    )?;
    Ok(bed.store.close().await?)
}

async fn a_foreign_id_is_refused(context: Context) -> Outcome {
    let bed = Bed::new(&context).await?;
    let foreign = MessageId::from_u64(BackendName::constant("another"), 0);
    let token: ResumeToken = format!("w1~{foreign}~0~0~1.0~-").parse()?;
    for from in [
        Position::At(foreign),
        Position::After(foreign),
        Position::Resume(token),
    ] {
        for wal in [&*bed.wal as &dyn RoWal, &*bed.reader] {
            let scan = wal.scan(ScanOption::new(from)).await;
            refused(
                scan,
                &[ErrorKind::InvalidInput],
                &format!("a scan from {from:?}"),
            )?;
        }
    }
    Ok(bed.store.close().await?)
}

async fn an_empty_log_is_scanned_to_its_end_at_once(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for from in [
        Position::Earliest,
        Position::Latest,
        Position::Last(3),
        Position::Lsn(Lsn::ZERO),
    ] {
        same(
            &messages(&*wal, ScanOption::new(from).until(End::Tail)).await?,
            &[],
            "messages of an empty log",
        )?;
        same(
            &messages(&*reader, ScanOption::new(from).until(End::Tail)).await?,
            &[],
            "messages of an empty log",
        )?;
    }
    ensure!(
        wal.tail().await?.lsn == Lsn::ZERO,
        "the tail of an empty log is not 0"
    );
    Ok(store.close().await?)
}
