use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use walx_core::{BoxFuture, Error, ErrorKind, Result};
use walx_utility::{clock, spawn};

use super::consumer::{Alarm, Consumer, Trouble};
use crate::error;
use crate::look::look_blocking;
use crate::store::Store;

/// How often a topic that the brokers don't know is asked for: one that has just come back may not know it yet.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Ends a scanner that can't read on. librdkafka tries for ever, and tells what it meets beside its messages, if at all: so
/// the brokers are asked by the store's other clients, once nothing has come for `read_timeout`.
pub(super) struct Outage {
    alarm: Arc<Alarm>,
    /// Everything before it was handed out.
    next: Arc<AtomicI64>,
    watching: Option<BoxFuture<Error>>,
    /// What it watches already.
    trouble: Option<Trouble>,
}

impl Outage {
    pub(super) fn of(consumer: &Consumer, next: i64) -> Self {
        Self {
            alarm: Arc::clone(&consumer.alarm),
            next: Arc::new(AtomicI64::new(next)),
            watching: None,
            trouble: None,
        }
    }

    /// Everything before this offset was handed out.
    pub(super) fn progress(&mut self, next: i64) {
        if self.next.swap(next, Ordering::Relaxed) != next {
            self.trouble = None;
        }
    }

    /// The reason why reading can't go on; `Pending` while it can, or nobody knows yet.
    pub(super) fn poll(
        &mut self,
        store: &Arc<Store>,
        topic: &Arc<str>,
        context: &mut Context<'_>,
    ) -> Poll<Error> {
        // Of the same trouble it is told again and again, and that is not to begin the wait anew.
        let worse = self.alarm.take().filter(|it| Some(*it) > self.trouble);
        if self.watching.is_none() || worse.is_some() {
            self.trouble = worse.or(self.trouble);
            let patient = Patient {
                store: Arc::clone(store),
                topic: Arc::clone(topic),
                next: Arc::clone(&self.next),
                patience: store.config().read_timeout.0,
            };
            self.watching = Some(Box::pin(patient.watch(worse)));
        }
        match &mut self.watching {
            Some(watching) => Pin::new(watching).poll(context),
            None => Poll::Pending,
        }
    }
}

struct Patient {
    store: Arc<Store>,
    topic: Arc<str>,
    next: Arc<AtomicI64>,
    patience: Duration,
}

impl Patient {
    async fn watch(self, trouble: Option<Trouble>) -> Error {
        let mut failing = trouble.map(|_| clock::now());
        let mut unknown = 0;
        if trouble != Some(Trouble::Topic) {
            self.silence().await;
        }
        loop {
            let next = self.next();
            let answer = self.ask(next).await;
            let Some(error) = answer.err().filter(|_| self.next() == next) else {
                (failing, unknown) = (None, 0);
                self.silence().await;
                continue;
            };
            let since = *failing.get_or_insert_with(clock::now);
            unknown += usize::from(error.kind() == ErrorKind::NotFound);
            if unknown >= TRIES || since.elapsed() >= self.patience {
                return error;
            }
            clock::sleep(PAUSE.min(self.patience)).await;
        }
    }

    /// Waits until nothing has come for a while.
    async fn silence(&self) {
        loop {
            let next = self.next();
            clock::sleep(self.patience).await;
            if self.next() == next {
                return;
            }
        }
    }

    fn next(&self) -> i64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Whether the topic can be read, and has nothing that should have come.
    async fn ask(&self, next: i64) -> Result<()> {
        let (store, topic) = (Arc::clone(&self.store), Arc::clone(&self.topic));
        let asked = spawn::blocking(move || {
            look_blocking(&store, &topic, |look| {
                // Control records are no messages.
                let there = look.read(next.max(look.low), look.high, |_, _| {
                    Ok(ControlFlow::Break(()))
                })?;
                there.map_or(Ok(()), |()| Err(stuck(&topic, next)))
            })
        });
        let answer = asked.await;
        answer.unwrap_or_else(|spawn::Lost| Err(error::broken("read the topic")))
    }
}

fn stuck(topic: &str, next: i64) -> Error {
    let text = "nothing comes from the topic, though it has more: look at the log of librdkafka, then scan again";
    Error::new(ErrorKind::Unavailable, text)
        .with_context("topic", topic)
        .with_context("offset", next)
}
