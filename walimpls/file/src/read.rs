//! What readers and writers of a channel have in common: starting a scan, telling the bounds.

use std::sync::Arc;

use walx_core::{Bounds, ChannelName, Error, ErrorKind, MessageId, Result};
use walx_impls::{ScanOptions, Scanned, Start};

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
    owner: Option<(Arc<Shared>, u32)>,
) -> Result<Bounds> {
    let owner = owner.filter(|(shared, _)| !shared.is_over());
    if let Some((shared, channel)) = &owner
        && !tells(config, &shared.uuid)?
    {
        let (from, end) = shared.kept(*channel)?;
        return Ok(whole(from, end));
    }
    let mut way = Way::find(config, name, owner)?;
    let View { from, end, .. } = way.there.view;
    // Without one segment the horizon is what is known to be lost.
    if way.there.view.active.is_none() && way.there.horizon > 0 {
        return Err(nothing(config, &way.there));
    }
    if from >= end || !way.tells {
        return Ok(whole(from, end));
    }
    // Whoever reads up to a record that is lost would wait for it for ever.
    Ok(match way.newest()? {
        Some(newest) => Bounds::new(way.earliest()?, Some(id(newest))),
        None => Bounds::new(None, Some(id(end - 1))),
    })
}

/// The bounds of a channel of which nothing is lost. Where everything was truncated, the newest is named all the same.
fn whole(from: u64, end: u64) -> Bounds {
    Bounds::new((from < end).then(|| id(from)), end.checked_sub(1).map(id))
}

/// Whether readers go on behind damage and tell it: the store is salvaged, or a repair took note of losses.
pub(crate) fn tells(config: &FileConfig, uuid: &[u8; 16]) -> Result<bool> {
    let salvages = config.damage == FileDamage::Salvage;
    Ok(salvages
        || !Losses::load(&config.path, &manifest::hex(uuid))?
            .notes()
            .is_empty())
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
    let mut way = Way::find(config, name, owner)?;
    let View { from, end, .. } = way.there.view;
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
        Start::Last(count) => {
            // Of what can be read: behind it there may be nothing but losses.
            let lost_end = if way.tells { way.newest()? } else { None };
            let end = lost_end.map_or(end, |newest| newest + 1);
            Target::Number(end.saturating_sub(count).max(from))
        }
        Start::Near(mark) => Target::Mark(mark),
    };
    way.reader(target, options.read_ahead_bytes.max(1))
}

/// What leads to the records of a channel.
struct Way<'a> {
    config: &'a FileConfig,
    owner: Option<Arc<Shared>>,
    there: Readable,
    /// Whether readers go on behind damage and tell it.
    tells: bool,
}

impl<'a> Way<'a> {
    fn find(
        config: &'a FileConfig,
        name: &ChannelName,
        owner: Option<(Arc<Shared>, u32)>,
    ) -> Result<Self> {
        let shared = owner
            .as_ref()
            .map(|(shared, channel)| (&**shared, *channel));
        let there = readable(config, name, shared)?;
        Ok(Self {
            config,
            owner: owner
                .map(|(shared, _)| shared)
                .filter(|shared| !shared.is_over()),
            tells: tells(config, &there.uuid)?,
            there,
        })
    }

    fn reader(&self, target: Target, budget: usize) -> Result<Reader> {
        let (config, there) = (self.config, &self.there);
        let place = there
            .view
            .locate(&config.path, there.uuid, there.channel, target)?;
        let next = match target {
            Target::Number(next) => next,
            Target::Mark(_) => place.number.unwrap_or_default().max(there.view.from),
        };
        let at = (place.segment, place.spot, next);
        let cursor = Cursor::new(
            config.path.clone(),
            there.uuid,
            there.channel,
            config.damage,
            budget,
            at,
        );
        let source = match &self.owner {
            Some(shared) => Source::Owner(Arc::clone(shared)),
            None => {
                let dir = config.path.clone();
                let follower = Follower::new(dir, config, there.uuid, there.horizon);
                Source::Files(Box::new(follower))
            }
        };
        Ok(Reader {
            config: config.clone(),
            tells: self.tells,
            uuid: there.uuid,
            channel: there.channel,
            source,
            cursor,
            ahead: None,
        })
    }

    /// The first record that can be read.
    fn earliest(&mut self) -> Result<Option<MessageId>> {
        let mut reader = self.reader(Target::Number(self.there.view.from), GLANCE)?;
        while let Some(items) = reader.next()? {
            if let Some(first) = records(&items).next() {
                return Ok(Some(first));
            }
        }
        Ok(None)
    }

    /// The number of the newest record that can be read: looked for from the end, in growing steps.
    fn newest(&mut self) -> Result<Option<u64>> {
        let View { from, end, .. } = self.there.view;
        let mut depth = 1_u64;
        loop {
            let at = end.saturating_sub(depth).max(from);
            let mut reader = self.reader(Target::Number(at), GLANCE)?;
            let mut newest = None;
            while let Some(items) = reader.next()? {
                newest = records(&items).last().or(newest);
            }
            if newest.is_some() || at == from {
                return newest.map(number).transpose();
            }
            depth = depth.saturating_mul(8);
        }
    }
}

/// Bytes that are read at a time to see which records there are.
const GLANCE: usize = 64 << 10;

fn records(items: &[Scanned]) -> impl DoubleEndedIterator<Item = MessageId> + '_ {
    items.iter().filter_map(|item| match item {
        Scanned::Record(record) => Some(record.id),
        _ => None,
    })
}
