//! A writer: one producer, the order of its appends, and the thread that keeps it.
//!
//! | File | What |
//! |---|---|
//! | [`claim`] | an open: who was there becomes powerless, and a mark in the log says so |
//! | [`order`] | an append's way to the client, under the lock in which it takes its place |
//! | [`flights`] | appends on their way, until the client's reports answer them |
//! | [`keeper`] | the thread: takes reports, and does what follows from them |
//! | [`roll`] | the end of a transaction and the start of the next one |
//! | [`readback`] | the fence where brokers have none |
//! | [`failure`] | what appends get when one fails: another owner, or an outcome that nobody knows |

mod attempts;
mod claim;
mod context;
mod failure;
mod flights;
mod keeper;
mod order;
mod readback;
mod roll;
#[cfg(test)]
mod tests;
mod token;

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rdkafka::producer::BaseProducer;
use tokio::sync::watch;
use walx_core::{ChannelName, Error, ErrorKind, Record, Result};
use walx_impls::{Appending, Batch, FenceToken};
use walx_utility::spawn;

use crate::config::{KafkaCommit, KafkaConfig, KafkaFence};
use crate::ending::Ending;
use crate::error;
use crate::look;
use crate::record::Stamp;
use crate::store::Store;

pub(crate) use claim::open;
use context::WriterContext;
use flights::{Flights, Gate};
use order::Order;
use token::WriterToken;

type Producer = BaseProducer<WriterContext>;

/// What a handle and its thread share.
pub(crate) struct Writer {
    store: Arc<Store>,
    channel: ChannelName,
    topic: String,
    limits: Limits,
    ending: Arc<Ending>,
    flights: Arc<Flights>,
    order: Mutex<Order>,
    /// What it opens again with; none before the mark that counts is in the log.
    token: OnceLock<WriterToken>,
    /// What the handle asks of the thread.
    wish: AtomicU8,
    /// How the thread ended; `None` while it runs.
    ended: watch::Sender<Option<Result<()>>>,
}

/// What of the configuration a writer goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) commit: KafkaCommit,
    pub(crate) fence: KafkaFence,
    pub(crate) roll: Duration,
    pub(crate) transaction_timeout: Duration,
    pub(crate) delivery_timeout: Duration,
    /// How long a question to the brokers may take.
    pub(crate) timeout: Duration,
    pub(crate) max_message: usize,
}

impl Limits {
    pub(crate) fn of(config: &KafkaConfig) -> Self {
        Self {
            commit: config.commit,
            fence: config.fence,
            roll: config.roll.0,
            transaction_timeout: config.transaction_timeout.0,
            delivery_timeout: config.delivery_timeout.0,
            timeout: config.timeout.0,
            max_message: config.max_message.as_usize(),
        }
    }

    fn gate(&self) -> Gate {
        match (self.fence, self.commit) {
            (KafkaFence::ReadBack, _) | (_, KafkaCommit::Each) => Gate::Thread,
            _ => Gate::Open,
        }
    }

    /// How long librdkafka keeps a message: no shorter than the writer does, so that it never gives up one before others.
    fn message_timeout(&self) -> String {
        match self.is_fenced_by_broker() {
            // It allows no more.
            true => self.transaction_timeout.as_millis().to_string(),
            false => "0".to_owned(),
        }
    }

    fn is_fenced_by_broker(&self) -> bool {
        self.fence == KafkaFence::Transaction
    }
}

/// What a handle asks of its thread, the later the more.
mod wish {
    pub(super) const NOTHING: u8 = 0;
    /// Answer what is on its way, commit, end.
    pub(super) const CLOSE: u8 = 1;
    /// End. Nobody waits.
    pub(super) const DROP: u8 = 2;
}

impl Writer {
    /// Takes the place of an append in the order.
    pub(crate) fn append(&self, batch: Batch<Record>) -> Appending {
        match self.place(batch) {
            Ok(waiting) => Appending::new(waiting),
            Err(error) => Appending::ready(Err(self.named("append", error))),
        }
    }

    pub(crate) fn fence_token(&self) -> FenceToken {
        match self.token.get() {
            Some(token) => token.to_fence_token(),
            // No handle is given out before its mark is in the log.
            None => FenceToken::new(Vec::new()),
        }
    }

    /// Answers what is on its way and commits, in bounded time.
    pub(crate) async fn close(&self) -> Result<()> {
        self.end_order(closed());
        self.wish(wish::CLOSE);
        let mut ended = self.ended.subscribe();
        // The sender lives in the writer.
        let outcome = ended.wait_for(Option::is_some).await;
        let outcome = outcome.map_or(None, |outcome| outcome.clone());
        outcome.unwrap_or(Ok(()))
    }

    /// `Fenced` where another owner has the channel.
    pub(crate) async fn check_owner(self: &Arc<Self>) -> Result<()> {
        match self.refusal() {
            Some(error) if matches!(error.kind(), ErrorKind::Fenced | ErrorKind::Closed) => {
                return Err(error);
            }
            _ => {}
        }
        let this = Arc::clone(self);
        let newest = spawn::blocking(move || look::newest(&this.store, &this.topic)).await;
        let newest = newest.map_err(|_| error::broken("look who owns the channel"))??;
        let mark = self.token.get().map_or(-1, |token| token.mark);
        match newest.writer {
            Some(newest) if newest > mark => Err(failure::overtaken(newest)),
            _ => Ok(()),
        }
    }

    pub(crate) fn channel(&self) -> &ChannelName {
        &self.channel
    }

    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    /// Its mark is in the log, and counts.
    fn set_token(&self, token: WriterToken, stamp: Stamp) {
        self.set_stamp(stamp);
        // Nobody else sets it.
        let _ = self.token.set(token);
        // The thread may roll from now on.
        self.flights.kick();
    }

    /// Ends the writer without waiting for it.
    pub(crate) fn let_go(&self) {
        self.end_order(closed());
        self.wish(wish::DROP);
    }

    /// What the client's reports wait for before they are acknowledgements.
    fn gate(&self) -> Gate {
        self.limits.gate()
    }

    fn wish(&self, wish: u8) {
        self.wish.fetch_max(wish, Ordering::AcqRel);
        self.flights.kick();
    }

    fn named(&self, operation: &'static str, error: Error) -> Error {
        error.with_operation(operation).with_channel(&self.channel)
    }
}

fn closed() -> Error {
    let text = "the handle or its store was closed; open it anew";
    Error::new(ErrorKind::Closed, text)
}
