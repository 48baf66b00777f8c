//! Reading a store, as its owner or from outside, and judging what comes.

use std::sync::Arc;

use walx_core::{ErrorKind, Result};
use walx_impls::{ScanOptions, Scanned, Start};

use super::model::{Got, Model, Seen, Verdict, demand};
use super::{CHANNELS, name};
use crate::config::FileConfig;
use crate::read;
use crate::shared::Shared;

/// All of a channel; what is neither record nor gap is told in words.
fn records(
    config: &FileConfig,
    channel: usize,
    owner: Option<(Arc<Shared>, u32)>,
) -> Result<Verdict<Got>> {
    let mut got = Got::default();
    let options = ScanOptions::default();
    let mut reader = read::start(
        config,
        &name(CHANNELS[channel]),
        owner,
        Start::Earliest,
        &options,
    )?;
    while let Some(items) = reader.next()? {
        for item in items {
            match item {
                Scanned::Record(stored) => {
                    got.records
                        .push((crate::id::number(stored.id)?, stored.record));
                }
                Scanned::Damage(_) => got.gaps += 1,
                other => return Ok(Err(format!("channel {channel} has {other:?}"))),
            }
        }
    }
    Ok(Ok(got))
}

/// What a process sees that doesn't own the store. A channel may not be there where nobody was told that it is.
pub(super) fn outside(config: &FileConfig, told: &[bool]) -> Verdict<Seen> {
    let mut seen = Vec::new();
    for (channel, told) in told.iter().enumerate() {
        seen.push(match records(config, channel, None) {
            Ok(records) => records?,
            Err(error) if error.kind() == ErrorKind::NotFound && !told => Got::default(),
            Err(error) => return Err(format!("reading from outside: {error}")),
        });
    }
    Ok(seen)
}

/// What the owner sees; `owned` has the numbers of the channels that it has open.
pub(super) fn inside(
    config: &FileConfig,
    shared: &Arc<Shared>,
    owned: &[Option<u32>],
) -> Verdict<Seen> {
    let mut seen = Vec::new();
    for (channel, owned) in owned.iter().enumerate() {
        let owner = owned.map(|number| (Arc::clone(shared), number));
        seen.push(match (&owner, records(config, channel, owner.clone())) {
            (Some(_), Ok(records)) => records?,
            (_, Ok(_)) => Got::default(),
            (None, Err(error)) if error.kind() == ErrorKind::NotFound => Got::default(),
            (_, Err(error)) => return Err(format!("reading as the owner: {error}")),
        });
    }
    Ok(seen)
}

/// Bounds name the first and the newest record that is kept.
pub(super) fn bounds(
    config: &FileConfig,
    shared: &Arc<Shared>,
    (channel, number): (usize, u32),
    model: &Model,
) -> Verdict {
    if model.has_losses() {
        // They name what can be read then; a test of its own says which.
        return Ok(());
    }
    let owner = Some((Arc::clone(shared), number));
    let bounds = read::bounds(config, &name(CHANNELS[channel]), owner)
        .map_err(|error| format!("bounds: {error}"))?;
    let kept: Vec<_> = model.kept(channel, model.acked).collect();
    let id = |number: &u64| crate::id::id(*number);
    let (first, last) = (kept.first().map(id), kept.last().map(id));
    let from = crate::id::id(model.marks[channel].from);
    // Where all are truncated, the last one there was is named, unless it was lost.
    demand(
        bounds.newest == last || (last.is_none() && bounds.newest < Some(from)),
        || format!("channel {channel}: the newest is {last:?}, bounds say {bounds:?}"),
    )?;
    // A number may have been given to a record that was lost before it was durable.
    demand(
        bounds.earliest.is_some() == first.is_some()
            && bounds.earliest <= first
            && bounds.earliest.is_none_or(|earliest| earliest >= from),
        || format!("channel {channel}: the first is {first:?}, bounds say {bounds:?}"),
    )
}
