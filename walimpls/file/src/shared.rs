//! What the writer and the readers of one process share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::watch;
use walx_core::{Error, Result};

use crate::config::FileConfig;
use crate::disk::Disk;
use crate::fault;
use crate::group::Group;
use crate::lock::Right;
use crate::segment::Segment;
use crate::staging::Stage;
use crate::summary::Summary;
use crate::survey::Sealed;
use crate::walk::Spot;

pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) right: Right,
    pub(crate) config: FileConfig,
    pub(crate) uuid: [u8; 16],
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) stage: Stage,
    /// Every record below this serial is acknowledged.
    pub(crate) acked: watch::Sender<u64>,
    log: Mutex<Log>,
    poisoned: AtomicBool,
    over: AtomicBool,
}

/// What is acknowledged.
pub(crate) struct Log {
    /// The first segment that is kept.
    pub(crate) first: u64,
    pub(crate) sealed: Vec<Sealed>,
    pub(crate) active: Segment,
    pub(crate) summary: Summary,
    /// The end of the log.
    pub(crate) spot: Spot,
    /// The first number of each channel that is not truncated.
    pub(crate) from: HashMap<u32, u64>,
}

impl Shared {
    pub(crate) fn new(
        dir: PathBuf,
        right: Right,
        config: FileConfig,
        uuid: [u8; 16],
        disk: Arc<dyn Disk>,
        stage: Stage,
        log: Log,
    ) -> Self {
        let acked = watch::Sender::new(log.spot.serial);
        Self {
            dir,
            right,
            config,
            uuid,
            disk,
            stage,
            acked,
            log: Mutex::new(log),
            poisoned: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    pub(crate) fn log(&self) -> Result<MutexGuard<'_, Log>> {
        self.log.lock().map_err(|_| fault::broken())
    }

    /// The first number of a channel that is not truncated, and the one behind its newest record.
    pub(crate) fn kept(&self, channel: u32) -> Result<(u64, u64)> {
        let log = self.log()?;
        let end = log
            .summary
            .channels
            .get(&channel)
            .map_or(0, |span| span.end);
        Ok((log.from.get(&channel).copied().unwrap_or_default(), end))
    }

    /// Makes what was written visible.
    pub(crate) fn publish(&self, written: &[(Group, u64)], spot: Spot) {
        if let Ok(mut log) = self.log.lock() {
            for (group, offset) in written {
                for record in &group.records {
                    let place = (group.first_serial, *offset);
                    let marks = || Some((record.lsn, record.tick));
                    log.summary.add(
                        record.channel,
                        record.number,
                        record.bytes.into(),
                        place,
                        marks,
                    );
                }
                log.summary.end_serial = group.end_serial();
            }
            log.spot = spot;
        }
        self.acked.send_replace(spot.serial);
    }

    /// The writer went on in a new segment.
    pub(crate) fn rotated(&self, old: Sealed, active: Segment, spot: Spot) -> Result<()> {
        let mut log = self.log()?;
        log.summary = log.summary.following(spot.serial);
        log.sealed.push(old);
        log.active = active;
        log.spot = spot;
        Ok(())
    }

    /// Refuses all appends from now on, and gives back those that the writer never took.
    pub(crate) fn poison(&self, reason: Error) -> Vec<Group> {
        self.poisoned.store(true, Ordering::Release);
        self.finish();
        self.stage.poison(reason)
    }

    /// The directory is another's by now: all that waits is told so.
    pub(crate) fn fence(&self, error: &Error) {
        for group in self.poison(error.clone()) {
            group.done.complete(Err(error.clone()));
        }
    }

    /// Nothing more will be acknowledged here: readers go on with the files.
    pub(crate) fn finish(&self) {
        self.over.store(true, Ordering::Release);
        self.acked.send_modify(|_| {});
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }
}
