//! Readers beside the owner. That a reader can't append is a matter of types: `RoWal` has no append.

use walx_core::{Access, End, ErrorKind, Lsn, OpenOption, ScanOption, Term};

use crate::case::{case, ensure, refused, same};
use crate::log::{append, messages, new_log, same_channel, take};
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_reader_sees_everything_and_follows_every_owner,
            "One scan goes through several owners without a seam."
        ),
        case!(
            a_reader_of_a_missing_channel_creates_nothing,
            "It is `NotFound`, and the list stays as it was."
        ),
        case!(
            a_reader_that_asks_for_ownership_is_refused,
            "A term or `take_over` is `InvalidInput` for a reader."
        ),
        case!(
            a_reader_knows_the_tail,
            "`tail` names the next lsn, and the newest record."
        ),
    ]
}

async fn a_reader_sees_everything_and_follows_every_owner(context: Context) -> Outcome {
    let (store, mut wal) = new_log(&context).await?;
    let mut sent = append(&*wal, 5).await?;
    let option = same_channel(&*wal);
    let reader = store.open_read_only(option.clone()).await?;
    ensure!(
        reader.channel().access == Access::ReadOnly,
        "a reader says it is {}",
        reader.channel()
    );
    let mut scanner = reader.scan(ScanOption::earliest()).await?;
    let mut seen = take(&mut *scanner, 5).await?;
    for _ in 0..3 {
        wal.close().await?;
        wal = store.open(option.clone()).await?;
        sent.extend(append(&*wal, 5).await?);
        seen.extend(take(&mut *scanner, 5).await?);
    }
    same(&seen, &sent, "messages of four owners in one scan")?;
    let all = messages(&*reader, ScanOption::earliest().until(End::Tail)).await?;
    same(&all, &sent, "messages of a scan of everything")?;
    Ok(store.close().await?)
}

async fn a_reader_of_a_missing_channel_creates_nothing(context: Context) -> Outcome {
    let store = context.store().await?;
    let missing = context.channel("missing")?;
    let open = store.open_read_only(OpenOption::new(missing.clone())).await;
    refused(
        open,
        &[ErrorKind::NotFound],
        "open_read_only of a missing channel",
    )?;
    refused(
        store.bounds(&missing).await,
        &[ErrorKind::NotFound],
        "bounds of a missing channel",
    )?;
    ensure!(
        !store.list().await?.contains(&missing),
        "looking at a missing channel made it"
    );
    Ok(store.close().await?)
}

async fn a_reader_that_asks_for_ownership_is_refused(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    for option in [
        option.clone().with_term(Term::new(9)),
        option.with_take_over(true),
    ] {
        let open = store.open_read_only(option).await;
        refused(
            open,
            &[ErrorKind::InvalidInput],
            "a reader that asks for ownership",
        )?;
    }
    append(&*wal, 1).await?;
    Ok(store.close().await?)
}

async fn a_reader_knows_the_tail(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let reader = store.open_read_only(same_channel(&*wal)).await?;
    for count in 0..4 {
        let (of_owner, of_reader) = (wal.tail().await?, reader.tail().await?);
        for (who, tail) in [("owner", of_owner), ("reader", of_reader)] {
            ensure!(
                tail.lsn == Lsn::new(count),
                "behind {count} messages the {who}'s tail is {}",
                tail.lsn
            );
        }
        let place = append(&*wal, 1).await?.remove(0).place;
        for (who, tail) in [
            ("owner", wal.tail().await?),
            ("reader", reader.tail().await?),
        ] {
            ensure!(
                tail.id == Some(place.id),
                "the {who}'s tail names {:?} as newest, not {}",
                tail.id,
                place.id
            );
            ensure!(
                tail.tick == place.tick,
                "the {who}'s tail names tick {}, not {}",
                tail.tick,
                place.tick
            );
        }
        ensure!(
            wal.bounds().await?.newest == Some(place.id),
            "bounds name another newest record than the tail"
        );
    }
    Ok(store.close().await?)
}
