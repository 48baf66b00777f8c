//! The answers of one writer's appends, in the order of the calls.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::oneshot;
use walx_core::{Error, ErrorKind, MessageId, Record, Result};
use walx_impls::{Appending, Batch, WalImpls};
use walx_utility::signal::Signal;
use walx_utility::spawn;
use walx_utility::sync::lock;

use super::control::AppendFault;
use super::line::Line;

type Answer = Result<Batch<MessageId>>;

/// Appends that are not answered. Callers bound how many those are; each takes some hundred bytes here, without its
/// records.
pub(super) struct Answers {
    line: Arc<Line>,
    queue: Mutex<Queue>,
    signal: Signal,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    /// An append failed: none that is called from now on reaches the backend.
    failed: bool,
    /// The handle has ended.
    ended: bool,
}

enum Waiting {
    Append(Flight),
    /// Here the connection is cut: the call can't do it, since that wakes whoever waits.
    Cut,
}

/// An append that the backend has.
struct Flight {
    appending: Appending,
    loses_answer: bool,
    pause: Duration,
    caller: oneshot::Sender<Answer>,
}

impl Answers {
    /// Starts the task that answers.
    pub(super) fn start(line: Arc<Line>) -> Arc<Self> {
        let answers = Arc::new(Self {
            line,
            queue: Mutex::default(),
            signal: Signal::default(),
        });
        spawn::task(answer_all(Arc::clone(&answers))).detach();
        answers
    }

    /// Appends, unless a fault comes before it. The place in the order is taken here, and nobody else is woken.
    pub(super) fn append(&self, inner: &dyn WalImpls, batch: Batch<Record>) -> Appending {
        let mut queue = lock(&self.queue);
        if self.line.state().closed {
            drop(queue);
            return inner.append(batch);
        }
        if queue.failed || self.line.state().cut {
            return Appending::ready(Err(self.not_written(
                "an append before it failed by an injected fault; append again after a new open",
            )));
        }
        let (fault, pause) = self.line.roll_append();
        match fault {
            AppendFault::Refuse => {
                queue.failed = true;
                return Appending::ready(Err(self.not_written(
                    "an injected fault keeps it from the backend; append again after a new open",
                )));
            }
            AppendFault::Cut => {
                queue.failed = true;
                queue.waiting.push_back(Waiting::Cut);
                drop(queue);
                self.signal.set();
                return Appending::ready(Err(self.not_written(
                    "the connection was cut by an injected fault; append again after a new open",
                )));
            }
            AppendFault::Pass | AppendFault::LoseAck => {}
        }
        let (caller, answer) = oneshot::channel();
        queue.waiting.push_back(Waiting::Append(Flight {
            appending: inner.append(batch),
            loses_answer: fault == AppendFault::LoseAck,
            pause,
            caller,
        }));
        drop(queue);
        self.signal.set();
        let line = Arc::clone(&self.line);
        Appending::new(async move {
            let runtime_ended =
                "the runtime ended before the append was answered; scan to find out";
            answer
                .await
                .unwrap_or_else(|_| Err(line.named(unknown(runtime_ended))))
        })
    }

    /// The handle has ended: the task ends once it has answered what is left.
    pub(super) fn end(&self) {
        lock(&self.queue).ended = true;
        self.signal.set();
    }

    fn fail(&self) {
        lock(&self.queue).failed = true;
    }

    fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Waiting>> {
        loop {
            let mut queue = lock(&self.queue);
            if let Some(waiting) = queue.waiting.pop_front() {
                return Poll::Ready(Some(waiting));
            }
            if queue.ended {
                return Poll::Ready(None);
            }
            drop(queue);
            if self.signal.poll_take(context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Waits for the backend, then as long as the fault says.
    async fn outcome(&self, appending: Appending, pause: Duration) -> Answer {
        let landed = async {
            let answer = appending.await;
            self.line.linger(pause).await;
            answer
        };
        let (landed, cut) = (
            std::pin::pin!(landed),
            std::pin::pin!(self.line.until_cut()),
        );
        match select(cut, landed).await {
            Either::Left(_) => {
                // Before the caller learns of it: whatever is called afterwards comes too late.
                self.fail();
                Err(self.line.named(unknown(
                    "the connection was cut by an injected fault; scan to find out",
                )))
            }
            Either::Right((answer, _)) => answer,
        }
    }

    fn not_written(&self, message: &'static str) -> Error {
        self.line.named(Error::new(ErrorKind::NotWritten, message))
    }
}

async fn answer_all(answers: Arc<Answers>) {
    // An answer was lost: those of appends that were on their way behind it are worth nothing.
    let mut lost = false;
    while let Some(waiting) = poll_fn(|context| answers.poll_next(context)).await {
        let flight = match waiting {
            Waiting::Append(flight) => flight,
            Waiting::Cut => {
                answers.line.cut();
                continue;
            }
        };
        let mut answer = answers.outcome(flight.appending, flight.pause).await;
        if (flight.loses_answer || lost) && answer.is_ok() {
            let text = "an injected fault lost the answer, of this append or of one before it; scan to find out";
            answer = Err(answers.line.named(unknown(text)));
            answers.fail();
            lost = true;
        }
        // A caller that has gone is told nothing.
        let _ = flight.caller.send(answer);
    }
}

fn unknown(message: &'static str) -> Error {
    Error::new(ErrorKind::OutcomeUnknown, message)
}
