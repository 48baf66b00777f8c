//! What operators ask of a store.

use walx_core::{ErrorKind, Lsn, Message, Progress, Truncation};

use crate::case::{case, ensure, refused};
use crate::log::{append, new_log, same_channel};
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_description_tells_bounds_tail_and_owner,
            "`describe` needs no ownership, and knows whether the owner released the channel."
        ),
        case!(
            describing_or_verifying_a_missing_channel_creates_nothing,
            "It is `NotFound`, and the list stays as it was."
        ),
        case!(
            a_sound_log_verifies_without_a_finding,
            "Also behind a truncation and across owners; every message is counted."
        ),
        case!(
            a_log_can_be_verified_while_its_owner_appends,
            "What the owner does meanwhile is no damage."
        ),
    ]
}

async fn a_description_tells_bounds_tail_and_owner(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let (option, owner) = (same_channel(&*wal), wal.owner());
    let sent = append(&*wal, 5).await?;
    let told = store.describe(&option.channel).await?;
    ensure!(
        told.earliest == Some(Lsn::ZERO) && told.tail == wal.tail().await?,
        "{told:?} of a log of 5 messages with the tail {:?}",
        wal.tail().await?
    );
    ensure!(
        told.bounds == wal.bounds().await? && told.capability == store.capability(),
        "{told:?} differs from bounds and capability of the store"
    );
    let last = told.owner.as_ref();
    ensure!(
        last.is_some_and(|it| it.owner == owner && !it.released && it.who.is_some()),
        "owner {owner} has the channel, and the description says {last:?}"
    );
    ensure!(
        told.usage.records.is_none_or(|records| records >= 5)
            && told.usage.bytes <= told.usage.retained_bytes.or(Some(u64::MAX)),
        "{:?} of a log of 5 messages",
        told.usage
    );
    let truncated = sent[1].place;
    wal.truncate(truncated.id).await?;
    wal.close().await?;
    let told = store.describe(&option.channel).await?;
    let last = told.owner.as_ref();
    ensure!(
        last.is_some_and(|it| it.owner == owner && it.released),
        "owner {owner} has released the channel, and the description says {last:?}"
    );
    ensure!(
        told.earliest > Some(truncated.lsn)
            || store.capability().truncation == Truncation::Permission,
        "truncated up to lsn {}, and the earliest one is {:?}",
        truncated.lsn,
        told.earliest
    );
    Ok(store.close().await?)
}

async fn describing_or_verifying_a_missing_channel_creates_nothing(context: Context) -> Outcome {
    let not_found = &[ErrorKind::NotFound];
    let store = context.store().await?;
    let missing = context.channel("missing")?;
    let described = store.describe(&missing).await;
    refused(described, not_found, "describe of a missing channel")?;
    let verified = store.verify(Some(&missing), &Progress::default()).await;
    refused(verified, not_found, "verify of a missing channel")?;
    ensure!(
        !store.list().await?.contains(&missing),
        "looking at a missing channel made it"
    );
    Ok(store.close().await?)
}

async fn a_sound_log_verifies_without_a_finding(context: Context) -> Outcome {
    let (store, mut wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    let mut sent = append(&*wal, 5).await?;
    for _ in 0..2 {
        wal.close().await?;
        wal = store.open(option.clone()).await?;
        sent.extend(append(&*wal, 5).await?);
    }
    wal.truncate(sent[3].place.id).await?;
    let verified = store
        .verify(Some(&option.channel), &Progress::default())
        .await?;
    ensure!(
        verified.is_sound() && verified.findings.is_empty(),
        "a sound log has the findings {:?}",
        verified.findings
    );
    ensure!(
        verified.channels.len() == 1,
        "asked for one channel, told {:?}",
        verified.channels
    );
    let channel = &verified.channels[0];
    let kept = sent.iter().filter(|it| Some(it.place.lsn) >= channel.first);
    ensure!(
        channel.messages == kept.count() as u64
            && channel.last == sent.last().map(|it| it.place.lsn),
        "{channel:?} of {} messages, of which 4 are truncated",
        sent.len()
    );
    Ok(store.close().await?)
}

async fn a_log_can_be_verified_while_its_owner_appends(context: Context) -> Outcome {
    let (store, wal) = new_log(&context).await?;
    let option = same_channel(&*wal);
    append(&*wal, 20).await?;
    for round in 0..10 {
        // They have their places, and are decided while the verification runs.
        let burst: Vec<_> = (0..20)
            .map(|i| wal.append(Message::new(format!("{round}/{i}"))))
            .collect();
        // On a server others may have damaged channels of their own meanwhile.
        let only = Some(&option.channel).filter(|_| store.capability().needs_server);
        let verified = store.verify(only, &Progress::default()).await?;
        ensure!(
            verified.findings.is_empty(),
            "a log that is being written has the findings {:?}",
            verified.findings
        );
        ensure!(
            verified
                .channels
                .iter()
                .any(|it| it.channel == option.channel && it.messages >= 20),
            "acknowledged messages are not in {:?}",
            verified.channels
        );
        for append in burst {
            append.await?;
        }
    }
    Ok(store.close().await?)
}
