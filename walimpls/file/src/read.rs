//! What readers and writers of a channel have in common: starting a scan, telling the bounds.

use std::sync::Arc;

use walx_core::{Bounds, ChannelName, Error, ErrorKind, Result};
use walx_impls::{ScanOptions, Start};

use crate::config::FileConfig;
use crate::cursor::Cursor;
use crate::follow::{self, Follower, Readable};
use crate::id::{id, number};
use crate::locate::{Target, View};
use crate::loss::Losses;
use crate::manifest;
use crate::segment;
use crate::setting::FileDamage;
use crate::shared::Shared;
use crate::source::{Reader, Source, lost};

/// What there is of a channel: in the store of this process, or else in the files.
pub(crate) fn readable(
    config: &FileConfig,
    name: &ChannelName,
    owner: Option<(&Shared, u32)>,
) -> Result<Readable> {
    let Some((shared, channel)) = owner.filter(|(shared, _)| !shared.is_over()) else {
        return follow::readable(config, name);
    };
    let (from, end) = shared.kept(channel)?;
    let log = shared.log()?;
    let active = Some((log.active.header.number, log.summary.clone()));
    let view = View {
        first: log.first,
        sealed: log.sealed.clone(),
        active,
        from,
        end,
    };
    let horizon = log.spot.serial;
    Ok(Readable {
        uuid: shared.uuid,
        channel,
        view,
        horizon,
    })
}

/// What is kept of a channel.
pub(crate) fn bounds(
    config: &FileConfig,
    name: &ChannelName,
    owner: Option<(&Shared, u32)>,
) -> Result<Bounds> {
    let (from, end) = match owner.filter(|(shared, _)| !shared.is_over()) {
        Some((shared, channel)) => shared.kept(channel)?,
        None => {
            let there = follow::readable(config, name)?;
            // Without one segment the horizon is what is known to be lost.
            if there.view.active.is_none() && there.horizon > 0 {
                return Err(nothing(config, &there));
            }
            (there.view.from, there.view.end)
        }
    };
    Ok(if from < end {
        Bounds::new(Some(id(from)), Some(id(end - 1)))
    } else {
        Bounds::default()
    })
}

/// Without this a salvaging reader that reads to the newest record would take a store for an empty one.
fn nothing(config: &FileConfig, there: &Readable) -> Error {
    let text = format!(
        "no segment of the store in {} can be read, and the records with the serials below {} are lost; restore the \
         segments, or open the channel for writing with damage=salvage to go on behind them",
        config.path.display(),
        there.horizon
    );
    let first = segment::path(&config.path, there.view.first);
    Error::new(ErrorKind::Corrupt, text)
        .with_context("file", first.display())
        .with_context("offset", 0)
}

/// A reader at the start asked for.
pub(crate) fn start(
    config: &FileConfig,
    name: &ChannelName,
    owner: Option<(Arc<Shared>, u32)>,
    start: Start,
    options: &ScanOptions,
) -> Result<Reader> {
    let there = readable(
        config,
        name,
        owner
            .as_ref()
            .map(|(shared, channel)| (&**shared, *channel)),
    )?;
    let View { from, end, .. } = there.view;
    let kept = |at: u64| {
        if at < from {
            Err(lost((from < end).then(|| id(from))))
        } else {
            Ok(Target::Number(at))
        }
    };
    let target = match start {
        Start::Earliest => Target::Number(from),
        Start::At(at) => kept(number(at)?)?,
        Start::After(at) => kept(number(at)?.saturating_add(1))?,
        Start::Last(count) => Target::Number(end.saturating_sub(count).max(from)),
        Start::Near(mark) => Target::Mark(mark),
    };
    let place = there
        .view
        .locate(&config.path, there.uuid, there.channel, target)?;
    let next = match target {
        Target::Number(next) => next,
        Target::Mark(_) => place.number.unwrap_or_default().max(from),
    };
    let budget = options.read_ahead_bytes.max(1);
    let at = (place.segment, place.spot, next);
    let cursor = Cursor::new(
        config.path.clone(),
        there.uuid,
        there.channel,
        config.damage,
        budget,
        at,
    );
    let source = match owner.filter(|(shared, _)| !shared.is_over()) {
        Some((shared, _)) => Source::Owner(shared),
        None => {
            let dir = config.path.clone();
            let follower = Follower::new(dir, config, there.uuid, there.horizon);
            Source::Files(Box::new(follower))
        }
    };
    let noted = Losses::load(&config.path, &manifest::hex(&there.uuid))?;
    Ok(Reader {
        config: config.clone(),
        tells: config.damage == FileDamage::Salvage || !noted.notes().is_empty(),
        uuid: there.uuid,
        channel: there.channel,
        source,
        cursor,
        ahead: None,
    })
}
