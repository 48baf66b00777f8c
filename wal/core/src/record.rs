use std::fmt;

use bytes::Bytes;

use crate::{Lsn, Message, Owner, Properties, Seq, Tick, VirtualChannel};

/// What a record is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// A user's message.
    Data = 1,
    /// The first record of an owner: who, where, previous owner. Takes no seq and no lsn.
    Barrier = 2,
    /// The clean end of an owner.
    Release = 3,
    /// Opens a transaction.
    Begin = 4,
    /// Ends a transaction; carries the count of its bodies.
    Commit = 5,
    /// Gives a transaction up: asked for, or expired.
    Rollback = 6,
    /// What an open or a resume needs to know, so that it reads little.
    Checkpoint = 7,
    /// A point in time, on request.
    Tick = 8,
}

impl Kind {
    /// All kinds that this version knows.
    pub const ALL: [Self; 8] = [
        Self::Data,
        Self::Barrier,
        Self::Release,
        Self::Begin,
        Self::Commit,
        Self::Rollback,
        Self::Checkpoint,
        Self::Tick,
    ];

    /// The number in the stored header.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The kind of a stored number; `None` where this version doesn't know it.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// The number of a transaction: the seq of its Begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub Seq);

/// The transaction that a record belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionContext {
    /// Which one.
    pub id: TransactionId,
    /// On a Commit: how many bodies the reader must have seen.
    pub count: Option<u32>,
    /// On a Begin: milliseconds without a body after which the owner rolls it back.
    pub keepalive_ms: Option<u64>,
}

/// The place of a chunk in a message that is larger than a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// From 0.
    pub index: u32,
    /// How many chunks the message has; at least 1.
    pub total: u32,
}

/// Marks of a record, as bits. Bits that this version doesn't know are refused when a header is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u16);

impl Flags {
    /// On a Rollback: nobody asked for it, its time was over.
    pub const EXPIRED: Self = Self(1);
    /// On Data: the open transactions of its stream ended with it.
    pub const EXCLUSIVE: Self = Self(1 << 1);
    /// All bits that this version knows.
    pub const KNOWN: Self = Self(Self::EXPIRED.0 | Self::EXCLUSIVE.0);

    /// No marks.
    pub const NONE: Self = Self(0);

    /// The flags of stored bits; `None` where this version doesn't know all of them.
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits & !Self::KNOWN.0 == 0 {
            Some(Self(bits))
        } else {
            None
        }
    }

    /// The bits as they are stored.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// These and `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The typed header of a record, apart from the user's properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the record is for.
    pub kind: Kind,
    /// Marks.
    pub flags: Flags,
    /// Who wrote it.
    pub owner: Owner,
    /// Its dense number; none on a Barrier.
    pub seq: Option<Seq>,
    /// The number of the message; on other kinds the number that the next message will have; none on a Barrier.
    pub lsn: Option<Lsn>,
    /// When it took its place.
    pub tick: Tick,
    /// The logical stream; none = meant for all.
    pub virtual_channel: Option<VirtualChannel>,
    /// The transaction it belongs to.
    pub transaction: Option<TransactionContext>,
    /// The seq of the oldest transaction that was open when it was written: resume reads from there.
    pub oldest_open: Option<Seq>,
    /// The key that names the message; see [`Message::idempotency_key`](crate::Message::idempotency_key).
    pub idempotency_key: Option<Bytes>,
    /// Its place in a larger message.
    pub chunk: Option<Chunk>,
}

impl Header {
    /// A header with nothing but what every record has.
    pub const fn new(kind: Kind, owner: Owner, tick: Tick) -> Self {
        Self {
            kind,
            flags: Flags(0),
            owner,
            seq: None,
            lsn: None,
            tick,
            virtual_channel: None,
            transaction: None,
            oldest_open: None,
            idempotency_key: None,
            chunk: None,
        }
    }

    /// Numbers the record.
    #[must_use]
    pub const fn numbered(mut self, seq: Seq, lsn: Lsn) -> Self {
        self.seq = Some(seq);
        self.lsn = Some(lsn);
        self
    }

    /// The lsn of the next message after this record; `None` on a Barrier.
    pub fn next_lsn(&self) -> Option<Lsn> {
        let ends = self.ends_message();
        self.lsn.map(|lsn| if ends { lsn.next() } else { lsn })
    }

    /// Whether a message ends with this record: chunks of one message share its lsn, and only the last one ends it.
    pub fn ends_message(&self) -> bool {
        let is_last = |chunk: Chunk| chunk.index + 1 == chunk.total;
        self.kind == Kind::Data && self.chunk.is_none_or(is_last)
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of owner {}", self.kind, self.owner)?;
        match self.seq {
            Some(seq) => write!(f, " at seq {seq}"),
            None => Ok(()),
        }
    }
}

/// What a backend stores: a header, and the user's message or, on other kinds, what the kind needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// walx's own fields.
    pub header: Header,
    /// The user's properties.
    pub properties: Properties,
    /// The user's payload.
    pub payload: Bytes,
}

impl Record {
    /// A record without payload and properties.
    pub fn marker(header: Header) -> Self {
        Self {
            header,
            properties: Properties::default(),
            payload: Bytes::new(),
        }
    }

    /// The record of a message; what the message says of stream and key moves into the header.
    pub fn data(mut header: Header, message: Message) -> Self {
        header.virtual_channel = message.virtual_channel;
        header.idempotency_key = message.idempotency_key;
        if message.exclusive {
            header.flags = header.flags.with(Flags::EXCLUSIVE);
        }
        Self {
            header,
            properties: message.properties,
            payload: message.payload,
        }
    }

    /// The message of a record, as its user handed it in. Cheap: everything is shared.
    pub fn message(&self) -> Message {
        Message {
            payload: self.payload.clone(),
            properties: self.properties.clone(),
            virtual_channel: self.header.virtual_channel.clone(),
            idempotency_key: self.header.idempotency_key.clone(),
            exclusive: self.header.flags.contains(Flags::EXCLUSIVE),
        }
    }

    /// The bytes that count against limits, without the header's fixed part.
    pub fn bytes(&self) -> usize {
        let header = &self.header;
        let virtual_channel = header
            .virtual_channel
            .as_ref()
            .map_or(0, |name| name.as_str().len());
        let key = header.idempotency_key.as_ref().map_or(0, Bytes::len);
        self.payload.len() + self.properties.bytes() + virtual_channel + key
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Term;

    #[test]
    fn a_message_survives_the_way_into_a_record_and_back() {
        let message = Message::new("x")
            .with_property("a", "1")
            .with_virtual_channel(VirtualChannel::new("v").unwrap())
            .with_idempotency_key("k")
            .exclusive();
        let header = Header::new(Kind::Data, Owner::new(Term::FIRST), Tick::ZERO);
        let record = Record::data(header, message.clone());
        assert_eq!(record.message(), message);
        assert_eq!(record.bytes(), message.bytes());
    }

    #[test]
    fn only_the_last_chunk_of_a_message_ends_its_lsn() {
        let mut header = Header::new(Kind::Data, Owner::new(Term::FIRST), Tick::ZERO)
            .numbered(Seq::new(9), Lsn::new(5));
        assert_eq!(header.next_lsn(), Some(Lsn::new(6)));
        header.chunk = Some(Chunk { index: 0, total: 2 });
        assert_eq!(header.next_lsn(), Some(Lsn::new(5)));
        header.chunk = Some(Chunk { index: 1, total: 2 });
        assert_eq!(header.next_lsn(), Some(Lsn::new(6)));
        header.kind = Kind::Release;
        assert_eq!(header.next_lsn(), Some(Lsn::new(5)));
    }

    #[test]
    fn kinds_keep_their_numbers() {
        assert_eq!(Kind::ALL.map(Kind::code), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(Kind::from_code(0), None);
        assert_eq!(Kind::from_code(9), None);
        assert_eq!(Flags::from_bits(4), None);
    }
}
