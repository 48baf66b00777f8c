//! What the next owner finds.

use std::sync::Arc;

use walx_core::{End, Lsn, Position, ScanOption, Tick, TickSource};

use crate::case::{case, ensure, same};
use crate::log::{Sent, append, message, messages, new_log, open_once_free, option, same_channel};
use crate::{Case, Context, Failure, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            an_owner_that_is_dropped_in_full_flight_leaves_what_was_acknowledged,
            "The next one has it all, and of the rest a whole beginning, with lsns that go on.",
            under Rough
        ),
        case!(
            ticks_ascend_though_the_clock_of_the_next_owner_is_behind,
            "The order of ticks is the order of the log, across owners whose clocks differ."
        ),
        case!(
            a_scan_goes_on_where_it_was_after_a_new_open_of_the_store,
            "A token of before delivers the rest once, by the next owner and by readers."
        ),
        case!(
            opens_without_an_append_give_no_lsn_away,
            "Ten owners that append nothing leave the numbering as it was."
        ),
    ]
}

fn all() -> ScanOption {
    ScanOption::earliest().until(End::Tail)
}

async fn an_owner_that_is_dropped_in_full_flight_leaves_what_was_acknowledged(
    context: Context,
) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    let appends: Vec<_> = (0..60).map(|number| wal.append(message(number))).collect();
    let mut sent = Vec::new();
    for (number, append) in (0..).zip(appends).take(20) {
        match append.await {
            Ok(place) => sent.push(Sent {
                place,
                message: message(number),
            }),
            Err(_) => break,
        }
    }
    drop((wal, store));
    let store = context.store().await?;
    let wal = open_once_free(&store, &option.with_take_over(true)).await?;
    let found = messages(&*wal, all()).await?;
    ensure!(
        found.len() >= sent.len(),
        "{} messages were acknowledged, and {} are there",
        sent.len(),
        found.len()
    );
    same(
        &found[..sent.len()],
        &sent,
        "messages that were acknowledged",
    )?;
    let landed: Vec<_> = found.iter().map(|it| it.message.clone()).collect();
    let beginning: Vec<_> = (0..found.len() as u64).map(message).collect();
    same(&landed, &beginning, "messages that were on their way")?;
    Ok(store.close().await?)
}

/// A clock that stands.
struct Stands(u64);

impl TickSource for Stands {
    fn now(&self) -> Tick {
        Tick::from_unix_ms(self.0)
    }
}

async fn ticks_ascend_though_the_clock_of_the_next_owner_is_behind(context: Context) -> Outcome {
    const NOON: u64 = 1_700_000_000_000;
    let store = context.store().await?;
    let option = option(&context)?;
    let mut sent = Vec::new();
    for clock in [NOON, NOON - 30_000, NOON - 10, NOON + 5] {
        let source = Arc::new(Stands(clock));
        let wal = store.open(option.clone().with_tick_source(source)).await?;
        sent.extend(append(&*wal, 5).await?);
        wal.close().await?;
    }
    ensure!(
        sent.windows(2)
            .all(|pair| pair[0].place.tick < pair[1].place.tick),
        "ticks of four owners do not ascend"
    );
    let reader = store.open_read_only(option).await?;
    same(
        &messages(&*reader, all()).await?,
        &sent,
        "messages of four owners",
    )?;
    for at in [0, 7, 19] {
        let from = ScanOption::new(Position::Tick(sent[at].place.tick)).until(End::Tail);
        same(
            &messages(&*reader, from).await?,
            &sent[at..],
            "messages from a tick on",
        )?;
    }
    Ok(store.close().await?)
}

async fn a_scan_goes_on_where_it_was_after_a_new_open_of_the_store(context: Context) -> Outcome {
    let (mut store, mut wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    let mut sent = append(&*wal, 4).await?;
    let mut from = Position::Earliest;
    let mut seen = Vec::new();
    for round in 0..4 {
        let mut scanner = wal.scan(ScanOption::new(from)).await?;
        seen.extend(crate::log::take(&mut *scanner, 3).await?);
        let token = scanner
            .token()
            .ok_or_else(|| Failure::new("a scanner has no token"))?;
        from = Position::Resume(token.to_string().parse()?);
        drop(scanner);
        wal.close().await?;
        store.close().await?;
        store = context.store().await?;
        wal = store.open(option.clone()).await?;
        sent.extend(append(&*wal, 2 + round).await?);
    }
    let reader = store.open_read_only(option).await?;
    let rest = messages(&*reader, ScanOption::new(from).until(End::Tail)).await?;
    seen.extend(rest);
    same(
        &seen,
        &sent,
        "messages of a scan that went on in five stores",
    )?;
    Ok(store.close().await?)
}

async fn opens_without_an_append_give_no_lsn_away(context: Context) -> Outcome {
    let (store, mut wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    let mut sent = append(&*wal, 3).await?;
    for _ in 0..10 {
        wal.close().await?;
        wal = store.open(option.clone()).await?;
        let tail = wal.tail().await?.lsn;
        ensure!(
            tail == Lsn::new(3),
            "3 messages are there, and the tail is {tail}"
        );
    }
    sent.extend(append(&*wal, 1).await?);
    same(
        &messages(&*wal, all()).await?,
        &sent,
        "messages around owners without any",
    )?;
    Ok(store.close().await?)
}
