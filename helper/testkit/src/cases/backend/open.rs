//! Opening stores and channels.

use std::sync::Arc;

use walx_core::{Bounds, ChannelName, ErrorKind};
use walx_impls::{Claim, OpenerImpls, Start};

use crate::case::{case, ensure, refused, same};
use crate::journal::Journal;
use crate::reading::{Reading, read};
use crate::{Case, Context, Outcome};

/// So long may be what a store puts before the names of its channels.
const MOST_PREFIX_BYTES: usize = 64;

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
            channels_whose_names_are_alike_do_not_mix,
            "Capital and small letters, signs, and every character of the longest names tell channels apart."
        ),
        case!(
            a_channel_without_records_is_there_after_a_new_open,
            "A writer that appended nothing has made its channel all the same."
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

async fn channels_whose_names_are_alike_do_not_mix(context: Context) -> Outcome {
    let base = context.channel("alike")?;
    let opener = context.opener().await?;
    let longest = longest(&context, &opener, &base).await?;
    let ends = [
        "-a".to_owned(),
        "-A".to_owned(),
        "_a".to_owned(),
        format!("{longest}a"),
        format!("{longest}b"),
        longest,
    ];
    let mut all = Vec::new();
    for (count, end) in (1..).zip(ends) {
        let journal = Journal::of(ChannelName::new(format!("{base}{end}"))?);
        let writer = journal.open(&opener).await?;
        writer.append(count).await?;
        writer.wal.close().await?;
        all.push(journal);
    }
    opener.close().await?;

    let opener = context.opener().await?;
    let list = opener.list().await?;
    for journal in all {
        let (name, stored) = (&journal.name, journal.stored());
        ensure!(list.contains(name), "{name} is missing in the list");
        let bounds = opener.bounds(name).await?;
        let ends = stored.first().zip(stored.last());
        let ends = ends.map(|(first, last)| Bounds::new(Some(first.id), Some(last.id)));
        ensure!(Some(bounds) == ends, "the bounds of {name} are {bounds:?}");
        let reader = opener.open_read_only(name).await?;
        let found = read(&*reader, Start::Earliest, stored[stored.len() - 1].id).await?;
        same(&found, &stored, "records of channels with names alike")?;
    }
    Ok(opener.close().await?)
}

/// What makes a name behind `base` as long as one may be, less one character: on a server a store may put something of
/// its own before names, and takes shorter ones.
async fn longest(
    context: &Context,
    opener: &Arc<dyn OpenerImpls>,
    base: &ChannelName,
) -> Outcome<String> {
    let most = ChannelName::MAX_BYTES - 1 - base.as_str().len();
    let least = match context.capability().needs_server {
        true => most - MOST_PREFIX_BYTES,
        false => most,
    };
    for length in (least + 1..=most).rev() {
        let name = ChannelName::new(format!("{base}{}", "n".repeat(length + 1)))?;
        match opener.open_read_only(&name).await {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {}
            _ => return Ok("n".repeat(length)),
        }
    }
    Ok("n".repeat(least))
}

async fn a_channel_without_records_is_there_after_a_new_open(context: Context) -> Outcome {
    let journal = Journal::new(&context)?;
    let opener = context.opener().await?;
    let writer = opener.open(&journal.name, Claim::TakeOver).await?;
    writer.close().await?;
    opener.close().await?;
    drop((writer, opener));

    let opener = context.opener().await?;
    ensure!(
        opener.list().await?.contains(&journal.name),
        "a channel without records is missing in the list after a new open"
    );
    let reader = opener.open_read_only(&journal.name).await?;
    let bounds = reader.bounds().await?;
    ensure!(
        bounds == Bounds::default(),
        "nothing was written, and the bounds are {bounds:?}"
    );
    let mut reading = Reading::start(&*reader, Start::Earliest).await?;
    reading.is_silent()?;
    let last = journal.open(&opener).await?.append(2).await?.remove(1).id;
    same(
        &reading.up_to(last).await?,
        &journal.stored(),
        "first records of a channel that was there without any",
    )?;
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
        opener.open(name, Claim::TakeOver).await?.close().await?;
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
