use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use walx::{Append, Message, Place, Result, Wal};

/// Outcomes that are taken at once, at most.
const BATCH: usize = 1024;

/// Appends on their way, in order, each with what its caller wants to remember of it.
pub(crate) struct Flight<T> {
    queue: VecDeque<Flying<T>>,
    bytes: usize,
    max_count: usize,
    max_bytes: usize,
}

struct Flying<T> {
    append: State,
    bytes: usize,
    tag: T,
}

enum State {
    Waiting(Append),
    Landed(Place),
}

impl<T> Flight<T> {
    /// Room for so many appends and bytes. The last one that finds room may go beyond.
    pub(crate) fn new(max_count: usize, max_bytes: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            bytes: 0,
            max_count,
            max_bytes,
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < self.max_count && self.bytes < self.max_bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Appends. An error says that the wal refused the message at the call, so that the caller can stop right here.
    pub(crate) fn append(&mut self, wal: &dyn Wal, message: Message, tag: T) -> Result<()> {
        let bytes = message.bytes();
        self.push(wal.append(message), bytes, tag)
    }

    /// Takes an append that was called. Errors as [`append`](Self::append).
    pub(crate) fn push(&mut self, mut append: Append, bytes: usize, tag: T) -> Result<()> {
        let state = match Pin::new(&mut append).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => State::Waiting(append),
            Poll::Ready(place) => State::Landed(place?),
        };
        self.bytes += bytes;
        self.queue.push_back(Flying {
            append: state,
            bytes,
            tag,
        });
        Ok(())
    }

    /// Waits for the oldest one and takes all that are decided, in order. Never ready where nothing is on its way.
    /// Dropping the future loses nothing.
    pub(crate) async fn landed(&mut self) -> Vec<(T, Result<Place>)> {
        std::future::poll_fn(|context| self.poll_landed(context)).await
    }

    fn poll_landed(&mut self, context: &mut Context<'_>) -> Poll<Vec<(T, Result<Place>)>> {
        let mut landed = Vec::new();
        while landed.len() < BATCH
            && let Some(first) = self.queue.front_mut()
        {
            let place = match &mut first.append {
                State::Landed(place) => Ok(*place),
                State::Waiting(append) => match Pin::new(append).poll(context) {
                    Poll::Ready(place) => place,
                    Poll::Pending => break,
                },
            };
            if let Some(first) = self.queue.pop_front() {
                self.bytes -= first.bytes;
                landed.push((first.tag, place));
            }
        }
        if landed.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(landed)
        }
    }
}

#[cfg(test)]
mod tests;
