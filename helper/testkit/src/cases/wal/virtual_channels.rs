//! Logical streams inside a channel, and the points in time that their readers can wait for.

use walx_core::{Message, RoWal, ScanOption, TransactionOption, Wal};

use super::text::{hands_out, stream};
use crate::case::{case, ensure};
use crate::log::{new_log, same_channel};
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_scan_of_several_gets_theirs_and_what_is_meant_for_all,
            "One, some or all of the streams, in the order of the channel."
        ),
        case!(
            a_transaction_goes_to_its_stream,
            "Its messages are in its stream, and scans of others do not get it."
        ),
        case!(
            the_newest_tick_of_a_stream_is_reached_by_its_readers,
            "It is the tick of the last entry that a scan of it delivers, for the owner and for readers."
        ),
        case!(
            asking_for_the_newest_tick_writes_nothing,
            "The log stays as it is, and a stream that nobody used has no tick, but for what is meant for all."
        ),
        case!(
            a_point_in_time_is_delivered_to_those_who_ask_for_it,
            "It takes no lsn, lies behind what was appended, and others do not get it."
        ),
    ]
}

fn all() -> ScanOption {
    ScanOption::earliest()
}

fn of(names: &[&str]) -> Outcome<ScanOption> {
    let mut option = all();
    for name in names {
        option = option.with_virtual_channel(stream(name)?);
    }
    Ok(option)
}

async fn say(wal: &dyn Wal, text: &'static str, name: &str) -> Outcome<walx_core::Place> {
    let message = Message::new(text).with_virtual_channel(stream(name)?);
    Ok(wal.append(message).await?)
}

async fn a_scan_of_several_gets_theirs_and_what_is_meant_for_all(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    say(&*wal, "1", "a").await?;
    say(&*wal, "2", "b").await?;
    wal.append("3".into()).await?;
    say(&*wal, "4", "c").await?;
    say(&*wal, "5", "a").await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for wal in [&*wal as &dyn RoWal, &*reader] {
        hands_out(wal, all(), "1 2 3 4 5").await?;
        hands_out(wal, of(&["a"])?, "1 3 5").await?;
        hands_out(wal, of(&["a", "c"])?, "1 3 4 5").await?;
        hands_out(wal, of(&["a", "b", "c"])?, "1 2 3 4 5").await?;
        hands_out(wal, of(&["d"])?, "3").await?;
    }
    Ok(store.close().await?)
}

async fn a_transaction_goes_to_its_stream(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let in_a = TransactionOption::new().with_virtual_channel(stream("a")?);
    let (first, for_all) = (wal.begin(in_a)?, wal.begin(TransactionOption::new())?);
    first.append("1".into()).await?;
    for_all.append("2".into()).await?;
    let own = Message::new("3").with_virtual_channel(stream("a")?);
    first.append(own).await?;
    first.commit().await?;
    for_all.commit().await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for wal in [&*wal as &dyn RoWal, &*reader] {
        hands_out(wal, all(), "[1 3] [2]").await?;
        hands_out(wal, of(&["a"])?, "[1 3] [2]").await?;
        hands_out(wal, of(&["b"])?, "[2]").await?;
    }
    Ok(store.close().await?)
}

async fn the_newest_tick_of_a_stream_is_reached_by_its_readers(context: Context) -> Outcome {
    let (store, mut wal) = new_log(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    let first = say(&*wal, "1", "a").await?;
    let second = say(&*wal, "2", "b").await?;
    for _ in 0..2 {
        for it in [&*wal as &dyn RoWal, &*reader] {
            for (name, expected) in [("a", first), ("b", second)] {
                let newest = it.newest_tick(&stream(name)?).await?;
                ensure!(
                    newest == Some(expected.tick),
                    "the newest tick of {name} is {newest:?}, and {expected:?} is the last there"
                );
            }
        }
        // The next owner finds it in the log.
        wal.close().await?;
        wal = store.open(same_channel(&*wal)).await?;
    }
    let in_a = TransactionOption::new().with_virtual_channel(stream("a")?);
    let transaction = wal.begin(in_a)?;
    transaction.append("3".into()).await?;
    let open = wal.newest_tick(&stream("a")?).await?;
    ensure!(
        open == Some(first.tick),
        "nobody sees an open transaction, and the newest tick is {open:?}"
    );
    let commit = transaction.commit().await?;
    let newest = wal.newest_tick(&stream("a")?).await?;
    ensure!(
        newest == Some(commit.tick),
        "a commit lies at {commit:?}, and the newest tick is {newest:?}"
    );
    let for_all = wal.append("4".into()).await?;
    for name in ["a", "b", "c"] {
        let newest = wal.newest_tick(&stream(name)?).await?;
        ensure!(
            newest == Some(for_all.tick),
            "what is meant for all lies at {for_all:?}, and the newest tick of {name} is {newest:?}"
        );
    }
    hands_out(&*wal, of(&["a"])?, "1 [3] 4").await?;
    Ok(store.close().await?)
}

async fn asking_for_the_newest_tick_writes_nothing(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for it in [&*wal as &dyn RoWal, &*reader] {
        let newest = it.newest_tick(&stream("a")?).await?;
        ensure!(newest.is_none(), "an empty log has the tick {newest:?}");
    }
    say(&*wal, "1", "a").await?;
    let before = wal.bounds().await?;
    for it in [&*wal as &dyn RoWal, &*reader] {
        for name in ["a", "b", "c"] {
            it.newest_tick(&stream(name)?).await?;
        }
        let newest = it.newest_tick(&stream("b")?).await?;
        ensure!(newest.is_none(), "an unused stream has the tick {newest:?}");
    }
    let after = wal.bounds().await?;
    ensure!(
        before == after,
        "the log was {before:?}, and is {after:?} though it was only asked"
    );
    Ok(store.close().await?)
}

async fn a_point_in_time_is_delivered_to_those_who_ask_for_it(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let first = say(&*wal, "1", "a").await?;
    let point = wal.advance_tick(Some(stream("a")?)).await?;
    let for_all = wal.advance_tick(None).await?;
    let second = say(&*wal, "2", "a").await?;
    ensure!(
        first.lsn.next() == second.lsn,
        "points in time take lsns: behind {} comes {}",
        first.lsn,
        second.lsn
    );
    ensure!(
        first.tick < point.tick && point.tick < for_all.tick && for_all.tick < second.tick,
        "ticks don't ascend: {first:?}, {point:?}, {for_all:?}, {second:?}"
    );
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for wal in [&*wal as &dyn RoWal, &*reader] {
        hands_out(wal, all(), "1 2").await?;
        hands_out(wal, all().with_ticks(true), "1 <tick> <tick> 2").await?;
        hands_out(wal, of(&["b"])?.with_ticks(true), "<tick>").await?;
    }
    Ok(store.close().await?)
}
