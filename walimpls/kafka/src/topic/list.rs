use std::ops::ControlFlow;
use std::sync::Arc;

use rdkafka::consumer::Consumer;
use walx_core::{ChannelName, ErrorKind, Result};
use walx_utility::spawn;

use crate::error;
use crate::look::{Look, look_blocking};
use crate::record::Content;
use crate::store::Store;

/// So many threads look at topics.
const THREADS: usize = 4;
/// How much of a topic is read to find something of walx in it: a few messages at its end, then at its start, then more
/// at its end.
const FEW: i64 = 64;
const MANY: i64 = 4096;

/// The channels of the store, ascending: the topics below its prefix in which something of walx stands. A topic that has
/// none among its first 64 and last 4096 messages belongs to somebody else. One that held something and is empty counts as
/// a channel below a prefix: its records were truncated, or its retention dropped them.
pub(crate) async fn list(store: &Arc<Store>) -> Result<Vec<ChannelName>> {
    let names = topics(store).await?;
    let share = names.len().div_ceil(THREADS).max(1);
    let looks: Vec<_> = names
        .chunks(share)
        .map(|names| {
            let (store, names) = (Arc::clone(store), names.to_vec());
            spawn::blocking(move || ours(&store, names))
        })
        .collect();
    let mut found = Vec::new();
    for look in looks {
        let looked = look
            .await
            .unwrap_or_else(|spawn::Lost| Err(error::broken("look at topics")));
        found.extend(looked?);
    }
    found.sort();
    Ok(found)
}

/// The names of topics below the prefix that a channel can have.
pub(crate) async fn topics(store: &Arc<Store>) -> Result<Vec<(String, ChannelName)>> {
    let asking = Arc::clone(store);
    let names = store.ask("list the topics", move |asker, time| {
        let all = asker.fetch_metadata(None, time)?;
        let location = &asking.config().location;
        let names = all.topics().iter().map(|it| it.name());
        Ok(names
            .filter_map(|it| Some((it.to_owned(), location.channel(it)?)))
            .collect())
    });
    names.await
}

fn ours(store: &Store, names: Vec<(String, ChannelName)>) -> Result<Vec<ChannelName>> {
    let mut found = Vec::new();
    for (topic, channel) in names {
        let apart = !store.config().location.prefix().is_empty();
        match look_blocking(store, &topic, |look| is_ours(look, apart)) {
            Ok(true) => found.push(channel),
            Ok(false) => {}
            // Somebody deleted it meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.with_channel(&channel)),
        }
    }
    Ok(found)
}

fn is_ours(look: &Look<'_>, when_empty: bool) -> Result<bool> {
    let (low, high) = (look.low, look.high);
    let mut empty = high > 0;
    for (from, until) in [
        (high - FEW, high),
        (low, low + FEW),
        (high - MANY, high - FEW),
    ] {
        let found = look.read(from.max(low), until.min(high), |_, content| {
            Ok(match content {
                Content::Foreign => {
                    empty = false;
                    ControlFlow::Continue(())
                }
                Content::Mark(_) | Content::Record(..) => ControlFlow::Break(()),
            })
        });
        match found {
            Ok(None) => {}
            Ok(Some(())) => return Ok(true),
            // A newer walx wrote it.
            Err(error) if error.kind() == ErrorKind::Unsupported => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(empty && when_empty)
}
