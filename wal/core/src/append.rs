use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::{Error, Message, Place, Result};

/// What stands behind an [`Append`] or an [`AppendBatch`]; whoever implements [`Wal`](crate::Wal) implements it.
pub trait AppendState: Send + Sync + 'static {
    /// The outcome: a place for each message. After `Ready` it is not called again.
    fn poll_outcome(
        &self,
        context: &mut Context<'_>,
        places: &mut dyn FnMut(Place),
    ) -> Poll<Result<()>>;

    /// The caller no longer waits. An append that still waits for admission is given up; one that has its place is not.
    fn forget(&self);
}

/// One append on its way: a handle that resolves to the message's [`Place`] once it is durable.
///
/// The place in the order was taken when the append was *called*; this future only waits, and waits without being
/// polled. See [`Wal::append`](crate::Wal::append) for order, durability, cancellation and errors.
#[must_use = "an append that is dropped is not cancelled, but its failure goes unseen"]
pub struct Append(Handle);

/// A batch on its way: resolves to one [`Place`] a message, in order.
#[must_use = "an append that is dropped is not cancelled, but its failure goes unseen"]
pub struct AppendBatch(Handle);

enum Handle {
    Waiting(Arc<dyn AppendState>),
    Failed(Error),
    Done,
}

impl Append {
    /// An append that `state` decides.
    pub fn new(state: Arc<dyn AppendState>) -> Self {
        Self(Handle::Waiting(state))
    }

    /// An append that was refused at the call.
    pub fn failed(error: Error) -> Self {
        Self(Handle::Failed(error))
    }
}

impl AppendBatch {
    /// A batch that `state` decides.
    pub fn new(state: Arc<dyn AppendState>) -> Self {
        Self(Handle::Waiting(state))
    }

    /// A batch that was refused at the call.
    pub fn failed(error: Error) -> Self {
        Self(Handle::Failed(error))
    }
}

impl Handle {
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        places: &mut dyn FnMut(Place),
    ) -> Poll<Result<()>> {
        let outcome = match self {
            Self::Waiting(state) => match state.poll_outcome(context, places) {
                Poll::Ready(outcome) => outcome,
                Poll::Pending => return Poll::Pending,
            },
            Self::Failed(error) => Err(error.clone()),
            Self::Done => Err(Error::new(
                crate::ErrorKind::Internal,
                "an append was polled after its end",
            )),
        };
        *self = Self::Done;
        Poll::Ready(outcome)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Self::Waiting(state) = self {
            state.forget();
        }
    }
}

impl Future for Append {
    type Output = Result<Place>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Place>> {
        let mut place = None;
        self.0
            .poll(context, &mut |it| place = Some(it))
            .map(|outcome| {
                outcome.and_then(|()| {
                    place.ok_or_else(|| {
                        Error::new(
                            crate::ErrorKind::Internal,
                            "an append ended without a place",
                        )
                    })
                })
            })
    }
}

impl Future for AppendBatch {
    type Output = Result<Vec<Place>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Vec<Place>>> {
        let mut places = Vec::new();
        self.0
            .poll(context, &mut |it| places.push(it))
            .map(|outcome| outcome.map(|()| places))
    }
}

impl fmt::Debug for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Append { .. }")
    }
}

impl fmt::Debug for AppendBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppendBatch { .. }")
    }
}

/// What stands behind a [`Permit`]; whoever implements [`Wal`](crate::Wal) implements it.
pub trait PermitState: Send + Sync + 'static {
    /// Appends with the bytes that were reserved; those that are left over go back.
    fn append(self: Arc<Self>, reserved_bytes: usize, message: Message) -> Append;

    /// Gives the bytes back.
    fn release(&self, reserved_bytes: usize);
}

/// Room for one append, so that it doesn't wait. Dropped, it gives the room back.
#[must_use = "a permit that is dropped gives its room back"]
pub struct Permit {
    state: Option<Arc<dyn PermitState>>,
    bytes: usize,
}

impl Permit {
    /// Room of so many bytes.
    pub fn new(state: Arc<dyn PermitState>, bytes: usize) -> Self {
        Self {
            state: Some(state),
            bytes,
        }
    }

    /// The bytes it has room for.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends without waiting for admission; the place in the order is taken now.
    ///
    /// A message larger than the permit is refused with `InvalidInput`, and nothing is written.
    pub fn append(mut self, message: Message) -> Append {
        match self.state.take() {
            Some(state) => state.append(self.bytes, message),
            None => Append::failed(Error::new(
                crate::ErrorKind::Internal,
                "a permit was used twice",
            )),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            state.release(self.bytes);
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit {{ bytes: {} }}", self.bytes)
    }
}

/// A message that `try_append` did not take, and why. The message comes back.
#[derive(Debug)]
pub struct Refused {
    /// What was handed in.
    pub message: Message,
    /// Why it was not taken; `Overloaded` where it would have had to wait.
    pub error: Error,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
