//! Histories by hand.

use std::collections::BTreeMap;

use walx_core::{
    BackendName, ChannelName, ErrorKind, Expected, GapReason, IdempotencyOption, Lsn, MarkerKind,
    MessageId, Owner, Place, Seq, Term, Tick, TransactionId, VirtualChannel,
};

use crate::history::{
    Appended, Ending, Event, EventId, Failed, History, Key, ScanEnd, Sent, Start, Stop, What,
};

pub(super) use super::parts::{keyed, sent};

/// Writes a history down, one event after the other.
#[derive(Default)]
pub(super) struct Script {
    pub(super) events: Vec<Event>,
    process: u32,
    next: BTreeMap<u32, u64>,
}

pub(super) fn id(lsn: u64) -> MessageId {
    MessageId::from_u64(BackendName::constant("file"), 10 * lsn + 10)
}

pub(super) fn owner(term: u64) -> Owner {
    Owner::new(Term::new(term))
}

/// Where the message of an lsn lies, unless a test says otherwise.
pub(super) fn place(lsn: u64, owner: Owner) -> Place {
    Place::new(
        id(lsn),
        Lsn::new(lsn),
        Tick::from_unix_ms(1000 + lsn),
        owner,
    )
}

/// Where a mark before the message of an lsn lies.
pub(super) fn mark(lsn: u64) -> Place {
    let it = place(lsn, owner(1));
    let id = MessageId::from_u64(BackendName::constant("file"), 10 * lsn + 5);
    Place::new(id, it.lsn, Tick::new(it.tick.get() - 1), it.owner)
}

impl Script {
    /// What follows is seen by this process.
    pub(super) fn process(&mut self, process: u32) {
        self.process = process;
    }

    /// Numbers are ten apart, so that tests can put events between.
    pub(super) fn put(&mut self, what: What) -> EventId {
        let number = self.next.entry(self.process).or_default();
        *number += 10;
        let id = EventId {
            process: self.process,
            number: *number,
        };
        self.events.push(Event { id, what });
        id
    }

    pub(super) fn history(&self) -> History {
        History::new(self.events.clone()).unwrap()
    }

    pub(super) fn open_called(&mut self, write: bool) -> EventId {
        let channel = ChannelName::new("log").unwrap();
        let keys = write.then(IdempotencyOption::default);
        self.put(What::OpenCalled {
            channel,
            write,
            keys,
        })
    }

    pub(super) fn open(&mut self, term: u64) -> EventId {
        let call = self.open_called(true);
        let answer = Ok(Some(owner(term)));
        self.put(What::OpenAnswered { call, answer });
        call
    }

    pub(super) fn open_read_only(&mut self) -> EventId {
        let call = self.open_called(false);
        let answer = Ok(None);
        self.put(What::OpenAnswered { call, answer });
        call
    }

    pub(super) fn call_in(
        &mut self,
        handle: EventId,
        transaction: Option<EventId>,
        virtual_channels: &[Option<&str>],
    ) -> EventId {
        let messages = virtual_channels.iter().map(|name| sent(*name));
        self.call_with(handle, transaction, messages.collect())
    }

    pub(super) fn call_with(
        &mut self,
        handle: EventId,
        transaction: Option<EventId>,
        messages: Vec<Sent>,
    ) -> EventId {
        self.put(What::AppendCalled {
            handle,
            transaction,
            reserved: false,
            expected: Expected::new(),
            messages,
        })
    }

    /// An append that expects something.
    pub(super) fn call_if(&mut self, handle: EventId, expected: Expected) -> EventId {
        let call = self.put(What::AppendCalled {
            handle,
            transaction: None,
            reserved: false,
            expected,
            messages: vec![sent(None)],
        });
        self.put(What::AppendTaken { call });
        call
    }

    /// An append of a message with a key, which has its place.
    pub(super) fn call_keyed(&mut self, handle: EventId, key: u64) -> EventId {
        let call = self.call_with(handle, None, vec![keyed(key)]);
        self.put(What::AppendTaken { call });
        call
    }

    /// An append through a permit, which has its place.
    pub(super) fn call_reserved(&mut self, handle: EventId) -> EventId {
        let call = self.put(What::AppendCalled {
            handle,
            transaction: None,
            reserved: true,
            expected: Expected::new(),
            messages: vec![sent(None)],
        });
        self.put(What::AppendTaken { call });
        call
    }

    /// An append that has its place.
    pub(super) fn call(&mut self, handle: EventId) -> EventId {
        let call = self.call_in(handle, None, &[None]);
        self.put(What::AppendTaken { call });
        call
    }

    pub(super) fn ack(&mut self, call: EventId, places: &[Place]) {
        let answer = Appended::Acknowledged(places.to_vec());
        self.put(What::AppendAnswered { call, answer });
    }

    pub(super) fn fail(&mut self, call: EventId, kind: ErrorKind) {
        let unknown = false;
        let answer = Appended::Failed(Failed { kind, unknown });
        self.put(What::AppendAnswered { call, answer });
    }

    pub(super) fn forget(&mut self, call: EventId) {
        let answer = Appended::Dropped;
        self.put(What::AppendAnswered { call, answer });
    }

    /// A message of this term that is acknowledged at this lsn.
    pub(super) fn append(&mut self, handle: EventId, term: u64, lsn: u64) -> EventId {
        let call = self.call(handle);
        self.ack(call, &[place(lsn, owner(term))]);
        call
    }

    pub(super) fn scan(&mut self, handle: EventId, from: Start, until: Stop) -> EventId {
        self.scan_of(handle, from, until, None)
    }

    pub(super) fn scan_of(
        &mut self,
        handle: EventId,
        from: Start,
        until: Stop,
        virtual_channel: Option<&str>,
    ) -> EventId {
        let virtual_channels = virtual_channel.map(|name| VirtualChannel::new(name).unwrap());
        let call = self.put(What::ScanCalled {
            handle,
            from,
            until,
            virtual_channels: virtual_channels.into_iter().collect(),
            raw: false,
            ticks: false,
        });
        let answer = Ok(());
        self.put(What::ScanAnswered { call, answer });
        call
    }

    pub(super) fn deliver_at(&mut self, scan: EventId, call: EventId, index: u32, place: Place) {
        let key = Some(Key { call, index });
        let digest = 7;
        self.put(What::Delivered {
            scan,
            key,
            place,
            digest,
            transaction: None,
        });
    }

    pub(super) fn deliver(&mut self, scan: EventId, call: EventId, lsn: u64, term: u64) {
        self.deliver_at(scan, call, 0, place(lsn, owner(term)));
    }

    pub(super) fn gap(&mut self, scan: EventId, reason: GapReason, lsns: Option<(u64, u64)>) {
        let lsns = lsns.map(|(from, to)| (Lsn::new(from), Lsn::new(to)));
        self.put(What::Gap { scan, reason, lsns });
    }

    pub(super) fn end(&mut self, scan: EventId) {
        let end = ScanEnd::Reached;
        self.put(What::ScanEnded { scan, end });
    }

    /// A scan of everything up to the tail, and what it delivers: append, lsn, term.
    pub(super) fn read(&mut self, handle: EventId, messages: impl AsRef<[(EventId, u64, u64)]>) {
        let scan = self.scan(handle, Start::Earliest, Stop::Tail);
        for (call, lsn, term) in messages.as_ref() {
            self.deliver(scan, *call, *lsn, *term);
        }
        self.end(scan);
    }

    pub(super) fn truncate(&mut self, id: MessageId) {
        self.truncate_through(None, id);
    }

    pub(super) fn truncate_through(&mut self, through: Option<EventId>, id: MessageId) {
        let channel = ChannelName::new("log").unwrap();
        let call = self.put(What::TruncateCalled {
            channel,
            through,
            id,
        });
        let answer = Ok(());
        self.put(What::TruncateAnswered { call, answer });
    }

    /// A scan of messages as they were appended, with marks and points in time.
    pub(super) fn scan_raw(&mut self, handle: EventId) -> EventId {
        self.scan_with(handle, true)
    }

    /// A scan of all, with points in time.
    pub(super) fn scan_ticks(&mut self, handle: EventId) -> EventId {
        self.scan_with(handle, false)
    }

    fn scan_with(&mut self, handle: EventId, raw: bool) -> EventId {
        let call = self.put(What::ScanCalled {
            handle,
            from: Start::Earliest,
            until: Stop::Tail,
            virtual_channels: Vec::new(),
            raw,
            ticks: true,
        });
        let answer = Ok(());
        self.put(What::ScanAnswered { call, answer });
        call
    }

    /// A message of a transaction with this number.
    pub(super) fn deliver_in(&mut self, scan: EventId, call: EventId, lsn: u64, transaction: u64) {
        self.put(What::Delivered {
            scan,
            key: Some(Key { call, index: 0 }),
            place: place(lsn, owner(1)),
            digest: 7,
            transaction: Some(TransactionId(Seq::new(transaction))),
        });
    }

    /// A transaction with this number, whose commit lies here, and its messages.
    pub(super) fn deliver_whole(
        &mut self,
        scan: EventId,
        (transaction, place): (u64, Place),
        bodies: &[(EventId, u64)],
    ) {
        self.put(What::Committed {
            scan,
            place,
            transaction: TransactionId(Seq::new(transaction)),
            count: bodies.len() as u64,
        });
        for (call, lsn) in bodies {
            self.deliver_in(scan, *call, *lsn, transaction);
        }
    }

    /// A mark; of a point in time without a number.
    pub(super) fn mark(
        &mut self,
        scan: EventId,
        kind: MarkerKind,
        place: Place,
        transaction: Option<u64>,
    ) {
        self.put(What::Marked {
            scan,
            place,
            kind,
            transaction: transaction.map(|id| TransactionId(Seq::new(id))),
        });
    }

    pub(super) fn begin(&mut self, handle: EventId) -> EventId {
        let call = self.put(What::BeginCalled {
            handle,
            virtual_channel: None,
        });
        let answer = Ok(());
        self.put(What::BeginAnswered { call, answer });
        call
    }

    pub(super) fn body(&mut self, handle: EventId, transaction: EventId, lsn: u64) -> EventId {
        let call = self.call_in(handle, Some(transaction), &[None]);
        self.put(What::AppendTaken { call });
        self.ack(call, &[place(lsn, owner(1))]);
        call
    }

    /// The end is called, and answered without its place.
    pub(super) fn end_transaction(&mut self, transaction: EventId, commit: bool) {
        self.end_called(transaction, commit);
    }

    fn end_called(&mut self, transaction: EventId, commit: bool) -> EventId {
        let how = match commit {
            true => Ending::Commit,
            false => Ending::Rollback,
        };
        let call = self.put(What::EndCalled { transaction, how });
        self.put(What::EndTaken { call });
        call
    }

    /// The end is called, and its mark lies here.
    pub(super) fn end_at(&mut self, transaction: EventId, commit: bool, place: Place) -> EventId {
        let call = self.end_called(transaction, commit);
        let answer = Appended::Acknowledged(vec![place]);
        self.put(What::EndAnswered { call, answer });
        call
    }

    pub(super) fn end_refused(&mut self, transaction: EventId, kind: ErrorKind) {
        let call = self.end_called(transaction, true);
        let unknown = false;
        let answer = Appended::Failed(Failed { kind, unknown });
        self.put(What::EndAnswered { call, answer });
    }

    /// A point in time that lies here.
    pub(super) fn tick(&mut self, handle: EventId, place: Place) {
        let call = self.put(What::TickCalled {
            handle,
            virtual_channel: None,
        });
        self.put(What::TickTaken { call });
        let answer = Appended::Acknowledged(vec![place]);
        self.put(What::TickAnswered { call, answer });
    }

    /// What is told to be the newest tick of a stream.
    pub(super) fn newest(&mut self, handle: EventId, tick: Option<Tick>) {
        let call = self.put(What::NewestCalled {
            handle,
            virtual_channel: VirtualChannel::new("a").unwrap(),
        });
        let answer = Ok(tick);
        self.put(What::NewestAnswered { call, answer });
    }
}
