//! The transactions of a wal, as their callers hold them, and how they end without their callers.

use std::sync::Arc;
use std::time::Duration;

use tracing::Span;
use walx_core::{
    Append, Error, ErrorKind, Message, Result, Seq, Tick, Transaction, TransactionOption,
    TransactionState, VirtualChannel,
};
use walx_impls::Batch;
use walx_utility::clock::{self, Instant};
use walx_utility::sync::lock;

use super::Writer;
use super::order::{Order, Phase};
use super::request::{Mark, Request};
use super::stages::Begun;
use super::transactions::{Local, Opening, Why};

/// A transaction that has a handle.
struct Handle {
    writer: Arc<Writer>,
    local: Local,
    virtual_channel: Option<VirtualChannel>,
}

impl Writer {
    pub(crate) fn begin(self: &Arc<Self>, option: TransactionOption) -> Result<Transaction> {
        let named = |error: Error| {
            error
                .with_operation("begin")
                .with_channel(&self.channel.name)
        };
        let TransactionOption {
            virtual_channel,
            keepalive,
            ..
        } = option;
        if keepalive < Duration::from_millis(1) {
            let text = "a transaction's keepalive is at least 1 ms";
            let error = Error::new(ErrorKind::InvalidInput, text);
            return Err(named(
                error.with_context("keepalive", format!("{keepalive:?}")),
            ));
        }
        let now = self.ticks.now();
        let opening = Opening {
            virtual_channel: virtual_channel.clone(),
            keepalive,
            called: clock::now(),
        };
        let mut order = lock(&self.order);
        order.check_open().map_err(named)?;
        let local = order.transactions.number().map_err(named)?;
        let request = Request::Mark(Mark::Begin(local, opening));
        // Its failure is that of the calls to come.
        drop(self.place_in(order, request, now, Begun::now(Span::none())));
        Ok(Transaction::new(Arc::new(Handle {
            writer: Arc::clone(self),
            local,
            virtual_channel,
        })))
    }

    /// The Begin of the oldest transaction that is open.
    pub(crate) fn oldest_open(&self) -> Option<Seq> {
        lock(&self.order).transactions.oldest()
    }

    /// Rolls back what an earlier owner left open.
    pub(super) fn end_found(&self, open: Vec<Seq>) {
        if open.is_empty() {
            return;
        }
        let (now, tick) = (clock::now(), self.ticks.now());
        let mut order = lock(&self.order);
        for seq in open {
            order.transactions.adopt(seq, now);
        }
        let found = order.transactions.all();
        self.roll_all_back(&mut order, tick);
        for local in found {
            // Nobody has a handle of it.
            order.transactions.forget(local);
        }
        self.unlock(order);
    }

    /// Ends everything that is open, for the owner ends.
    pub(super) fn roll_all_back(&self, order: &mut Order, now: Tick) {
        for local in order.transactions.all() {
            self.roll_back(order, local, Why::Owner, now);
        }
    }

    /// Rolls back those without a call for their keepalive. While it is being found out what landed, time stands still.
    pub(super) fn expire(&self, now: Instant) {
        if lock(&self.order).transactions.is_empty() {
            return;
        }
        let tick = self.ticks.now();
        let confirmed = self.cache.confirmed().1.unwrap_or(Seq::ZERO);
        let mut order = lock(&self.order);
        if !matches!(order.phase, Phase::Open) || order.check_open().is_err() || order.recovering {
            return;
        }
        let expired = order.transactions.expired(now, confirmed);
        for local in &expired {
            self.roll_back(&mut order, *local, Why::Expired, tick);
        }
        self.unlock(order);
        // Who listens may append.
        for _ in expired {
            tracing::warn!(channel = %self.channel.name, "a transaction expired and is rolled back");
        }
    }
}

impl TransactionState for Handle {
    fn append(&self, mut message: Message) -> Append {
        let writer = &self.writer;
        if let Err(error) = self.fit(&mut message) {
            return Append::failed(writer.named(error));
        }
        let mut begun = writer.begin_append();
        let messages = match writer.admit(Batch::One(message), &mut begun) {
            Ok(messages) => messages,
            Err(error) => {
                lock(&writer.order).transactions.give_up_one_of(self.local);
                return Append::failed(error);
            }
        };
        lock(&writer.order)
            .transactions
            .touch(self.local, clock::now());
        let request = Request::Messages {
            messages,
            transaction: Some(self.local),
            expected: walx_core::Expected::new(),
        };
        Append::new(writer.place_or_wait(request, begun))
    }

    fn keep_alive(&self) -> Result<()> {
        let mut order = lock(&self.writer.order);
        order.check_open()?;
        order.transactions.check(self.local)?;
        order.transactions.touch(self.local, clock::now());
        Ok(())
    }

    fn commit(&self) -> Append {
        self.mark(Mark::Commit(self.local))
    }

    fn rollback(&self) -> Append {
        self.mark(Mark::Rollback(self.local))
    }

    fn forget(&self) {
        drop(self.rollback());
    }
}

impl Handle {
    /// The message goes into the transaction's own stream.
    fn fit(&self, message: &mut Message) -> Result<()> {
        if message.exclusive {
            let text = "an exclusive message ends open transactions; append it outside of them";
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        if message.virtual_channel.is_none() {
            message.virtual_channel.clone_from(&self.virtual_channel);
        }
        if message.virtual_channel == self.virtual_channel {
            return Ok(());
        }
        let name = |it: &Option<VirtualChannel>| {
            it.as_ref()
                .map_or_else(|| "none".to_owned(), |it| it.to_string())
        };
        let text = "the message is of another virtual channel than its transaction; append it outside, or begin another one";
        Err(Error::new(ErrorKind::InvalidInput, text)
            .with_context("message", name(&message.virtual_channel))
            .with_context("transaction", name(&self.virtual_channel)))
    }

    fn mark(&self, mark: Mark) -> Append {
        let request = Request::Mark(mark);
        let begun = Begun::now(Span::none());
        Append::new(self.writer.place_or_wait(request, begun))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        lock(&self.writer.order).transactions.forget(self.local);
    }
}
