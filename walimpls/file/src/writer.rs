//! The writer: one thread a store. It takes all that waits, writes it, syncs once, and tells those who wait.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use walx_core::{Error, ErrorKind};
use walx_utility::clock;

use crate::acked::{Acked, AckedFile};
use crate::fault;
use crate::footer;
use crate::frame::{ALIGN, FrameHeader, HEADER, kind};
use crate::full::{self, Attempt, Wait};
use crate::group::Group;
use crate::making::{self, Making};
use crate::planted::{self, Bug};
use crate::segment::{BLOCK, Segment};
use crate::setting::FileDurability;
use crate::shared::Shared;
use crate::staging::Work;
use crate::survey::Sealed;
use crate::walk::Spot;

/// How much is put together before it is written without waiting for more.
const FLUSH: usize = 8 << 20;

pub(crate) struct Writer {
    shared: Arc<Shared>,
    segment: Segment,
    /// Where the next frame goes.
    spot: Spot,
    /// All before it is written.
    written: Spot,
    /// What was put together and isn't written yet: from there to the spot.
    buffer: Vec<u8>,
    /// Groups that may be written, each with the offset of its frame.
    pending: Vec<(Group, u64)>,
    acked: Acked,
    acked_file: AckedFile,
    /// When the next sync is due; `None` where all is synced.
    due: Option<clock::Instant>,
    /// What was taken and isn't put together yet.
    rest: std::vec::IntoIter<Group>,
    /// Whether it ended as it should, or said why not.
    ended: bool,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        segment: Segment,
        spot: Spot,
        acked: Acked,
        file: AckedFile,
    ) -> Self {
        let (buffer, pending) = (Vec::new(), Vec::new());
        Self {
            shared,
            segment,
            spot,
            written: spot,
            buffer,
            pending,
            acked,
            acked_file: file,
            due: None,
            rest: Vec::new().into_iter(),
            ended: false,
        }
    }

    /// Works until the stage ends, or something is refused.
    pub(crate) fn run(mut self) {
        loop {
            let patience = match self.shared.config.durability {
                FileDurability::Interval(_) => self
                    .due
                    .map(|due| due.saturating_duration_since(clock::now())),
                FileDurability::Each | FileDurability::Os => None,
            };
            let outcome = match self
                .shared
                .stage
                .take(patience.map(|patience| patience.max(Duration::from_micros(50))))
            {
                Work::Groups(taken) => {
                    self.rest = taken.into_iter();
                    self.round()
                }
                Work::Late => Ok(()),
                Work::End => break,
            };
            if let Err(error) = outcome.and_then(|()| self.sync_if_due()) {
                return self.poison(error);
            }
        }
        match self.sync_rest() {
            Ok(()) => self.ended = true,
            Err(error) => self.poison(error),
        }
    }

    fn sync_rest(&mut self) -> Result<(), Error> {
        if self.due.is_some() {
            self.sync()?;
        }
        Ok(())
    }

    fn round(&mut self) -> Result<(), Error> {
        while let Some(group) = self.rest.as_slice().first() {
            let stride =
                ((HEADER + group.dir.len() + group.body.len()) as u64).next_multiple_of(ALIGN);
            if self.spot.offset > BLOCK && self.spot.offset + stride > self.shared.config.segment.0
            {
                self.rotate()?;
            }
            if let Some(group) = self.rest.next() {
                self.put(group, stride);
            }
            if self.buffer.len() >= FLUSH {
                self.flush()?;
            }
        }
        self.flush()?;
        match self.shared.config.durability {
            FileDurability::Each if !planted::is(Bug::AcknowledgesUnsynced) => self.sync()?,
            FileDurability::Each => {}
            FileDurability::Interval(every) => {
                _ = self.due.get_or_insert_with(|| {
                    let now = clock::now();
                    // Beyond the clock's end: too early is right as well.
                    now.checked_add(every).unwrap_or(now)
                });
            }
            FileDurability::Os => _ = self.due.get_or_insert_with(clock::now),
        }
        self.publish();
        Ok(())
    }

    /// Puts a group's frame into the buffer.
    fn put(&mut self, group: Group, stride: u64) {
        let mut header = FrameHeader::new(
            kind::RECORDS,
            &group.dir,
            group.body.len(),
            group.records.len() as u32,
        );
        header.previous = self.spot.chain.unwrap_or_default();
        header.first_serial = group.first_serial;
        header.acked = if planted::is(Bug::SaysTooMuch) {
            self.spot.serial
        } else {
            self.acked.durable
        };
        let start = self.buffer.len();
        self.buffer
            .extend_from_slice(&header.encode(self.segment.header.seed(), self.spot.offset));
        self.buffer.extend_from_slice(&group.dir);
        self.buffer.extend_from_slice(&group.body);
        self.buffer.resize(start + stride as usize, 0);
        self.pending.push((group, self.spot.offset));
        self.spot = self.spot.behind(&header);
    }

    /// Writes the buffer. On a full disk it waits for room and tries the same bytes at the same place.
    fn flush(&mut self) -> Result<(), Error> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut wait = None;
        loop {
            // A file that another writer has by now is left alone; appends to one that was removed are not
            // acknowledged.
            self.shared.right.check()?;
            let (file, at) = (&self.segment.file, self.written.offset);
            match self.shared.disk.write(file, &self.buffer, at) {
                Ok(()) => break,
                Err(error) if full::is_full(&error) => {
                    let path = Arc::clone(&self.segment.path);
                    let attempt = Attempt {
                        what: "writing to the log",
                        file: &path,
                        needed: self.buffer.len() as u64,
                    };
                    self.hold(&mut wait, attempt, error)?;
                }
                Err(error) => return Err(self.refused("writing to the log", error)),
            }
        }
        wait.into_iter().for_each(Wait::over);
        self.written = self.spot;
        self.buffer.clear();
        // A large record must not keep its memory for ever.
        self.buffer.shrink_to(FLUSH);
        Ok(())
    }

    /// Waits for room. What is written already doesn't wait with the rest.
    fn hold(
        &mut self,
        wait: &mut Option<Wait>,
        attempt: Attempt<'_>,
        error: io::Error,
    ) -> Result<(), Error> {
        let wait = match wait {
            Some(wait) => wait,
            None => {
                let os = self.shared.config.durability == FileDurability::Os;
                if !os && self.written.serial > self.acked.durable {
                    self.sync()?;
                }
                if self.written.serial > self.acked.acked {
                    self.publish();
                }
                wait.insert(Wait::new(&self.shared))
            }
        };
        wait.pause(attempt, error)
    }

    fn sync(&mut self) -> Result<(), Error> {
        let outcome = self.shared.disk.sync(&self.segment.file);
        outcome.map_err(|error| self.refused("syncing the log", error))?;
        self.due = None;
        self.acked.durable = self.written.serial;
        self.acked.segment = self.segment.header.number;
        self.acked.offset = self.written.offset;
        Ok(())
    }

    fn sync_if_due(&mut self) -> Result<(), Error> {
        let interval = matches!(self.shared.config.durability, FileDurability::Interval(_));
        if interval && self.due.is_some_and(|due| due <= clock::now()) {
            self.sync()?;
            self.shared.right.check()?;
            self.tell();
        }
        Ok(())
    }

    /// What is written is acknowledged: readers see it, and those who wait are told.
    fn publish(&mut self) {
        let serial = self.written.serial;
        let written = |(group, _): &(Group, u64)| group.end_serial() <= serial;
        let rest = self
            .pending
            .split_off(self.pending.partition_point(written));
        let pending = std::mem::replace(&mut self.pending, rest);
        self.acked.acked = serial;
        self.shared.publish(&pending, self.written);
        self.tell();
        for (group, _) in pending {
            group.done.complete(Ok(()));
        }
    }

    fn tell(&mut self) {
        if let Err(error) = self.acked_file.write(&self.acked) {
            // It stays true, but falls behind: readers in other processes see appends later.
            tracing::warn!(directory = %self.shared.dir.display(), %error, "ACKED could not be written");
        }
    }

    /// Goes on in a new segment. The old one is synced before, whatever the durability, so that damage in it is never
    /// taken for a torn tail; its footer comes last, so that a sealed segment without a successor is damage.
    fn rotate(&mut self) -> Result<(), Error> {
        self.flush()?;
        if !planted::is(Bug::RotatesUnsynced) {
            self.sync()?;
        }
        self.publish();
        let shared = Arc::clone(&self.shared);
        let number = self.segment.header.number + 1;
        let next = self.next_segment(number)?;
        let summary = shared.log()?.summary.clone();
        let footer = footer::encode(&summary, &self.segment, self.spot, self.acked.durable);
        let written = shared
            .disk
            .write(&self.segment.file, &footer, self.spot.offset);
        let sealed = written.and_then(|()| shared.disk.sync(&self.segment.file));
        if let Err(error) = &sealed {
            // Nothing is lost: who finds no footer reads the segment.
            tracing::warn!(file = %self.segment.path.display(), %error, "a footer could not be written");
        }
        let header = &self.segment.header;
        let old = Sealed {
            number: header.number,
            end_serial: self.spot.serial,
            summary: sealed.is_err().then(|| Arc::new(summary)),
            unsealed: None,
        };
        self.segment = next;
        self.spot = Spot::start(&self.segment);
        self.written = self.spot;
        self.acked.segment = number;
        self.acked.offset = self.spot.offset;
        shared.rotated(old, self.segment.clone(), self.spot)
    }

    fn next_segment(&mut self, number: u64) -> Result<Segment, Error> {
        let shared = Arc::clone(&self.shared);
        let uuid = self.segment.header.uuid;
        let making = Making::new(&shared.dir, uuid, number, self.spot.serial, self.spot);
        let mut wait = None;
        let file = loop {
            shared.right.check()?;
            match making.write(shared.disk.as_ref()) {
                Ok(file) => break file,
                Err(error) if full::is_full(&error) => {
                    let attempt = Attempt {
                        what: "making a segment",
                        file: making.path(),
                        needed: BLOCK,
                    };
                    self.hold(&mut wait, attempt, error)?;
                }
                Err(error) => return Err(making::refused(making.path(), error)),
            }
        };
        wait.into_iter().for_each(Wait::over);
        making.sync(&shared.dir, shared.disk.as_ref(), file)
    }

    fn refused(&self, what: &'static str, error: io::Error) -> Error {
        fault::refused(what, &self.segment.path, error)
    }

    /// Nothing more is written, ever: only recovery finds out what is there. A sync that failed is never tried again,
    /// because the system may have dropped what it could not write.
    fn poison(&mut self, error: Error) {
        self.ended = true;
        if error.kind() == ErrorKind::Fenced {
            tracing::error!(directory = %self.shared.dir.display(), %error, "the store takes no more appends");
            self.shared.fence(&error);
            let pending = self.pending.drain(..).map(|(group, _)| group);
            for group in pending.chain(std::mem::take(&mut self.rest)) {
                group.done.complete(Err(error.clone()));
            }
            return;
        }
        tracing::error!(directory = %self.shared.dir.display(), %error, "the store takes no more appends");
        let later = Error::new(
            ErrorKind::NotWritten,
            "the store failed before; open the channel again, then append it",
        )
        .with_source(error.clone());
        let staged = self.shared.poison(later);
        for (group, _) in self.pending.drain(..) {
            let text = "the write may have landed or not; open the channel again and scan";
            group.done.complete(Err(
                Error::new(ErrorKind::OutcomeUnknown, text).with_source(error.clone())
            ));
        }
        for group in std::mem::take(&mut self.rest).chain(staged) {
            let text = "a write before it was refused; open the channel again and append it again";
            group.done.complete(Err(
                Error::new(ErrorKind::NotWritten, text).with_source(error.clone())
            ));
        }
    }
}

impl Drop for Writer {
    /// After a panic the store is as dead as after a refusal: the next open recovers it, and no close says that its
    /// log ends cleanly. Those who wait are told as their groups are dropped, which is later.
    fn drop(&mut self) {
        let reason = Error::new(
            ErrorKind::NotWritten,
            "the writer ended; open the channel again, then append it",
        );
        drop(if self.ended {
            self.shared.stage.poison(reason)
        } else {
            self.shared.poison(reason)
        });
    }
}
