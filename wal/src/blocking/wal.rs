use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use walx_utility::blocking::Runtime;

use super::{Append, AppendBatch, Permit, Scanner, Transaction};
use crate::{
    Availability, Bounds, ChannelInfo, Expected, Message, MessageId, Owner, Refused, Result,
    ScanOption, Tail, Tick, TransactionOption, VirtualChannel,
};

/// A channel that is open for reading. Clones are the same handle.
#[derive(Clone)]
pub struct RoWal {
    runtime: Runtime,
    wal: Arc<dyn crate::RoWal>,
}

impl RoWal {
    pub(super) fn new(runtime: Runtime, wal: Arc<dyn crate::RoWal>) -> Self {
        Self { runtime, wal }
    }

    /// The channel, how it was opened, and the term of its owner.
    pub fn channel(&self) -> &ChannelInfo {
        self.wal.channel()
    }

    /// Starts a reader.
    ///
    /// # Errors
    /// As [`RoWal::scan`](crate::RoWal::scan).
    pub fn scan(&self, option: ScanOption) -> Result<Scanner> {
        let scanner = self.runtime.wait(self.wal.scan(option))?;
        Ok(Scanner::new(self.runtime, scanner))
    }

    /// The earliest and the newest record that the backend keeps, walx's own ones included.
    ///
    /// # Errors
    /// As [`RoWal::bounds`](crate::RoWal::bounds).
    pub fn bounds(&self) -> Result<Bounds> {
        self.runtime.wait(self.wal.bounds())
    }

    /// The end of the log: what is confirmed ends here, and the next message gets this lsn.
    ///
    /// # Errors
    /// As [`RoWal::tail`](crate::RoWal::tail).
    pub fn tail(&self) -> Result<Tail> {
        self.runtime.wait(self.wal.tail())
    }

    /// The tick of the newest confirmed entry of a logical stream: a point up to which every reader can wait.
    ///
    /// # Errors
    /// As [`RoWal::newest_tick`](crate::RoWal::newest_tick).
    pub fn newest_tick(&self, virtual_channel: &VirtualChannel) -> Result<Option<Tick>> {
        self.runtime.wait(self.wal.newest_tick(virtual_channel))
    }

    /// Whether it can be used now.
    pub fn availability(&self) -> Availability {
        self.wal.availability()
    }

    /// Waits until it can no longer be used, and tells why.
    pub fn unavailable(&self) -> Availability {
        self.runtime.wait(self.wal.unavailable())
    }

    /// Ends the scanners, then the backend's handle. Closing twice is closing once.
    ///
    /// # Errors
    /// As [`RoWal::close`](crate::RoWal::close).
    pub fn close(&self) -> Result<()> {
        self.runtime.wait(self.wal.close())
    }
}

/// A channel that is open for appending: its only owner. It also does what a [`RoWal`] does. Clones are the same
/// handle; dropping the last one without a close ends the ownership as a crash would.
#[derive(Clone)]
pub struct Wal {
    wal: Arc<dyn crate::Wal>,
    reader: RoWal,
}

impl Wal {
    pub(super) fn new(runtime: Runtime, wal: Arc<dyn crate::Wal>) -> Self {
        let reader = RoWal::new(runtime, Arc::clone(&wal) as _);
        Self { wal, reader }
    }

    /// Appends one message. The *call* takes the place in the order, and blocks nobody; [`Append::wait`] waits.
    ///
    /// Order, durability, cancel and errors: [`Wal::append`](crate::Wal::append).
    pub fn append(&self, message: Message) -> Append {
        let append = self.reader.runtime.run(|| self.wal.append(message));
        self.on_its_way(append)
    }

    /// Appends several messages at consecutive places: [`Wal::append_batch`](crate::Wal::append_batch).
    pub fn append_batch(&self, messages: Vec<Message>) -> AppendBatch {
        let runtime = self.reader.runtime;
        let batch = runtime.run(|| self.wal.append_batch(messages));
        AppendBatch { runtime, batch }
    }

    /// As [`append`](Self::append), but only where `expected` holds at that moment:
    /// [`Wal::append_if`](crate::Wal::append_if).
    pub fn append_if(&self, message: Message, expected: Expected) -> Append {
        let append = self
            .reader
            .runtime
            .run(|| self.wal.append_if(message, expected));
        self.on_its_way(append)
    }

    /// Opens a transaction, whose messages scanners get whole or not at all.
    ///
    /// # Errors
    /// As [`Wal::begin`](crate::Wal::begin).
    pub fn begin(&self, option: TransactionOption) -> Result<Transaction> {
        let runtime = self.reader.runtime;
        let transaction = runtime.run(|| self.wal.begin(option))?;
        Ok(Transaction::new(runtime, transaction))
    }

    /// Writes a point in time behind everything that was appended: [`Wal::advance_tick`](crate::Wal::advance_tick).
    pub fn advance_tick(&self, virtual_channel: Option<VirtualChannel>) -> Append {
        let append = self
            .reader
            .runtime
            .run(|| self.wal.advance_tick(virtual_channel));
        self.on_its_way(append)
    }

    /// As [`append`](Self::append), but hands the message back instead of joining the queue for room.
    ///
    /// # Errors
    /// As [`Wal::try_append`](crate::Wal::try_append).
    pub fn try_append(&self, message: Message) -> std::result::Result<Append, Refused> {
        let append = self.reader.runtime.run(|| self.wal.try_append(message))?;
        Ok(self.on_its_way(append))
    }

    /// Waits for room for `bytes`; the permit's append then doesn't wait.
    ///
    /// # Errors
    /// As [`Wal::reserve`](crate::Wal::reserve).
    pub fn reserve(&self, bytes: usize) -> Result<Permit> {
        let runtime = self.reader.runtime;
        let permit = runtime.wait(self.wal.reserve(bytes))?;
        Ok(Permit { runtime, permit })
    }

    /// Gives the backend leave to drop everything up to and including `id`.
    ///
    /// # Errors
    /// As [`Wal::truncate`](crate::Wal::truncate).
    pub fn truncate(&self, id: MessageId) -> Result<()> {
        self.reader.runtime.wait(self.wal.truncate(id))
    }

    /// Who writes through this handle.
    pub fn owner(&self) -> Owner {
        self.wal.owner()
    }

    fn on_its_way(&self, append: crate::Append) -> Append {
        Append {
            runtime: self.reader.runtime,
            append,
        }
    }
}

impl Deref for Wal {
    type Target = RoWal;

    fn deref(&self) -> &RoWal {
        &self.reader
    }
}

impl fmt::Debug for RoWal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoWal {{ channel: {} }}", self.channel())
    }
}

impl fmt::Debug for Wal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wal {{ channel: {} }}", self.channel())
    }
}
