use walx_utility::blocking::Runtime;

use crate::{Message, Place, Result};

/// One append on its way; its place in the order is taken. Dropping it neither cancels nor repeats an append that has
/// its place.
#[derive(Debug)]
#[must_use = "an append that is dropped is not cancelled, but its failure goes unseen"]
pub struct Append {
    pub(super) runtime: Runtime,
    pub(super) append: crate::Append,
}

impl Append {
    /// Waits until the message is durable, together with everything before it.
    ///
    /// # Errors
    /// As [`Wal::append`](crate::Wal::append).
    pub fn wait(self) -> Result<Place> {
        self.runtime.wait(self.append)
    }
}

/// A batch on its way; its places in the order are taken.
#[derive(Debug)]
#[must_use = "an append that is dropped is not cancelled, but its failure goes unseen"]
pub struct AppendBatch {
    pub(super) runtime: Runtime,
    pub(super) batch: crate::AppendBatch,
}

impl AppendBatch {
    /// Waits until all messages are durable: one place each, in order.
    ///
    /// # Errors
    /// As [`Wal::append`](crate::Wal::append).
    pub fn wait(self) -> Result<Vec<Place>> {
        self.runtime.wait(self.batch)
    }
}

/// Room for one append, so that it doesn't wait. Dropped, it gives the room back.
#[derive(Debug)]
#[must_use = "a permit that is dropped gives its room back"]
pub struct Permit {
    pub(super) runtime: Runtime,
    pub(super) permit: crate::Permit,
}

impl Permit {
    /// The bytes it has room for.
    pub fn bytes(&self) -> usize {
        self.permit.bytes()
    }

    /// As [`walx::Permit::append`](crate::Permit::append).
    pub fn append(self, message: Message) -> Append {
        let Self { runtime, permit } = self;
        let append = runtime.run(|| permit.append(message));
        Append { runtime, append }
    }
}
