//! One run: a machine, what was told to its users, and life after life until the end.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use walx_core::{Finding, Progress, RepairMode};
use walx_impls::{FenceToken, Maintenance};
use walx_utility::clock;
use walx_utility::random::Stream;

use super::disk::{End, Machine};
use super::life::{Life, Step, fuse};
use super::model::{Model, Verdict, demand};
use super::work::shuffled;
use super::{CHANNELS, check};
use crate::config::FileConfig;
use crate::directory::Directory;
use crate::opener::FileOpener;
use crate::planted::{self, Bug};
use crate::tests::{apart, scratch};

/// So many lives before the last one.
const LIVES: u64 = 12;

/// What is known of a channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Channel {
    /// What its last writer is known by, unless somebody may have come since.
    pub(super) token: Option<FenceToken>,
    /// Somebody was told that it is there.
    pub(super) told: bool,
}

pub(super) struct World {
    pub(super) machine: std::sync::Arc<Machine>,
    pub(super) dir: PathBuf,
    pub(super) chance: Stream,
    pub(super) model: Model,
    pub(super) channels: Vec<Channel>,
    /// Records of hundreds of KiB, so that one write has several frames.
    pub(super) large: bool,
    /// A repair was cut short.
    repairing: bool,
    /// When the next lives end, the next one last; the others end by chance.
    pub(super) fuses: Vec<(u64, End)>,
    lives: u64,
    runtime: Runtime,
    /// Losses of power, and processes that were killed.
    crashes: [u64; 2],
    _root: TempDir,
}

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) power: u64,
    pub(super) kills: u64,
    pub(super) operations: u64,
    pub(super) hash: u64,
}

/// Runs a seed.
pub(super) fn run(seed: u64, bug: Option<Bug>) -> Verdict<Report> {
    World::new(seed, bug).run()
}

/// Runs a life to its end, one that is killed after so many operations, and one that loses power after so many.
pub(super) fn run_pair(seed: u64, bug: Option<Bug>, killed: u64, lost: u64) -> Verdict<Report> {
    let mut world = World::new(seed, bug);
    world.fuses = vec![
        (lost, End::Power),
        (killed, End::Kill),
        (u64::MAX, End::Power),
    ];
    world.lives = 3;
    world.run()
}

/// Runs a seed with records of hundreds of KiB, which few seeds have by themselves.
pub(super) fn run_large(seed: u64) -> Verdict<Report> {
    let mut world = World::new(seed, None);
    world.large = true;
    world.run()
}

impl World {
    fn run(mut self) -> Verdict<Report> {
        let outcome = self.lives();
        planted::plant(None);
        outcome.map(|()| {
            let (hash, operations) = self.machine.trace();
            let [power, kills] = self.crashes;
            Report {
                power,
                kills,
                operations,
                hash,
            }
        })
    }

    fn new(seed: u64, bug: Option<Bug>) -> Self {
        let root = scratch();
        let mut chance = Stream::seeded(seed);
        Self {
            machine: Machine::new(root.path(), seed, bug),
            dir: root.path().join("store"),
            large: chance.within(0..200) == 0,
            chance,
            model: Model::new(CHANNELS.len()),
            channels: vec![Channel::default(); CHANNELS.len()],
            repairing: false,
            fuses: Vec::new(),
            lives: LIVES,
            runtime: Builder::new_current_thread()
                .enable_time()
                .max_blocking_threads(1)
                .build()
                .unwrap(),
            crashes: [0; 2],
            _root: root,
        }
    }

    fn lives(&mut self) -> Verdict {
        let mut settled = Some(0);
        for life in 0..self.lives {
            let in_life = |text| format!("life {life}: {text}");
            settled = self.life(settled).map_err(in_life)?;
            if let Some(settled) = settled
                && self.machine.is_settled()
                && self.chance.within(0..6) == 0
            {
                self.decay(settled).map_err(in_life)?;
            }
        }
        self.last(settled)
            .map_err(|text| format!("the last life: {text}"))
    }

    /// One life. `settled` says how many entries are there, where that is known; so does the answer.
    fn life(&mut self, settled: Option<usize>) -> Verdict<Option<usize>> {
        let seen = if self.chance.within(0..3) == 0 {
            self.look(settled)?
        } else {
            settled
        };
        let mut life = Life::begin(self);
        let fuse = fuse(self);
        self.machine.arm(fuse);
        let cleanly = self.live(&mut life, seen)?.is_some() && self.chance.within(0..2) == 0;
        if !cleanly {
            let end = if self.chance.within(0..4) == 0 {
                End::Kill
            } else {
                End::Power
            };
            self.machine.end(end);
        }
        let is_open = life.store.is_some();
        if life.end(cleanly)? {
            if is_open {
                self.model.durable = self.model.entries.len();
            }
            // Nothing but what was never synced can go now.
            if self.chance.within(0..2) == 0 {
                self.lose_power();
            }
            return Ok(Some(self.model.entries.len()));
        }
        match self.machine.ended() {
            Some(End::Kill) => {
                self.crashes[1] += 1;
                Ok(None)
            }
            _ => {
                self.lose_power();
                // What is left is on the disk, so whoever looks first sees what is there for good.
                if self.chance.within(0..3) == 0 {
                    return self.look(None);
                }
                Ok(None)
            }
        }
    }

    fn lose_power(&mut self) {
        self.crashes[0] += 1;
        let claimed = self.machine.claimed() as usize;
        let entries = self.model.entries.len();
        self.model.durable = self.model.durable.max(claimed.min(entries));
        self.model.acked = self.model.durable;
        self.machine.state().lose_power(&self.dir);
    }

    /// Opens all channels and works, until the process is over or has had enough.
    fn live(&mut self, life: &mut Life, seen: Option<usize>) -> Step<()> {
        let least = seen.unwrap_or(self.model.acked);
        for channel in shuffled(self) {
            if life.claim(self, channel)?.is_none() {
                return Ok(None);
            }
        }
        life.recovered(self, least)?;
        if let Some(seen) = seen {
            let now = self.model.entries.len();
            demand(now == seen, || {
                format!("{seen} entries were there for good, and now there are {now}")
            })?;
        }
        for _ in 0..self.chance.within(0..12) {
            if life.work(self)?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// A look from outside while nobody owns the store.
    fn look(&mut self, settled: Option<usize>) -> Verdict<Option<usize>> {
        let config = FileConfig::new(&self.dir);
        let told: Vec<_> = self.channels.iter().map(|channel| channel.told).collect();
        let seen = check::outside(&config, &told)?;
        let there = self.model.compare(&seen, self.model.acked, settled)?;
        if self.chance.within(0..8) == 0 {
            self.verify(&config, &["ACKED", "MANIFEST"])?;
        }
        // Nobody sees whether what is truncated is there.
        let sure = settled.is_some() || !self.model.may_hide(there);
        Ok(sure.then_some(there))
    }

    /// A verification finds nothing but, where that may be, that one half of what is there twice is torn.
    fn verify(&mut self, config: &FileConfig, torn: &[&str]) -> Verdict {
        if self.channels.iter().all(|channel| !channel.told) {
            return Ok(());
        }
        let mut findings = Vec::new();
        let opener = apart(config);
        let mut found = |finding| findings.push(finding);
        let progress = Progress::default();
        let verified = Maintenance::verify(&opener, &mut found, &progress);
        let verified = self.runtime.block_on(verified);
        verified.map_err(|error| format!("verify: {error}"))?;
        let begun = self.repairing.then_some("UNFINISHED");
        let excused = |it: &Finding| {
            torn.iter()
                .chain(&begun)
                .any(|torn| it.place.contains(torn))
        };
        findings.retain(|it| !it.known && !excused(it));
        demand(findings.is_empty(), || format!("verify: {findings:?}"))
    }

    /// Nothing happens to the last process, and nothing changes when the store is opened once more.
    fn last(&mut self, mut settled: Option<usize>) -> Verdict {
        for _ in 0..2 {
            let mut life = Life::begin(self);
            let least = settled.unwrap_or(self.model.acked);
            for channel in 0..CHANNELS.len() {
                life.claim(self, channel)?;
            }
            life.recovered(self, least)?;
            settled = Some(self.model.entries.len());
            demand(life.end(true)?, || "the close was none".to_owned())?;
            self.look(settled)?;
        }
        self.verify(&FileConfig::new(&self.dir), &[])
    }

    /// Lets a part of the disk decay, and repairs the store, however often that is cut short.
    fn decay(&mut self, settled: usize) -> Verdict {
        let Some(harmless) = self.damage() else {
            return Ok(());
        };
        for left in (0..8).rev() {
            let opener = FileOpener::new(Directory::enter_apart(
                FileConfig::new(&self.dir),
                self.machine.start(),
            ));
            let after = self.chance.within(0..60);
            self.machine.arm((left > 0).then_some((after, End::Power)));
            let progress = Progress::default();
            let repaired = Maintenance::repair(&opener, RepairMode::Apply, &progress);
            let repaired = self.runtime.block_on(repaired);
            if let Err(error) = &repaired
                && self.machine.ended().is_none()
            {
                return Err(format!("repair: {error}"));
            }
            drop(opener);
            self.machine.end(End::Power);
            self.lose_power();
            self.repairing = repaired.is_err();
            if repaired.is_ok() || harmless {
                self.look(Some(settled))?;
            }
            if repaired.is_ok() {
                break;
            }
        }
        Ok(())
    }

    /// Waits for an answer.
    pub(super) fn wait<F: Future>(&self, future: F) -> F::Output {
        let deadline = Duration::from_secs(20);
        let answer = self
            .runtime
            .block_on(async { clock::timeout(deadline, future).await });
        answer.expect("no answer within 20 s")
    }

    pub(super) fn channel(&mut self) -> usize {
        // The last one is idle most of the time.
        let channel = self.chance.within(0..2 * CHANNELS.len() as u64 - 1) as usize;
        channel / 2
    }

    pub(super) fn size(&mut self) -> usize {
        let chance = &mut self.chance;
        let largest = match chance.within(0..20) {
            0 | 1 => return 0,
            2..=13 => 300,
            14..=18 => 3_000,
            _ if self.large => 700 << 10,
            _ => 20 << 10,
        };
        chance.within(0..largest) as usize
    }
}
