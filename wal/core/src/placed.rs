use std::fmt;
use std::sync::Arc;

use crate::{Place, PlacedMessage, Result, ResumeToken, Seq, TransactionId, VirtualChannel};

/// The messages of a transaction that don't fit into memory; whoever implements [`Scanner`](crate::Scanner) implements
/// it.
pub trait Bodies: Send + Sync + 'static {
    /// How many there are.
    fn count(&self) -> usize;

    /// The message at `index`, which is below the count.
    ///
    /// # Errors
    /// What it can't be read with, or what a hook ends it with.
    fn read(&self, index: usize) -> Result<PlacedMessage>;
}

/// A committed transaction as a scanner delivers it.
#[derive(Clone)]
#[non_exhaustive]
pub struct PlacedTransaction {
    /// Where its Commit lies.
    pub place: Place,
    /// Which one.
    pub id: TransactionId,
    /// The logical stream of its messages.
    pub virtual_channel: Option<VirtualChannel>,
    bodies: Held,
    seq: Seq,
    oldest_open: Option<Seq>,
}

/// Where the messages of a transaction are.
#[derive(Clone)]
enum Held {
    Here(Arc<[PlacedMessage]>),
    Elsewhere(Arc<dyn Bodies>),
}

impl PlacedTransaction {
    /// A transaction from its parts; scanners make these.
    pub fn new(
        place: Place,
        id: TransactionId,
        bodies: Vec<PlacedMessage>,
        seq: Seq,
        oldest_open: Option<Seq>,
    ) -> Self {
        Self {
            place,
            id,
            virtual_channel: None,
            bodies: Held::Here(bodies.into()),
            seq,
            oldest_open,
        }
    }

    /// Puts it into a logical stream.
    #[must_use]
    pub fn with_virtual_channel(mut self, virtual_channel: Option<VirtualChannel>) -> Self {
        self.virtual_channel = virtual_channel;
        self
    }

    /// Its messages are read one by one.
    #[must_use]
    pub fn stored(mut self, bodies: Arc<dyn Bodies>) -> Self {
        self.bodies = Held::Elsewhere(bodies);
        self
    }

    /// How many messages it has; none where nothing was appended in it.
    pub fn count(&self) -> usize {
        match &self.bodies {
            Held::Here(bodies) => bodies.len(),
            Held::Elsewhere(bodies) => bodies.count(),
        }
    }

    /// The message at `index`; `None` from the [count](Self::count) on.
    pub fn message(&self, index: usize) -> Option<Result<PlacedMessage>> {
        (index < self.count()).then(|| match &self.bodies {
            Held::Here(bodies) => Ok(bodies[index].clone()),
            Held::Elsewhere(bodies) => bodies.read(index),
        })
    }

    /// Its messages, in order. Those beyond the scan's buffer are read from the spill directory one by one, in the call
    /// of `next`; an error there says what could not be read.
    pub fn messages(&self) -> impl Iterator<Item = Result<PlacedMessage>> + '_ {
        (0..self.count()).map_while(|index| self.message(index))
    }

    /// The token from which a later scan goes on right behind this transaction.
    pub const fn token(&self) -> ResumeToken {
        ResumeToken::new(self.place, self.seq, self.oldest_open)
    }
}

impl PartialEq for PlacedTransaction {
    /// Two are the same at the same place of the same log.
    fn eq(&self, other: &Self) -> bool {
        let key = |it: &Self| (it.place, it.id, it.seq, it.oldest_open, it.count());
        key(self) == key(other) && self.virtual_channel == other.virtual_channel
    }
}

impl fmt::Debug for PlacedTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlacedTransaction")
            .field("place", &self.place)
            .field("id", &self.id)
            .field("virtual_channel", &self.virtual_channel)
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}
