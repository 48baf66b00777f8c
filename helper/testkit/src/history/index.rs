//! A history by handles, messages, scans and logs: what the checks look at.

use std::collections::BTreeMap;

use walx_core::{ChannelName, GapReason, Lsn, MessageId, Owner, Place, VirtualChannel};

use super::History;
use super::event::{Answer, Event, EventId, Failed, Key, ScanEnd, Start, Stop};
use super::order::{Order, Rising};

/// A place in one of the tables below, or in the history's events.
pub(super) type Row = usize;

/// An open call.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) channel: Row,
    pub(super) called: Row,
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
    /// Whether the scan delivered the same message before.
    pub(super) again: bool,
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
    pub(super) virtual_channel: Option<&'a VirtualChannel>,
    pub(super) deliveries: Vec<Row>,
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
pub(super) struct Transaction {
    pub(super) channel: Row,
    pub(super) called: Row,
    pub(super) bodies: Vec<Row>,
    /// Its end's call, and whether that is a commit.
    pub(super) end: Option<(Row, bool)>,
    pub(super) end_answered: Option<(Row, Answer<()>)>,
}

/// A message that is known to lie in a log, because it was acknowledged or delivered there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) message: Row,
    pub(super) place: &'a Place,
    /// The event of its acknowledgement.
    pub(super) acknowledged: Option<Row>,
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
    pub(super) transactions: Vec<Transaction>,
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
            logs: BTreeMap::new(),
            damaged: None,
            drops_at_once: true,
            losses: Vec::new(),
        };
        super::gather::gather(&mut index, loses);
        super::gather::logs(&mut index);
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

impl Scan<'_> {
    pub(super) fn has(&self, message: Row) -> bool {
        self.messages.binary_search(&message).is_ok()
    }

    /// Whether a message is one of those that it was asked for.
    pub(super) fn wants(&self, message: &Message<'_>) -> bool {
        match (self.virtual_channel, message.virtual_channel) {
            (Some(wanted), Some(is)) => wanted == is,
            _ => true,
        }
    }

    pub(super) fn reached_its_end(&self) -> bool {
        matches!(self.end, Some((_, ScanEnd::Reached)))
    }
}
