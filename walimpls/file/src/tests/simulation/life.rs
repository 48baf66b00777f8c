//! A life of a process: it opens the store, works, and ends, cleanly or not.

use std::sync::Arc;
use std::time::Duration;

use walx_core::{Error, ErrorKind};
use walx_impls::{Batch, Claim, WalImpls};

use super::disk::{End, Machine};
use super::model::{Entry, Verdict, demand};
use super::process::Process;
use super::world::{Channel, World};
use super::{CHANNELS, check, name};
use crate::ByteSize;
use crate::closing::Closer;
use crate::config::FileConfig;
use crate::directory::Directory;
use crate::disk::Disk;
use crate::ro_wal::FileRoWal;
use crate::setting::FileDurability;
use crate::store::Store;
use crate::wal::FileWal;

/// The owner's side of one life.
pub(super) struct Life {
    pub(super) config: FileConfig,
    pub(super) machine: Arc<Machine>,
    directory: Arc<Directory>,
    closer: Closer,
    pub(super) store: Option<Arc<Store>>,
    pub(super) wals: Vec<Option<FileWal>>,
    /// The channels' numbers in the store.
    pub(super) owned: Vec<Option<u32>>,
}

/// How a call that may end the process came out.
pub(super) type Step<T> = Verdict<Option<T>>;

impl Life {
    pub(super) fn begin(world: &mut World) -> Self {
        let config = settings(world);
        let process: Arc<Process> = world.machine.start();
        let disk: Arc<dyn Disk> = process;
        Self {
            machine: Arc::clone(&world.machine),
            directory: Directory::enter_apart(config.clone(), disk),
            config,
            closer: Closer::new(),
            store: None,
            wals: CHANNELS.iter().map(|_| None).collect(),
            owned: vec![None; CHANNELS.len()],
        }
    }

    /// An answer; `None` where the process is over, which excuses any refusal.
    pub(super) fn answer<T>(&self, what: &str, answer: Result<T, Error>) -> Step<T> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(_) if self.machine.ended().is_some() => Ok(None),
            Err(error) => Err(format!("{what}: {error}")),
        }
    }

    /// Opens a channel; the first one opens the store. Where the last claim was answered, its token lets this one in.
    pub(super) fn claim(&mut self, world: &mut World, channel: usize) -> Step<()> {
        let known = &mut world.channels[channel];
        let claim = match (&known.token, world.chance.within(0..3)) {
            (Some(token), 0) => Claim::Resume(token.clone()),
            _ => {
                // The writer before is closed first.
                self.wals[channel] = None;
                Claim::TakeOver
            }
        };
        let token = known.token.take();
        let named = name(CHANNELS[channel]);
        let claimed = self.directory.claim(&named, &claim);
        let Some((store, handle)) = self.answer("open", claimed)? else {
            return Ok(None);
        };
        let number = handle.channel;
        let directory = Arc::clone(&self.directory);
        let ro = FileRoWal::new(named, directory, self.config.clone(), self.closer.watch());
        let wal = FileWal::new(ro, Arc::clone(&store), handle);
        let token_now = wal.fence_token();
        demand(Some(&token_now) != token.as_ref(), || {
            "two writers have one token".to_owned()
        })?;
        let known = &mut world.channels[channel];
        *known = Channel {
            token: Some(token_now),
            told: true,
        };
        if let Some(old) = self.wals[channel].replace(wal) {
            // Fenced: what it appends now is nowhere.
            let entry = Entry {
                channel,
                tag: world.model.tag(),
                len: 10,
                batch: 0,
                number: None,
                lost: false,
            };
            let answer = world.wait(old.append(Batch::One(entry.record())));
            demand(
                answer.is_err_and(|error| error.kind() == ErrorKind::Fenced),
                || "a fenced writer was not told so".to_owned(),
            )?;
        }
        self.owned[channel] = Some(number);
        self.store = Some(store);
        Ok(Some(()))
    }

    /// What recovery found, compared with what was before.
    pub(super) fn recovered(&mut self, world: &mut World, least: usize) -> Verdict {
        let Some(store) = &self.store else {
            return Ok(());
        };
        let shared = Arc::clone(&store.shared);
        let (serial, marks) = {
            let log = shared.log().map_err(|error| error.to_string())?;
            (log.spot.serial as usize, log.from.clone())
        };
        let seen = check::inside(&self.config, &shared, &self.owned)?;
        let there = world.model.compare(&seen, least, Some(serial))?;
        world.model.settle(there);
        for (channel, number) in self.owned.iter().enumerate() {
            let Some(number) = number else { continue };
            let from = marks.get(number).copied().unwrap_or_default();
            world.model.settle_mark(channel, from)?;
            check::bounds(&self.config, &shared, (channel, *number), &world.model)?;
        }
        Ok(())
    }

    /// Ends it: the thread of the writer is gone when this returns. `true` where the store was closed cleanly.
    pub(super) fn end(self, cleanly: bool) -> Verdict<bool> {
        let Self {
            directory,
            machine,
            store,
            wals,
            ..
        } = self;
        drop((wals, store));
        // A process that is over does nothing any more, but its thread must end.
        match directory.leave(true) {
            _ if machine.ended().is_some() => Ok(false),
            Ok(()) => Ok(cleanly),
            Err(error) => Err(format!("close: {error}")),
        }
    }
}

fn settings(world: &mut World) -> FileConfig {
    let chance = &mut world.chance;
    let durability = match chance.within(0..5) {
        0 => FileDurability::Os,
        // Due at once, and never.
        1 => FileDurability::Interval(Duration::from_nanos(1)),
        2 if chance.within(0..3) == 0 => {
            FileDurability::Interval(Duration::from_secs(24 * 60 * 60))
        }
        _ => FileDurability::Each,
    };
    let segment = if world.large {
        64 << 20
    } else {
        [8 << 10, 8 << 10, 12 << 10, 64 << 10][chance.within(0..4) as usize]
    };
    let largest = if world.large { 2 << 20 } else { 24 << 10 };
    FileConfig::new(&world.dir)
        .with_durability(durability)
        .with_segment(ByteSize(segment))
        .with_max_record(ByteSize(largest))
        .with_full_disk_wait(Duration::ZERO)
}

/// When it ends, and how; often so early that it is recovery that is cut short.
pub(super) fn fuse(world: &mut World) -> Option<(u64, End)> {
    if let Some(fuse) = world.fuses.pop() {
        return Some(fuse);
    }
    let chance = &mut world.chance;
    let end = if chance.within(0..5) == 0 {
        End::Kill
    } else {
        End::Power
    };
    let after = match chance.within(0..10) {
        0..=3 => chance.within(0..12),
        4..=8 => chance.within(0..80),
        _ => return None,
    };
    Some((after, end))
}
