use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Append, Error, ErrorKind, Message, Result, VirtualChannel};

/// How a transaction is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TransactionOption {
    /// The logical stream of all its messages; none = they are meant for all streams.
    pub virtual_channel: Option<VirtualChannel>,
    /// How long it may stay without a call before its owner rolls it back; at least 1 ms. 10 s by default. The owner
    /// looks once a second, so that it may stay a little longer.
    pub keepalive: Duration,
}

impl TransactionOption {
    /// A transaction of messages that are meant for all streams.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the transaction into a logical stream of its channel.
    #[must_use]
    pub fn with_virtual_channel(mut self, virtual_channel: VirtualChannel) -> Self {
        self.virtual_channel = Some(virtual_channel);
        self
    }

    /// Sets how long it may stay without a call.
    #[must_use]
    pub fn with_keepalive(mut self, keepalive: Duration) -> Self {
        self.keepalive = keepalive;
        self
    }
}

impl Default for TransactionOption {
    fn default() -> Self {
        Self {
            virtual_channel: None,
            keepalive: Duration::from_secs(10),
        }
    }
}

/// What stands behind a [`Transaction`]; whoever implements [`Wal`](crate::Wal) implements it.
pub trait TransactionState: Send + Sync + 'static {
    /// Appends in it.
    fn append(&self, message: Message) -> Append;

    /// Keeps it from expiring, without a record.
    ///
    /// # Errors
    /// As [`Transaction::keep_alive`].
    fn keep_alive(&self) -> Result<()>;

    /// Ends it well.
    fn commit(&self) -> Append;

    /// Gives it up.
    fn rollback(&self) -> Append;

    /// The handle was dropped, without a commit or rollback.
    fn forget(&self);
}

/// Messages that scanners get whole, at the place of the commit, or not at all.
///
/// Its first record took its place when [`Wal::begin`](crate::Wal::begin) was called; other appends may lie between
/// its messages. One that is dropped is rolled back. So is one without a call for its
/// [`keepalive`](TransactionOption::keepalive), one that is open when the wal closes or another owner opens the channel,
/// and one of a stream into which an [exclusive](Message::exclusive) message is appended; its next call says so.
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Transaction {
    state: Option<Arc<dyn TransactionState>>,
}

impl Transaction {
    /// A transaction that `state` stands behind.
    pub fn new(state: Arc<dyn TransactionState>) -> Self {
        Self { state: Some(state) }
    }

    /// Appends a message in the transaction. Order, durability, cancel and errors as [`Wal::append`](crate::Wal::append);
    /// besides, it resolves once the message is durable, which is before anybody can see it.
    ///
    /// Where a message of the transaction is refused, or given up before it has its place, the transaction can't be
    /// committed any more.
    ///
    /// # Errors
    /// `NotWritten` where the transaction was rolled back meanwhile, which the text explains: begin it again.
    /// `InvalidInput` for a message of another virtual channel, or an exclusive one: it is none of the transaction's,
    /// which goes on.
    pub fn append(&self, message: Message) -> Append {
        match &self.state {
            Some(state) => state.append(message),
            None => Append::failed(ended()),
        }
    }

    /// Keeps the transaction from expiring, and writes nothing.
    ///
    /// # Errors
    /// As [`append`](Self::append) of a transaction that was rolled back.
    pub fn keep_alive(&self) -> Result<()> {
        match &self.state {
            Some(state) => state.keep_alive(),
            None => Err(ended()),
        }
    }

    /// Commits, behind all that was appended. Resolves to the place at which scanners deliver the transaction.
    ///
    /// # Cancel
    /// The place in the order is taken at the call, or in the queue at the latest: dropping the future changes nothing.
    ///
    /// # Errors
    /// As [`append`](Self::append). `NotWritten` also where one of its messages was not written: then it is rolled back.
    pub fn commit(mut self) -> Append {
        match self.state.take() {
            Some(state) => state.commit(),
            None => Append::failed(ended()),
        }
    }

    /// Gives the transaction up: nobody will see its messages. Resolves once that is durable, to the place of the mark.
    ///
    /// # Errors
    /// As [`append`](Self::append): where it was rolled back already, that is said.
    pub fn rollback(mut self) -> Append {
        match self.state.take() {
            Some(state) => state.rollback(),
            None => Append::failed(ended()),
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            state.forget();
        }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transaction { .. }")
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Internal, "a transaction was used after its end")
}
