//! Reading a store whose writer lives in another process, or nowhere. Nothing is created or changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use walx_core::{ChannelName, Error, ErrorKind, Result};
use walx_utility::clock;

use crate::acked::Acked;
use crate::config::FileConfig;
use crate::cursor::Cursor;
use crate::locate::View;
use crate::lock;
use crate::manifest::{self, Manifest, Trace};
use crate::network;
use crate::notice::Notice;
use crate::segment::{self, Found, Segment};
use crate::setting::FileDamage;
use crate::settle::settle;
use crate::survey::{Look, Survey};
use crate::walk;

/// How far one reader may read.
#[derive(Debug)]
pub(crate) struct Follower {
    dir: PathBuf,
    damage: FileDamage,
    uuid: [u8; 16],
    horizon: u64,
    /// The manifests that were last found to be those of the store.
    trace: Option<Trace>,
    /// What there was when it was last looked at without a writer.
    seen: Option<Seen>,
    /// Tells when to look again.
    notice: Option<Notice>,
}

/// How often a reader looks for more where nothing tells it when, and where something does: it may be late.
const POLL: Duration = Duration::from_millis(5);
const HEARTBEAT: Duration = Duration::from_millis(100);

/// The last segment, its size, and the manifests: a writer that came and went has left new ones.
type Seen = (u64, u64, Trace);

impl Follower {
    /// Goes on from what another source gave.
    pub(crate) fn new(dir: PathBuf, config: &FileConfig, uuid: [u8; 16], horizon: u64) -> Self {
        Self {
            notice: Notice::of(&dir),
            dir,
            damage: config.damage,
            uuid,
            horizon,
            trace: None,
            seen: None,
        }
    }

    /// How far may be read now.
    pub(crate) fn horizon(&mut self, cursor: &Cursor) -> Result<u64> {
        if cursor.serial() < self.horizon {
            return Ok(self.horizon);
        }
        // Before the look, so that what changes meanwhile is looked at again.
        if let Some(notice) = &mut self.notice {
            notice.reset();
        }
        let held = lock::is_held(&self.dir)?;
        let trace = self.same_store()?;
        let horizon = if held {
            self.with_writer(cursor)?
        } else {
            self.without_writer(trace)?
        };
        self.horizon = self.horizon.max(horizon);
        Ok(self.horizon)
    }

    /// Waits until there may be more than at the last look.
    pub(crate) async fn wait(&mut self) {
        match &mut self.notice {
            // Late is as good as a change.
            Some(notice) => _ = clock::timeout(HEARTBEAT, notice.changed()).await,
            None => clock::sleep(POLL).await,
        }
    }

    /// A store that was removed, or made anew, never goes on.
    fn same_store(&mut self) -> Result<Trace> {
        let trace = manifest::trace(&self.dir);
        if self.trace != Some(trace) {
            same(&self.dir, Manifest::load(&self.dir)?, self.uuid)?;
            self.trace = Some(trace);
        }
        Ok(trace)
    }

    fn with_writer(&mut self, cursor: &Cursor) -> Result<u64> {
        self.seen = None;
        match (Acked::load(&self.dir, self.uuid), cursor.place()) {
            (Some(acked), _) => Ok(acked.evidence()),
            // Without ACKED, what the writer wrote into its frames is all that can be known.
            (None, Some((segment, spot))) => walk::acked_behind(segment, spot.offset),
            (None, None) => Ok(0),
        }
    }

    /// All that is sound, once it is synced.
    fn without_writer(&mut self, trace: Trace) -> Result<u64> {
        let last = segment::list(&self.dir)
            .ok()
            .and_then(|numbers| numbers.last().copied());
        let size = |number| {
            std::fs::metadata(segment::path(&self.dir, number)).map_or(0, |meta| meta.len())
        };
        let now = last.map(|number| (number, size(number), trace));
        if now.is_some() && now == self.seen {
            return Ok(self.horizon);
        }
        let horizon = match look(&self.dir, self.damage)? {
            Some(survey) if survey.manifest.uuid() == self.uuid => survey.horizon,
            // The next look at the manifest tells.
            _ => self.horizon,
        };
        self.seen = now;
        Ok(horizon)
    }
}

/// What there is to read.
pub(crate) struct Readable {
    pub(crate) uuid: [u8; 16],
    pub(crate) channel: u32,
    pub(crate) view: View,
    pub(crate) horizon: u64,
}

/// Looks at a channel from outside.
///
/// # Errors
/// `NotFound` where there is no such store or channel.
pub(crate) fn readable(config: &FileConfig, channel: &ChannelName) -> Result<Readable> {
    let survey = look(&config.path, config.damage)?.ok_or_else(|| missing(config, channel))?;
    let (number, line) = survey
        .manifest
        .channel(channel)
        .ok_or_else(|| missing(config, channel))?;
    let newest = survey
        .last
        .as_ref()
        .and_then(|last| last.summary.channels.get(&number).copied());
    let view = View {
        first: survey.manifest.first_segment.unwrap_or_default(),
        from: line.from,
        end: newest.map_or(0, |span| span.end),
        active: survey
            .last
            .as_ref()
            .map(|last| (last.segment.header.number, last.summary.clone())),
        sealed: survey.sealed.clone(),
    };
    Ok(Readable {
        uuid: survey.manifest.uuid(),
        channel: number,
        view,
        horizon: survey.horizon,
    })
}

/// How often a look is tried before a store whose writers come and go is read as one with a writer.
const TRIES: usize = 8;

/// What there is. The lock is not held meanwhile, so a writer may come: then the look doesn't count. A writer that came
/// and went has left a new manifest.
fn look(dir: &Path, damage: FileDamage) -> Result<Option<Survey>> {
    network::refuse(dir)?;
    for _ in 0..TRIES {
        let before = generation(dir)?;
        if lock::is_held(dir)? {
            return survey(dir, damage, true);
        }
        let survey = survey(dir, damage, false);
        if !lock::is_held(dir)? && generation(dir)? == before {
            return survey;
        }
    }
    survey(dir, damage, true)
}

fn generation(dir: &Path) -> Result<Option<u64>> {
    Ok(Manifest::load(dir)?.map(|manifest| manifest.generation()))
}

/// Without a writer, what was read may be in the system's memory only; it is synced before it is handed out.
fn survey(dir: &Path, damage: FileDamage, live: bool) -> Result<Option<Survey>> {
    let how = Look {
        damage,
        live,
        writable: false,
    };
    match Survey::look(dir, how)? {
        Some(survey) if !live && !settle(&survey)? => Survey::look(dir, Look { live: true, ..how }),
        survey => Ok(survey),
    }
}

/// The first number of a channel that is not truncated, as the manifest says now.
pub(crate) fn from(
    config: &FileConfig,
    uuid: [u8; 16],
    channel: u32,
) -> Result<(u64, Option<u64>)> {
    let manifest = same(&config.path, Manifest::load(&config.path)?, uuid)?;
    let from = manifest.channels.get(&channel).map_or(0, |line| line.from);
    Ok((from, manifest.first_segment))
}

/// Whether a segment is there now.
pub(crate) fn is_there(config: &FileConfig, uuid: [u8; 16], number: u64) -> Result<bool> {
    Ok(matches!(
        Segment::find(&config.path, uuid, number, false)?,
        Found::Segment(_)
    ))
}

/// The manifest; where there is none there may be no segment either.
pub(crate) fn manifest(dir: &Path) -> Result<Option<Manifest>> {
    let manifest = Manifest::load(dir)?;
    if manifest.is_none() && segment::list(dir).is_ok_and(|numbers| !numbers.is_empty()) {
        return Err(manifest::lost(dir));
    }
    Ok(manifest)
}

/// The names of all channels.
pub(crate) fn names(config: &FileConfig) -> Result<Vec<String>> {
    let manifest = manifest(&config.path)?.unwrap_or_default();
    Ok(manifest
        .channels
        .into_values()
        .map(|line| line.name)
        .collect())
}

/// The manifest, if it is still the one of the store that the reader began with.
fn same(dir: &Path, manifest: Option<Manifest>, uuid: [u8; 16]) -> Result<Manifest> {
    match manifest {
        Some(manifest) if manifest.uuid() == uuid => Ok(manifest),
        Some(_) => {
            let text = format!(
                "another store was made in {}, and what was read here is gone; scan it anew",
                dir.display()
            );
            Err(Error::new(ErrorKind::PositionLost { earliest: None }, text))
        }
        None => Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "the store in {} was removed; open it for writing to create it anew",
                dir.display()
            ),
        )),
    }
}

/// There is no such channel.
pub(crate) fn missing(config: &FileConfig, channel: &ChannelName) -> Error {
    let text = format!(
        "{} has no such channel; open it for writing to create it",
        config.path.display()
    );
    Error::new(ErrorKind::NotFound, text).with_channel(channel)
}
