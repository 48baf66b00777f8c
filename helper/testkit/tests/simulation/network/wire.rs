use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::oneshot;
use walx_core::{Error, ErrorKind, Record};
use walx_impls::{Appending, Batch, WalImpls};
use walx_utility::clock::{self, Instant};
use walx_utility::spawn;
use walx_utility::sync::lock;

use crate::chance::{millis, up_to};

/// The way of one channel's appends to the store.
#[derive(Default)]
pub(crate) struct Wire(Mutex<State>);

#[derive(Default)]
struct State {
    /// The writer that was opened last.
    newest: u64,
    /// Its appends that have not reached the store, in order.
    line: VecDeque<OnItsWay>,
    /// Whether a task carries them.
    carried: bool,
    /// Whether the store refused one of its appends: nothing behind it may land.
    failed: bool,
    /// Appends of writers that were cut off, which land before the next writer's first record.
    late: VecDeque<Batch<Record>>,
}

struct OnItsWay {
    records: Batch<Record>,
    takes: Duration,
    caller: oneshot::Sender<Appending>,
}

impl Wire {
    /// A new writer: what the last one had on its way lands late, or never.
    pub(super) fn take_over(&self) -> u64 {
        let mut state = lock(&self.0);
        state.cut();
        state.failed = false;
        state.newest += 1;
        state.newest
    }

    /// The writer goes. What it has on its way lands late, or never.
    pub(super) fn leave(&self, writer: u64) {
        let mut state = lock(&self.0);
        if state.newest == writer {
            state.cut();
        }
    }

    pub(super) fn append(
        self: &Arc<Self>,
        writer: u64,
        store: &Arc<dyn WalImpls>,
        records: Batch<Record>,
        [send_ms, answer_ms]: [u64; 2],
    ) -> Appending {
        let mut state = lock(&self.0);
        if state.newest != writer {
            return Appending::ready(Err(fenced()));
        }
        let (takes, due) = (millis(send_ms), clock::now() + millis(answer_ms));
        if takes.is_zero() && !state.carried {
            let appending = state.store(store.as_ref(), records);
            drop(state);
            return self.answer(writer, due, appending);
        }
        let (caller, answer) = oneshot::channel();
        state.line.push_back(OnItsWay {
            records,
            takes,
            caller,
        });
        if !std::mem::replace(&mut state.carried, true) {
            let carry = carry(Arc::clone(self), writer, Arc::clone(store));
            spawn::task(carry).detach();
        }
        drop(state);
        let appending = Appending::new(async move {
            match answer.await {
                Ok(appending) => appending.await,
                Err(_) => Err(cut_off()),
            }
        });
        self.answer(writer, due + takes, appending)
    }

    /// The answer comes when it is due, and none comes as an acknowledgement once another writer was opened.
    fn answer(self: &Arc<Self>, writer: u64, due: Instant, appending: Appending) -> Appending {
        let this = Arc::clone(self);
        Appending::new(async move {
            let outcome = appending.await;
            let left = due.saturating_duration_since(clock::now());
            if !left.is_zero() {
                clock::sleep(left).await;
            }
            let overtaken = lock(&this.0).newest != writer;
            if overtaken && outcome.is_ok() {
                return Err(fenced());
            }
            outcome
        })
    }
}

/// Brings a writer's appends to the store, one after the other.
async fn carry(wire: Arc<Wire>, writer: u64, store: Arc<dyn WalImpls>) {
    loop {
        let takes = {
            let mut state = lock(&wire.0);
            if state.newest != writer {
                return;
            }
            match state.line.front() {
                Some(first) => first.takes,
                None => {
                    state.carried = false;
                    return;
                }
            }
        };
        clock::sleep(takes).await;
        let mut state = lock(&wire.0);
        if state.newest != writer {
            return;
        }
        if let Some(first) = state.line.pop_front() {
            let appending = state.store(store.as_ref(), first.records);
            drop(state);
            let _ = first.caller.send(appending);
        }
    }
}

impl State {
    fn store(&mut self, store: &dyn WalImpls, records: Batch<Record>) -> Appending {
        for late in self.late.drain(..) {
            drop(store.append(late));
        }
        let mut appending = store.append(records);
        let now = Pin::new(&mut appending).poll(&mut Context::from_waker(Waker::noop()));
        match now {
            Poll::Pending => appending,
            Poll::Ready(outcome) => {
                self.failed |= outcome.is_err();
                Appending::ready(outcome)
            }
        }
    }

    /// Nothing that is on its way arrives in time: a part of it, without a hole, lands late.
    fn cut(&mut self) {
        let land = match self.failed {
            true => 0,
            false => up_to(self.line.len() as u64) as usize,
        };
        let line = std::mem::take(&mut self.line);
        self.late
            .extend(line.into_iter().take(land).map(|it| it.records));
        self.carried = false;
    }
}

fn fenced() -> Error {
    Error::new(ErrorKind::Fenced, "another writer was opened since")
}

fn cut_off() -> Error {
    Error::new(ErrorKind::OutcomeUnknown, "the writer was cut off")
}
