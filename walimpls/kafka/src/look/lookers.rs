use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use walx_core::{Error, ErrorKind, Result};
use walx_utility::clock;
use walx_utility::sync::lock;

use crate::scanner::consumer::{Consumer, dispose};
use crate::store::{Store, closed};

/// So many looks at a time; the others wait. They don't count among `max_clients`.
const MOST: usize = 8;
/// So many clients are kept when nobody looks.
const KEPT: usize = 2;
/// librdkafka forgets no topic that a client has read: so many looks, and it is replaced.
const LOOKS: u32 = 256;
/// When those who wait look again whether the store was closed.
const WAIT: Duration = Duration::from_millis(100);

/// The clients that a store looks by: to make one takes longer than a look.
#[derive(Default)]
pub(crate) struct Lookers {
    state: Mutex<State>,
    free: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Looker>,
    lent: usize,
    closed: bool,
}

struct Looker {
    consumer: Arc<Consumer>,
    looks: u32,
}

/// A client for one look.
pub(super) struct Lent<'a> {
    pub(super) consumer: Arc<Consumer>,
    looks: u32,
    /// Given back with the rest.
    turn: Turn<'a>,
}

/// The right to look.
struct Turn<'a>(&'a Lookers);

impl Lookers {
    /// A client, for a thread that may block.
    pub(super) fn lend(&self, store: &Store) -> Result<Lent<'_>> {
        let (turn, idle) = self.wait(store)?;
        let (consumer, looks) = match idle {
            Some(Looker { consumer, looks }) => (consumer, looks),
            None => (Consumer::looker(store)?, 0),
        };
        Ok(Lent {
            consumer,
            looks,
            turn,
        })
    }

    /// Ends the clients that nobody looks by; the others end with their look.
    pub(crate) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        self.free.notify_all();
        if !idle.is_empty() {
            dispose(idle);
        }
    }

    /// Waits for one's turn; answers a client that is idle, if any.
    fn wait(&self, store: &Store) -> Result<(Turn<'_>, Option<Looker>)> {
        let deadline = clock::now() + store.config().timeout.0;
        let mut state = lock(&self.state);
        while state.lent >= MOST && !state.closed {
            if clock::now() >= deadline {
                let text = format!(
                    "{MOST} looks at topics are on their way and none ends: look at the brokers"
                );
                return Err(Error::new(ErrorKind::Unavailable, text));
            }
            let waited = self.free.wait_timeout(state, WAIT);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.closed {
            return Err(closed());
        }
        state.lent += 1;
        Ok((Turn(self), state.idle.pop()))
    }

    fn keep(&self, looker: Looker) {
        let mut state = lock(&self.state);
        let room = !state.closed && state.idle.len() < KEPT && looker.looks < LOOKS;
        let rest = if room {
            state.idle.push(looker);
            None
        } else {
            Some(looker)
        };
        drop(state);
        if let Some(rest) = rest {
            dispose(rest);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).lent -= 1;
        self.0.free.notify_one();
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.turn.0.keep(Looker {
            consumer: Arc::clone(&self.consumer),
            looks: self.looks + 1,
        });
    }
}
