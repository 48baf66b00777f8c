//! A store that this process owns.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::thread::JoinHandle;

use walx_core::{ChannelName, Error, ErrorKind, Result};
use walx_impls::{Claim, FenceToken};
use walx_utility::{random, spawn};

use crate::acked::{self, Acked, AckedFile};
use crate::config::FileConfig;
use crate::disk::Disk;
use crate::fault;
use crate::handle::Handle;
use crate::lock::Lock;
use crate::manifest::{ChannelLine, Manifest, Seal};
use crate::recover::{self, Ready};
use crate::shared::{Log, Shared};
use crate::staging::Stage;
use crate::writer::Writer;

/// The lock, shared with the writer's thread: it is released when both are done.
type LockSlot = Arc<Mutex<Option<Lock>>>;

/// The owner's side of a store.
pub(crate) struct Store {
    pub(crate) shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    lock: LockSlot,
    table: Mutex<Table>,
}

/// What changes one at a time.
pub(crate) struct Table {
    pub(crate) manifest: Manifest,
    holders: HashMap<u32, Weak<Handle>>,
    pub(crate) closed: bool,
}

impl Store {
    /// Recovers a store and starts its writer.
    pub(crate) fn open(
        dir: &Path,
        config: &FileConfig,
        disk: Arc<dyn Disk>,
        lock: Lock,
    ) -> Result<Self> {
        let Ready {
            manifest,
            sealed,
            segment,
            spot,
            summary,
        } = recover::recover(dir, config, disk.as_ref(), lock.right())?;
        let acked = Acked {
            uuid: manifest.uuid(),
            incarnation: random::number(),
            acked: spot.serial,
            durable: spot.serial,
            segment: segment.header.number,
            offset: spot.offset,
            boot: acked::boot(),
        };
        let path = dir.join("ACKED");
        let file = AckedFile::open(dir, Arc::clone(&disk), &acked)
            .map_err(|error| fault::refused("writing ACKED", &path, error))?;
        let stage = Stage::new(
            spot.serial,
            manifest
                .channels
                .iter()
                .map(|(number, line)| (*number, line.next)),
        );
        let from = manifest
            .channels
            .iter()
            .map(|(number, line)| (*number, line.from))
            .collect();
        let log = Log {
            first: manifest.first_segment.unwrap_or_default(),
            sealed,
            active: segment.clone(),
            summary,
            spot,
            from,
        };
        let shared = Shared::new(
            dir.to_owned(),
            lock.right().clone(),
            config.clone(),
            manifest.uuid(),
            disk,
            stage,
            log,
        );
        let shared = Arc::new(shared);
        let writer = Writer::new(Arc::clone(&shared), segment, spot, acked, file);
        let lock = Arc::new(Mutex::new(Some(lock)));
        let held = Arc::clone(&lock);
        let work = move || {
            writer.run();
            drop(held);
        };
        let thread = spawn::thread("walx-file", work)
            .map_err(|error| fault::refused("starting the writer's thread", dir, error))?;
        let table = Mutex::new(Table {
            manifest,
            holders: HashMap::new(),
            closed: false,
        });
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
            lock,
            table,
        })
    }

    /// Gives a channel to a new writer.
    pub(crate) fn claim(&self, name: &ChannelName, claim: &Claim) -> Result<Arc<Handle>> {
        let mut table = self.table()?;
        if table.closed {
            return Err(Error::new(
                ErrorKind::Closed,
                "the store was closed; open it again",
            ));
        }
        let known = table
            .manifest
            .channel(name)
            .map(|(number, line)| (number, line.clone()));
        let holder = known
            .as_ref()
            .and_then(|(number, _)| table.holders.get(number)?.upgrade());
        let holder = holder.filter(|holder| holder.holds());
        match (claim, &known) {
            (Claim::TakeOver, _) if holder.is_some() => return Err(self.taken()),
            (Claim::TakeOver, _) => {}
            (Claim::Resume(token), Some((_, line))) if *token == self.token(line.opens) => {}
            (Claim::Resume(_), _) => {
                let text = "another writer opened the channel since; step back, or open anew";
                return Err(Error::new(ErrorKind::Fenced, text));
            }
        }
        let is_new = known.is_none();
        let (number, mut line) = known.unwrap_or_else(|| {
            let number = table
                .manifest
                .channels
                .last_key_value()
                .map_or(0, |(last, _)| last + 1);
            (
                number,
                ChannelLine {
                    name: name.as_str().to_owned(),
                    from: 0,
                    next: 0,
                    opens: 0,
                },
            )
        });
        line.opens += 1;
        let handle = Arc::new(Handle::new(name.clone(), number, line.opens));
        let next = line.next;
        if is_new {
            // Now or never: what is truncated or closed later must find room for all that it has to say.
            let mut manifest = table.manifest.clone();
            manifest.channels.insert(number, line.clone());
            manifest.reserve(&self.shared.dir, self.shared.disk.as_ref())?;
        }
        self.write(&mut table, |manifest| {
            _ = manifest.channels.insert(number, line)
        })?;
        if is_new {
            // In both files: where one is lost, the other one knows the channel.
            self.write(&mut table, |_| {})?;
        }
        let mut stage = self.shared.stage.lock()?;
        stage.add_channel(number, next);
        if let Some(holder) = holder {
            // Under the stage's lock: what the old writer staged comes before, nothing of it comes later.
            holder.fence();
        }
        drop(stage);
        self.shared.log()?.from.entry(number).or_insert(0);
        table.holders.insert(number, Arc::downgrade(&handle));
        Ok(handle)
    }

    fn taken(&self) -> Error {
        let pid = std::process::id();
        let text = format!(
            "this process ({pid}) has the channel open for writing in {}; close that writer first",
            self.shared.dir.display()
        );
        Error::new(ErrorKind::Conflict, text).with_context("pid", pid)
    }

    /// What the channel's writer number `opens` resumes with. It outlives the process: the manifest counts on.
    pub(crate) fn token(&self, opens: u64) -> FenceToken {
        let mut bytes = self.shared.uuid.to_vec();
        bytes.extend_from_slice(&opens.to_be_bytes());
        FenceToken::new(bytes)
    }

    /// The number of a channel.
    pub(crate) fn channel(&self, name: &ChannelName) -> Result<Option<u32>> {
        Ok(self
            .table()?
            .manifest
            .channel(name)
            .map(|(number, _)| number))
    }

    /// The names of all channels.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        Ok(self
            .table()?
            .manifest
            .channels
            .values()
            .map(|line| line.name.clone())
            .collect())
    }

    /// Whether a writer has a channel of this store.
    pub(crate) fn is_in_use(&self) -> bool {
        let in_use = |table: MutexGuard<'_, Table>| {
            table
                .holders
                .values()
                .any(|holder| holder.upgrade().is_some_and(|holder| holder.holds()))
        };
        self.table().is_ok_and(in_use)
    }

    /// Changes the manifest, on the disk first.
    pub(crate) fn write(
        &self,
        table: &mut Table,
        change: impl FnOnce(&mut Manifest),
    ) -> Result<()> {
        if let Err(error) = self.shared.right.check() {
            self.shared.fence(&error);
            return Err(error);
        }
        let mut manifest = table.manifest.clone();
        change(&mut manifest);
        let log = self.shared.log()?;
        for (number, line) in &mut manifest.channels {
            let end = log.summary.channels.get(number).map_or(0, |span| span.end);
            line.next = line.next.max(end);
        }
        manifest.floor = manifest.floor.max(if self.shared.is_poisoned() {
            0
        } else {
            self.durable(&log)
        });
        drop(log);
        manifest.store_on(&self.shared.dir, self.shared.disk.as_ref())?;
        table.manifest = manifest;
        Ok(())
    }

    /// A serial below which all is synced whatever the durability: where the present segment starts.
    fn durable(&self, log: &Log) -> u64 {
        log.active.header.first_serial
    }

    /// Ends the writer once what is staged is written, and says cleanly where the log ends.
    pub(crate) fn close(&self) -> Result<()> {
        let mut table = self.table()?;
        if std::mem::replace(&mut table.closed, true) {
            return Ok(());
        }
        self.join();
        let outcome = if self.shared.is_poisoned() {
            Err(Error::new(
                ErrorKind::Unavailable,
                "the store failed before; the next open recovers it",
            ))
        } else {
            let log = self.shared.log()?;
            let (segment, spot) = (log.active.header.number, log.spot);
            drop(log);
            self.write(&mut table, |manifest| {
                manifest.floor = manifest.floor.max(spot.serial);
                manifest.clean = Some(Seal {
                    segment,
                    offset: spot.offset,
                    serial: spot.serial,
                });
            })
        };
        self.release();
        outcome
    }

    /// Waits for the end of the writer's thread; what is staged is written.
    fn join(&self) {
        self.shared.stage.end(Error::new(
            ErrorKind::Closed,
            "the store was closed; open it again",
        ));
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            // A panic was seen by all who waited for it.
            let _ = thread.join();
        }
        self.shared.finish();
    }

    fn release(&self) -> Option<Lock> {
        self.lock.lock().ok().and_then(|mut lock| lock.take())
    }

    /// Ends a failed store and hands its lock to the one that recovers it.
    pub(crate) fn replace(&self) -> Option<Lock> {
        self.join();
        if let Ok(mut table) = self.table() {
            table.closed = true;
        }
        self.release()
    }

    pub(crate) fn table(&self) -> Result<MutexGuard<'_, Table>> {
        self.table.lock().map_err(|_| fault::broken())
    }
}

impl Drop for Store {
    /// Without a close: the writer ends by itself once what is staged is written, and the lock goes with it.
    fn drop(&mut self) {
        self.shared.finish();
        self.shared.stage.end(Error::new(
            ErrorKind::Closed,
            "the store was closed; open it again",
        ));
    }
}
