//! Transactions, recorded.

use std::sync::{Arc, Mutex};

use walx_core::{
    Append, Error, ErrorKind, Expected, Message, Result, Transaction, TransactionState,
    VirtualChannel,
};
use walx_utility::sync::lock;

use super::append::{answered_append, answered_end, recorded};
use super::{Recorder, stamp};
use crate::history::event::{Ending, EventId, Key, What};

/// A transaction, and the event that names it.
pub(super) struct RecordedTransaction {
    recorder: Recorder,
    handle: EventId,
    transaction: EventId,
    virtual_channel: Option<VirtualChannel>,
    /// None once it has ended.
    inner: Mutex<Option<Transaction>>,
}

impl RecordedTransaction {
    pub(super) fn transaction(
        recorder: Recorder,
        handle: EventId,
        transaction: EventId,
        virtual_channel: Option<VirtualChannel>,
        inner: Transaction,
    ) -> Transaction {
        Transaction::new(Arc::new(Self {
            recorder,
            handle,
            transaction,
            virtual_channel,
            inner: Mutex::new(Some(inner)),
        }))
    }

    fn end(&self, how: Ending, end: impl FnOnce(Transaction) -> Append) -> Append {
        let transaction = self.transaction;
        let called = self.recorder.call(What::EndCalled { transaction, how });
        let call = match called {
            Ok(call) => call,
            Err(error) => return Append::failed(error),
        };
        let Some(inner) = lock(&self.inner).take() else {
            return Append::failed(ended());
        };
        let append = end(inner);
        self.recorder.put(What::EndTaken { call });
        recorded(&self.recorder, call, append, answered_end)
    }
}

impl TransactionState for RecordedTransaction {
    fn append(&self, message: Message) -> Append {
        // One without a stream is delivered in that of its transaction.
        let mut placed = message.clone();
        placed.virtual_channel = placed
            .virtual_channel
            .or_else(|| self.virtual_channel.clone());
        let called = self.recorder.call(What::AppendCalled {
            handle: self.handle,
            transaction: Some(self.transaction),
            reserved: false,
            expected: Expected::new(),
            messages: vec![stamp::sent(&placed)],
        });
        let call = match called {
            Ok(call) => call,
            Err(error) => return Append::failed(error),
        };
        let append = match &*lock(&self.inner) {
            Some(inner) => inner.append(stamp::stamp(message, Key { call, index: 0 })),
            None => Append::failed(ended()),
        };
        self.recorder.put(What::AppendTaken { call });
        recorded(&self.recorder, call, append, answered_append)
    }

    fn keep_alive(&self) -> Result<()> {
        match &*lock(&self.inner) {
            Some(inner) => inner.keep_alive(),
            None => Err(ended()),
        }
    }

    fn commit(&self) -> Append {
        self.end(Ending::Commit, Transaction::commit)
    }

    fn rollback(&self) -> Append {
        self.end(Ending::Rollback, Transaction::rollback)
    }

    fn forget(&self) {
        // Put down first: behind it nobody may see what the transaction holds.
        let (transaction, how) = (self.transaction, Ending::Drop);
        self.recorder.put(What::EndCalled { transaction, how });
        drop(lock(&self.inner).take());
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Internal, "a transaction was used after its end")
}
