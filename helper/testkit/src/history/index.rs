//! A history by handles, messages, scans and logs: what the checks look at.

use std::collections::BTreeMap;

use walx_core::{
    ChannelName, Expected, GapReason, IdempotencyOption, Lsn, MarkerKind, MessageId, Owner, Place,
    Tick, TransactionId, VirtualChannel,
};

use super::History;
use super::event::{Answer, Ending, Event, EventId, Failed, Key, ScanEnd, Start, Stop};
use super::order::{Order, Rising};

/// A place in one of the tables below, or in the history's events.
pub(super) type Row = usize;

/// An open call.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) channel: Row,
    pub(super) called: Row,
    /// How long it remembers the keys of messages.
    pub(super) keys: Option<IdempotencyOption>,
    pub(super) answered: Option<(Row, Answer<Option<Owner>>)>,
    pub(super) close_answered: Option<Row>,
}

/// A message that was handed in.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) key: Key,
    pub(super) handle: Row,
    pub(super) called: Row,
    pub(super) taken: Option<Row>,
    pub(super) answered: Option<Row>,
    pub(super) fate: Fate<'a>,
    pub(super) digest: u64,
    pub(super) virtual_channel: Option<&'a VirtualChannel>,
    pub(super) transaction: Option<Row>,
    pub(super) reserved: bool,
    pub(super) expected: Expected,
    /// The digest of its idempotency key.
    pub(super) idempotency: Option<u64>,
    pub(super) bytes: u64,
    pub(super) exclusive: bool,
    /// The message with the same key whose place it was answered with: it was not written itself.
    pub(super) echo: Option<Row>,
    /// Whether another one with its key, of which nobody knows more, may lie where it was answered to lie.
    pub(super) doubtful: bool,
    /// Where it was delivered first.
    pub(super) delivered: Option<Row>,
}

/// What the caller of an append knows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate<'a> {
    /// Nothing: no answer, or nobody heard it.
    Open,
    /// It is durable.
    Acknowledged(&'a Place),
    /// It failed.
    Failed(Failed),
}

/// A message that a scan handed out.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    pub(super) at: Row,
    pub(super) scan: Row,
    pub(super) key: Option<Key>,
    /// The message, where the history has its append.
    pub(super) message: Option<Row>,
    pub(super) place: &'a Place,
    pub(super) digest: u64,
    /// The transaction that it came with.
    pub(super) id: Option<TransactionId>,
    /// The delivery of a whole transaction that it is part of.
    pub(super) whole: Option<Row>,
    /// Whether the scan delivered the same message before.
    pub(super) again: bool,
}

/// A transaction that a scan handed out whole.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    pub(super) at: Row,
    pub(super) scan: Row,
    pub(super) id: TransactionId,
    /// Of its commit.
    pub(super) place: &'a Place,
    /// The transaction, where the history has it.
    pub(super) transaction: Option<Row>,
}

/// A mark that a scan handed out.
#[derive(Debug)]
pub(super) struct Mark<'a> {
    pub(super) at: Row,
    pub(super) scan: Row,
    pub(super) id: Option<TransactionId>,
    pub(super) kind: MarkerKind,
    pub(super) place: &'a Place,
}

/// A hole that a scan told.
#[derive(Debug)]
pub(super) struct Hole {
    pub(super) at: Row,
    pub(super) reason: GapReason,
    pub(super) lsns: Option<(Lsn, Lsn)>,
    /// How many deliveries stand before it.
    pub(super) behind: usize,
}

/// A scan.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) channel: Row,
    pub(super) handle: Row,
    pub(super) called: Row,
    pub(super) answered: Option<(Row, Answer<()>)>,
    pub(super) from: Start,
    pub(super) until: Stop,
    pub(super) virtual_channels: &'a [VirtualChannel],
    pub(super) raw: bool,
    pub(super) ticks: bool,
    pub(super) deliveries: Vec<Row>,
    pub(super) wholes: Vec<Row>,
    pub(super) marks: Vec<Row>,
    pub(super) holes: Vec<Hole>,
    pub(super) end: Option<(Row, ScanEnd)>,
    /// The last event of it.
    pub(super) last: Row,
    /// The messages that it delivered, sorted.
    pub(super) messages: Vec<Row>,
}

/// Leave to drop.
#[derive(Debug)]
pub(super) struct Truncation {
    pub(super) channel: Row,
    pub(super) called: Row,
    pub(super) answered: Option<(Row, Answer<()>)>,
    /// The handle that it was given through; none = the store.
    pub(super) through: Option<EventId>,
    pub(super) id: MessageId,
}

/// A transaction.
#[derive(Debug)]
pub(super) struct Transaction<'a> {
    pub(super) channel: Row,
    pub(super) handle: Row,
    pub(super) called: Row,
    pub(super) virtual_channel: Option<&'a VirtualChannel>,
    pub(super) bodies: Vec<Row>,
    /// Its end's call, and how that was to be.
    pub(super) end: Option<(Row, Ending)>,
    pub(super) end_taken: Option<Row>,
    pub(super) end_answered: Option<Row>,
    pub(super) fate: Fate<'a>,
    /// Where it was delivered whole first.
    pub(super) delivered: Option<Row>,
    /// By which number it was delivered first, and where that is seen.
    pub(super) id: Option<(TransactionId, Row)>,
}

/// A point in time that was to be written.
#[derive(Debug)]
pub(super) struct Point<'a> {
    pub(super) handle: Row,
    pub(super) called: Row,
    pub(super) virtual_channel: Option<&'a VirtualChannel>,
    pub(super) taken: Option<Row>,
    pub(super) answered: Option<Row>,
    pub(super) fate: Fate<'a>,
}

/// A question for the newest tick of a stream.
#[derive(Debug)]
pub(super) struct Newest<'a> {
    pub(super) handle: Row,
    pub(super) called: Row,
    pub(super) virtual_channel: &'a VirtualChannel,
    pub(super) answered: Option<(Row, Answer<Option<Tick>>)>,
}

/// A message that is known to lie in a log, because it was acknowledged or delivered there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) message: Row,
    pub(super) place: &'a Place,
    /// The event of its acknowledgement.
    pub(super) acknowledged: Option<Row>,
    /// The handle through which that was.
    pub(super) heard: Option<Row>,
    /// The event of its first delivery.
    pub(super) delivered: Option<Row>,
}

/// What is known of one channel between two losses that the store's durability allows.
#[derive(Debug, Default)]
pub(super) struct Log<'a> {
    /// By lsn.
    pub(super) known: Vec<Known<'a>>,
    /// The largest lsn that is confirmed, and its place in `known`.
    pub(super) confirmed: Rising<(Lsn, Row)>,
    /// The largest owner whose open is answered, and the handle.
    pub(super) opened: Rising<(Owner, Row)>,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Index<'a> {
    pub(super) events: &'a [Event],
    pub(super) order: &'a Order,
    pub(super) channels: Vec<&'a ChannelName>,
    pub(super) handles: Vec<Handle>,
    pub(super) messages: Vec<Message<'a>>,
    pub(super) scans: Vec<Scan<'a>>,
    pub(super) deliveries: Vec<Delivery<'a>>,
    pub(super) truncations: Vec<Truncation>,
    pub(super) transactions: Vec<Transaction<'a>>,
    pub(super) wholes: Vec<Whole<'a>>,
    pub(super) marks: Vec<Mark<'a>>,
    pub(super) points: Vec<Point<'a>>,
    pub(super) newest: Vec<Newest<'a>>,
    /// By channel and era.
    pub(super) logs: BTreeMap<(Row, usize), Log<'a>>,
    pub(super) damaged: Option<Row>,
    /// Whether readers see a truncation at once.
    pub(super) drops_at_once: bool,
    /// The events at which a loss was allowed, ascending.
    pub(super) losses: Vec<Row>,
}

impl<'a> Index<'a> {
    /// Sorts a history; `loses` tells the events at which the store may lose what it acknowledged.
    pub(super) fn of(history: &'a History, loses: impl Fn(&Event) -> bool) -> Self {
        let mut index = Self {
            events: history.events(),
            order: history.order(),
            channels: Vec::new(),
            handles: Vec::new(),
            messages: Vec::new(),
            scans: Vec::new(),
            deliveries: Vec::new(),
            truncations: Vec::new(),
            transactions: Vec::new(),
            wholes: Vec::new(),
            marks: Vec::new(),
            points: Vec::new(),
            newest: Vec::new(),
            logs: BTreeMap::new(),
            damaged: None,
            drops_at_once: true,
            losses: Vec::new(),
        };
        super::gather::gather(&mut index, loses);
        super::echo::echoes(&mut index);
        super::logs::logs(&mut index);
        index
    }

    pub(super) fn id(&self, at: Row) -> EventId {
        self.events[at].id
    }

    /// Whether one event certainly came before another.
    pub(super) fn before(&self, first: Row, second: Row) -> bool {
        self.order.before(self.id(first), self.id(second))
    }

    /// Events that only a permitted loss stands between are in different eras.
    pub(super) fn era(&self, at: Row) -> usize {
        self.losses.partition_point(|loss| *loss < at)
    }

    /// What is known of a channel at an event.
    pub(super) fn log(&self, channel: Row, at: Row) -> Option<&Log<'a>> {
        self.logs.get(&(channel, self.era(at)))
    }

    /// The channel that a message was handed in to.
    pub(super) fn channel_of(&self, message: Row) -> Row {
        self.handles[self.messages[message].handle].channel
    }

    /// Where a message lies: as it was acknowledged, else as it was delivered first.
    pub(super) fn place(&self, message: Row) -> Option<&'a Place> {
        let message = &self.messages[message];
        match message.fate {
            Fate::Acknowledged(place) => Some(place),
            _ => message.delivered.map(|row| self.deliveries[row].place),
        }
    }

    /// What is known of the log that a message was handed in to, at its call.
    pub(super) fn log_of(&self, message: Row) -> Option<&Log<'a>> {
        self.log(self.channel_of(message), self.messages[message].called)
    }

    /// The event that shows that a message lies in the log.
    pub(super) fn evidence(&self, message: Row) -> Option<Row> {
        let message = &self.messages[message];
        match message.fate {
            Fate::Acknowledged(_) => message.answered,
            _ => message.delivered.map(|row| self.deliveries[row].at),
        }
    }
}

impl Index<'_> {
    /// The lsns that a scan has come to with a delivery: it has passed all before the first, and before the second once
    /// it goes on. A transaction stands at its commit, which has the lsn of the next message.
    pub(super) fn passed(&self, delivery: Row) -> (Lsn, Lsn) {
        let delivery = &self.deliveries[delivery];
        match delivery.whole {
            Some(whole) => (self.wholes[whole].place.lsn, self.wholes[whole].place.lsn),
            None => (delivery.place.lsn, delivery.place.lsn.next()),
        }
    }

    /// Where the commit of a transaction is known to lie, and the event that shows it.
    pub(super) fn commit(&self, transaction: Row) -> Option<(&Place, Row)> {
        let transaction = &self.transactions[transaction];
        match (transaction.end, transaction.fate, transaction.end_answered) {
            (Some((_, Ending::Commit)), Fate::Acknowledged(place), Some(at)) => Some((place, at)),
            _ => {
                let whole = &self.wholes[transaction.delivered?];
                Some((whole.place, whole.at))
            }
        }
    }

    /// Whether leave was given to drop this place before an event.
    pub(super) fn may_be_dropped(&self, channel: Row, id: MessageId, by: Row) -> bool {
        self.truncations
            .iter()
            .any(|it| it.channel == channel && id <= it.id && !self.before(by, it.called))
    }
}

impl Message<'_> {
    /// Whether what it was answered with tells of itself.
    pub(super) fn is_own(&self) -> bool {
        self.echo.is_none() && !self.doubtful
    }
}

impl Scan<'_> {
    pub(super) fn has(&self, message: Row) -> bool {
        self.messages.binary_search(&message).is_ok()
    }

    /// Whether a message is one of those that it was asked for.
    pub(super) fn wants(&self, message: &Message<'_>) -> bool {
        self.wants_stream(message.virtual_channel)
    }

    /// Whether it was asked for a logical stream; what is meant for all is always asked for.
    pub(super) fn wants_stream(&self, virtual_channel: Option<&VirtualChannel>) -> bool {
        self.virtual_channels.is_empty()
            || virtual_channel.is_none_or(|it| self.virtual_channels.contains(it))
    }

    pub(super) fn reached_its_end(&self) -> bool {
        matches!(self.end, Some((_, ScanEnd::Reached)))
    }
}
