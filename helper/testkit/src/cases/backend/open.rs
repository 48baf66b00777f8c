//! Opening stores and channels.

use walx_core::ErrorKind;
use walx_impls::Start;

use crate::case::{case, ensure, refused, same};
use crate::journal::Journal;
use crate::reading::read;
use crate::{Case, Context, Outcome};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            a_channel_opened_again_and_again_keeps_what_was_written,
            "Three writers in a row find the records of those before them, and add theirs behind."
        ),
        case!(
            a_store_opened_anew_has_what_was_written,
            "Records are there after the store was closed and opened again."
        ),
        case!(
            two_channels_of_a_store_do_not_mix,
            "A channel holds its own records and no others."
        ),
        case!(
            a_missing_channel_is_not_found_and_not_made,
            "Readers create nothing."
        ),
        case!(
            the_list_of_channels_is_sorted_and_whole,
            "`list` names every channel once, ascending."
        ),
        case!(
            an_unknown_key_is_refused_by_name,
            "A wrong configuration is an error that names the key."
        ),
    ]
}

async fn a_channel_opened_again_and_again_keeps_what_was_written(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journal = Journal::new(&context)?;
    for _ in 0..3 {
        let writer = journal.open(&opener).await?;
        ensure!(
            *writer.wal.channel() == journal.name,
            "channel() is {}, not {}",
            writer.wal.channel(),
            journal.name
        );
        let stored = writer.append(5).await?;
        let all = read(&*writer.wal, Start::Earliest, stored[4].id).await?;
        same(&all, &journal.stored(), "records of all writers so far")?;
        writer.wal.close().await?;
    }
    Ok(opener.close().await?)
}

async fn a_store_opened_anew_has_what_was_written(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    for _ in 0..3 {
        let opener = context.opener().await?;
        let writer = journal.open(&opener).await?;
        let stored = writer.append(20).await?;
        let all = read(&*writer.wal, Start::Earliest, stored[19].id).await?;
        same(&all, &journal.stored(), "records of all stores so far")?;
        writer.wal.close().await?;
        opener.close().await?;
    }
    Ok(())
}

async fn two_channels_of_a_store_do_not_mix(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let journals = [Journal::new(&context)?, Journal::new(&context)?];
    let writers = [
        journals[0].open(&opener).await?,
        journals[1].open(&opener).await?,
    ];
    for _ in 0..10 {
        writers[0].append(1).await?;
        writers[1].append(2).await?;
    }
    for (journal, writer) in journals.iter().zip(&writers) {
        let stored = journal.stored();
        let all = read(&*writer.wal, Start::Earliest, stored[stored.len() - 1].id).await?;
        same(&all, &stored, "records of one of two channels")?;
    }
    Ok(opener.close().await?)
}

async fn a_missing_channel_is_not_found_and_not_made(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let missing = context.channel("missing")?;
    for _ in 0..2 {
        refused(
            opener.open_read_only(&missing).await,
            &[ErrorKind::NotFound],
            "open_read_only of a missing channel",
        )?;
        refused(
            opener.bounds(&missing).await,
            &[ErrorKind::NotFound],
            "bounds of a missing channel",
        )?;
        ensure!(
            !opener.list().await?.contains(&missing),
            "looking at a missing channel made it"
        );
    }
    Ok(opener.close().await?)
}

async fn the_list_of_channels_is_sorted_and_whole(context: Context) -> Outcome {
    let opener = context.opener().await?;
    let mut names = vec![
        context.channel("b")?,
        context.channel("A.1")?,
        context.channel("c_2")?,
    ];
    for name in &names {
        opener
            .open(name, walx_impls::Claim::TakeOver)
            .await?
            .close()
            .await?;
    }
    names.sort();
    let list = opener.list().await?;
    ensure!(
        list.is_sorted_by(|a, b| a < b),
        "the list does not ascend: {list:?}"
    );
    // Where stores share a server, the channels of others are there too.
    let own: Vec<_> = list
        .into_iter()
        .filter(|name| names.contains(name))
        .collect();
    same(&own, &names, "channels in the list")?;
    Ok(opener.close().await?)
}

async fn an_unknown_key_is_refused_by_name(context: Context) -> Outcome {
    let config = context.config().with("no-such-key", "1");
    let error = refused(
        context.builder().build(config).await,
        &[ErrorKind::InvalidInput],
        "an unknown key",
    )?;
    ensure!(
        error.to_string().contains("no-such-key"),
        "the error does not name the key: {error}"
    );
    Ok(())
}
