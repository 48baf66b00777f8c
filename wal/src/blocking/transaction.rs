use std::fmt;

use walx_utility::blocking::Runtime;

use super::Append;
use crate::{Error, ErrorKind, Message, Result};

/// Messages that scanners get whole or not at all: [`walx::Transaction`](crate::Transaction). One that is dropped is
/// rolled back.
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Transaction {
    runtime: Runtime,
    /// None once it is committed or rolled back.
    transaction: Option<crate::Transaction>,
}

impl Transaction {
    pub(super) fn new(runtime: Runtime, transaction: crate::Transaction) -> Self {
        Self {
            runtime,
            transaction: Some(transaction),
        }
    }

    /// Appends a message in it. The *call* takes the place in the order, and blocks nobody.
    ///
    /// Order, durability, cancel and errors: [`Transaction::append`](crate::Transaction::append).
    pub fn append(&self, message: Message) -> Append {
        let transaction = self.transaction.as_ref();
        on_its_way(self.runtime, || transaction.map(|it| it.append(message)))
    }

    /// Keeps it from expiring, and writes nothing.
    ///
    /// # Errors
    /// As [`Transaction::keep_alive`](crate::Transaction::keep_alive).
    pub fn keep_alive(&self) -> Result<()> {
        let transaction = self.transaction.as_ref().ok_or_else(ended)?;
        self.runtime.run(|| transaction.keep_alive())
    }

    /// Commits, behind all that was appended: [`Transaction::commit`](crate::Transaction::commit).
    pub fn commit(mut self) -> Append {
        let transaction = self.transaction.take();
        on_its_way(self.runtime, || transaction.map(|it| it.commit()))
    }

    /// Gives it up, so that nobody will see its messages: [`Transaction::rollback`](crate::Transaction::rollback).
    pub fn rollback(mut self) -> Append {
        let transaction = self.transaction.take();
        on_its_way(self.runtime, || transaction.map(|it| it.rollback()))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let transaction = self.transaction.take();
        self.runtime.run(|| drop(transaction));
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transaction { .. }")
    }
}

fn on_its_way(runtime: Runtime, append: impl FnOnce() -> Option<crate::Append>) -> Append {
    let append = runtime.run(append);
    Append {
        runtime,
        append: append.unwrap_or_else(|| crate::Append::failed(ended())),
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Internal, "a transaction was used after its end")
}
