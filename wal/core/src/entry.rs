use crate::{
    ForeignRecord, Gap, Marker, Message, Place, PlacedTransaction, ResumeToken, Seq, TransactionId,
};

/// What a scanner hands out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Entry {
    /// A message with its place.
    Message(PlacedMessage),
    /// Messages that were committed together, at the place of the commit.
    Transaction(PlacedTransaction),
    /// One of walx's own marks, where the scan asked for them.
    Marker(Marker),
    /// A hole: what is missing, and why. Nothing is skipped silently.
    Gap(Gap),
    /// What somebody else wrote into the storage of the channel, where the scan asked for it.
    Foreign(ForeignRecord),
}

impl Entry {
    /// The message, where the entry is one.
    pub fn message(&self) -> Option<&PlacedMessage> {
        match self {
            Self::Message(message) => Some(message),
            _ => None,
        }
    }

    /// Where it lies; `None` of a gap and of a foreign record.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Message(message) => Some(message.place),
            Self::Transaction(transaction) => Some(transaction.place),
            Self::Marker(marker) => Some(marker.place),
            Self::Gap(_) | Self::Foreign(_) => None,
        }
    }

    /// The token from which a later scan goes on right behind it; `None` of a gap and of a foreign record.
    pub fn token(&self) -> Option<ResumeToken> {
        match self {
            Self::Message(message) => Some(message.token()),
            Self::Transaction(transaction) => Some(transaction.token()),
            Self::Marker(marker) => Some(marker.token()),
            Self::Gap(_) | Self::Foreign(_) => None,
        }
    }
}

/// A message as a scanner delivers it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PlacedMessage {
    /// Where it lies.
    pub place: Place,
    /// What was handed in.
    pub message: Message,
    /// The transaction that it was appended in.
    pub transaction: Option<TransactionId>,
    seq: Seq,
    oldest_open: Option<Seq>,
}

impl PlacedMessage {
    /// A message from its parts; scanners make these.
    pub const fn new(place: Place, message: Message, seq: Seq, oldest_open: Option<Seq>) -> Self {
        Self {
            place,
            message,
            transaction: None,
            seq,
            oldest_open,
        }
    }

    /// Puts it into a transaction.
    #[must_use]
    pub const fn in_transaction(mut self, id: TransactionId) -> Self {
        self.transaction = Some(id);
        self
    }

    /// The token from which a later scan goes on right behind this message. Of a message in a transaction that was
    /// delivered whole, take the [transaction's](PlacedTransaction::token) instead.
    pub const fn token(&self) -> ResumeToken {
        ResumeToken::new(self.place, self.seq, self.oldest_open)
    }
}
