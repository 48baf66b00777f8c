//! What is to take a place in the log's order.

use walx_core::{Expected, Message, VirtualChannel};
use walx_impls::Batch;

use super::transactions::{Local, Opening};

/// What a caller asks for, admitted and without a place yet.
pub(super) enum Request {
    Messages {
        messages: Batch<Message>,
        /// The transaction that they are appended in.
        transaction: Option<Local>,
        expected: Expected,
    },
    Mark(Mark),
}

/// One of walx's own records.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    Begin(Local, Opening),
    Commit(Local),
    Rollback(Local),
    Tick(Option<VirtualChannel>),
}

impl Request {
    pub(super) fn plain(messages: Batch<Message>) -> Self {
        Self::Messages {
            messages,
            transaction: None,
            expected: Expected::new(),
        }
    }

    /// Messages of users; walx's own marks have none.
    pub(super) fn messages(&self) -> &[Message] {
        match self {
            Self::Messages { messages, .. } => messages.as_slice(),
            Self::Mark(_) => &[],
        }
    }

    /// Whether it passes the flow: walx's own marks end what is open, and wait for nothing.
    pub(super) const fn is_paced(&self) -> bool {
        matches!(self, Self::Messages { .. })
    }

    /// Whose expiry it holds up while it waits.
    pub(super) fn transaction(&self) -> Option<Local> {
        match self {
            Self::Messages { transaction, .. } => *transaction,
            Self::Mark(mark) => mark.transaction(),
        }
    }

    /// Whether it takes its place even where its caller has given up: else a transaction would stay open.
    pub(super) fn stays(&self) -> bool {
        matches!(self, Self::Mark(mark) if !matches!(mark, Mark::Tick(_)))
    }
}

impl Mark {
    pub(super) fn transaction(&self) -> Option<Local> {
        match self {
            Self::Begin(local, _) | Self::Commit(local) | Self::Rollback(local) => Some(*local),
            Self::Tick(_) => None,
        }
    }
}
