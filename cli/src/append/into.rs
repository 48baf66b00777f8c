use std::time::Duration;

use walx::{Append, Error, Message, Place, Transaction, TransactionOption, Wal};

/// The transaction ends with this process: its owner.
const KEEPALIVE: Duration = Duration::from_secs(24 * 60 * 60);

/// What records are appended to: a wal, or one transaction of it.
pub(super) struct Into<'a> {
    wal: &'a dyn Wal,
    one: bool,
    /// Begun with the first record, whose virtual channel is that of all.
    transaction: Option<Transaction>,
}

impl<'a> Into<'a> {
    pub(super) fn new(wal: &'a dyn Wal, one: bool) -> Self {
        Self {
            wal,
            one,
            transaction: None,
        }
    }

    pub(super) fn append(&mut self, message: Message) -> Append {
        if !self.one {
            return self.wal.append(message);
        }
        if let Some(transaction) = &self.transaction {
            return transaction.append(message);
        }
        let mut option = TransactionOption::new().with_keepalive(KEEPALIVE);
        option.virtual_channel.clone_from(&message.virtual_channel);
        match self.wal.begin(option) {
            Ok(transaction) => self.transaction.insert(transaction).append(message),
            Err(error) => Append::failed(error),
        }
    }

    /// Whether there is a transaction that is to be ended.
    pub(super) fn is_open(&self) -> bool {
        self.transaction.is_some()
    }

    /// Ends the transaction, where there is one: what was appended in it is there, or nothing of it.
    pub(super) async fn end(&mut self, commit: bool) -> Result<Option<Place>, Error> {
        match self.transaction.take() {
            Some(transaction) if commit => transaction.commit().await.map(Some),
            Some(transaction) => transaction.rollback().await.map(Some),
            None => Ok(None),
        }
    }
}
