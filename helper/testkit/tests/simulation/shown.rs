//! What of the workload's calls and answers a history shows.

use std::collections::{BTreeMap, BTreeSet};

use walx_core::{ErrorKind, Expected, GapReason, MarkerKind, Owner, Place};
use walx_testkit::history::{Appended, Ending, EventId, ScanEnd, Start, Stop, What};

use crate::world::MAX_RECORD;

/// What of a history has been seen so far.
#[derive(Default)]
pub(crate) struct Seen<'a> {
    reached: BTreeSet<&'static str>,
    /// The channel of each open for writing.
    writers: BTreeMap<EventId, &'a str>,
    owners: BTreeMap<EventId, Owner>,
    /// Places that were acknowledged.
    places: BTreeSet<(&'a str, u64, Owner)>,
    transactions: BTreeMap<EventId, Transaction>,
    ends: BTreeMap<EventId, EventId>,
    /// The open that owns a channel since it was opened last.
    newest: BTreeMap<&'a str, EventId>,
    appends: BTreeMap<EventId, Append>,
    scans: BTreeMap<EventId, Scan<'a>>,
    delivered: BTreeSet<EventId>,
}

struct Append {
    handle: EventId,
    transaction: Option<EventId>,
    expects: bool,
    exclusive: bool,
    keyed: bool,
    large: bool,
    reserved: bool,
    messages: usize,
    answered: Option<&'static str>,
}

struct Transaction {
    how: Option<Ending>,
    /// Who wrote its first message.
    owner: Option<Owner>,
}

struct Scan<'a> {
    raw: bool,
    start: &'a Start,
    until: &'a Stop,
    part: bool,
    delivers: bool,
    over: bool,
}

impl<'a> Seen<'a> {
    pub(crate) fn event(&mut self, id: EventId, what: &'a What) {
        match what {
            What::OpenCalled {
                channel,
                write: true,
                ..
            } => {
                self.writers.insert(id, channel.as_str());
            }
            What::OpenAnswered { call, answer } => {
                let reach = match answer.as_ref().map_err(|failed| failed.kind) {
                    Ok(owner) => {
                        self.owners.extend(owner.map(|owner| (*call, owner)));
                        if let Some(channel) = self.writers.get(call) {
                            self.newest.insert(channel, *call);
                        }
                        return;
                    }
                    Err(ErrorKind::NotFound) => "a channel is opened that is not there",
                    Err(ErrorKind::Conflict) => "an open conflicts with an owner",
                    Err(ErrorKind::Fenced) => "an open is fenced",
                    Err(ErrorKind::Unavailable) => "an open is refused for a clock or a fault",
                    Err(_) => return,
                };
                self.reached.insert(reach);
            }
            What::AppendCalled {
                handle,
                transaction,
                reserved,
                expected,
                messages,
            } => {
                let append = Append {
                    handle: *handle,
                    transaction: *transaction,
                    expects: *expected != Expected::new(),
                    exclusive: messages.iter().any(|it| it.exclusive),
                    large: messages.iter().any(|it| it.bytes > MAX_RECORD as u64),
                    keyed: messages.iter().any(|it| it.key.is_some()),
                    reserved: *reserved,
                    messages: messages.len(),
                    answered: None,
                };
                self.append(id, append);
            }
            What::AppendAnswered { call, answer } => self.answered(*call, answer),
            What::CloseCalled { handle } => {
                let mut appends = self.appends.values();
                if appends.any(|it| it.handle == *handle && it.answered.is_none()) {
                    self.reached
                        .insert("a close comes while appends are on their way");
                }
            }
            What::TruncateAnswered { answer, .. } => {
                let open = self.scans.values().any(|it| it.delivers && !it.over);
                match answer {
                    Ok(()) if open => self.reached.insert("a truncation meets a scan"),
                    Ok(()) => false,
                    Err(_) => self.reached.insert("a truncation fails"),
                };
            }
            What::ScanCalled {
                from,
                until,
                virtual_channels,
                raw,
                ..
            } => {
                let scan = Scan {
                    raw: *raw,
                    start: from,
                    until,
                    part: !virtual_channels.is_empty(),
                    delivers: false,
                    over: false,
                };
                self.scans.insert(id, scan);
            }
            What::ScanAnswered { call, answer } => {
                if matches!(answer, Err(it) if matches!(it.kind, ErrorKind::PositionLost { .. })) {
                    self.reached
                        .insert("a scan from a place that is gone fails");
                }
                if let (Some(scan), Err(_)) = (self.scans.get_mut(call), answer) {
                    scan.over = true;
                }
            }
            What::Delivered {
                scan,
                key,
                transaction,
                ..
            } => {
                if transaction.is_some() && self.scans.get(scan).is_some_and(|it| it.raw) {
                    self.reached
                        .insert("a scan delivers a message of a transaction as it was appended");
                }
                self.delivered.extend(key.map(|key| key.call));
                self.delivers(*scan);
            }
            What::Gap { reason, .. } if *reason == GapReason::Truncated => {
                self.reached.insert("a scan tells what was truncated");
            }
            What::ScanEnded { scan, end } => self.ended(*scan, *end),
            other => self.transaction(id, other),
        }
    }

    fn append(&mut self, id: EventId, append: Append) {
        let handle = append.handle;
        if let Some(channel) = self.writers.get(&handle)
            && self.newest.get(channel).is_some_and(|it| *it > handle)
        {
            self.reached
                .insert("an owner appends though a later one was opened");
        }
        let here = self.writers.get(&handle);
        let mut on_their_way = self.appends.values().filter(|it| it.answered.is_none());
        if on_their_way.any(|it| self.writers.get(&it.handle) != here) {
            self.reached.insert("owners of two channels append at once");
        }
        self.appends.insert(id, append);
    }

    /// What a transaction comes to.
    fn transaction(&mut self, id: EventId, what: &'a What) {
        let reach = match what {
            What::BeginCalled { .. } => {
                let (how, owner) = (None, None);
                self.transactions.insert(id, Transaction { how, owner });
                return;
            }
            What::EndCalled { transaction, how } => {
                self.ends.insert(id, *transaction);
                if let Some(it) = self.transactions.get_mut(transaction) {
                    it.how = Some(*how);
                }
                match how {
                    Ending::Drop => "a transaction is dropped",
                    _ => return,
                }
            }
            What::EndAnswered { call, answer } => {
                let it = self.ends.get(call);
                let Some(it) = it.and_then(|it| self.transactions.get(it)) else {
                    return;
                };
                let commits = it.how == Some(Ending::Commit);
                match answer {
                    Appended::Acknowledged(places) => {
                        let recovered =
                            |place: &Place| it.owner.is_some_and(|owner| owner != place.owner);
                        if commits && places.iter().any(recovered) {
                            self.reached
                                .insert("a transaction goes on behind a recovery");
                        }
                        match commits {
                            true => "a commit is acknowledged",
                            false => "a rollback is acknowledged",
                        }
                    }
                    Appended::Failed(it) if commits => match it.kind {
                        ErrorKind::NotWritten => "a commit is not written",
                        ErrorKind::OutcomeUnknown => "a commit has an unknown outcome",
                        _ => return,
                    },
                    _ => return,
                }
            }
            What::TickAnswered {
                answer: Appended::Acknowledged(_),
                ..
            } => "a point in time is acknowledged",
            What::NewestAnswered {
                answer: Ok(Some(_)),
                ..
            } => "the newest tick of a stream is told",
            What::Committed { scan, .. } => {
                let start = self.scans.get(scan).map(|it| it.start);
                if matches!(start, Some(Start::After(_) | Start::At(_) | Start::Tick(_))) {
                    self.reached
                        .insert("a scan from amid transactions delivers one");
                }
                "a scan delivers a transaction whole"
            }
            What::Marked { kind, .. } => match kind {
                MarkerKind::Rollback { expired: true } => "a transaction expires",
                MarkerKind::Tick => "a point in time is delivered",
                _ => return,
            },
            _ => return,
        };
        self.reached.insert(reach);
    }

    /// What an acknowledgement shows of keys and conditions.
    fn acknowledged(&mut self, call: EventId, places: &'a [Place]) {
        let Some(append) = self.appends.get(&call) else {
            return;
        };
        if append.large {
            self.reached
                .insert("a message of several records is acknowledged");
        }
        if append.expects {
            self.reached.insert("a conditional append is acknowledged");
        }
        if append.exclusive {
            self.reached.insert("an exclusive message is acknowledged");
        }
        let Some(channel) = self.writers.get(&append.handle) else {
            return;
        };
        let own = self.owners.get(&append.handle);
        for place in places {
            let is_new = self.places.insert((*channel, place.lsn.get(), place.owner));
            let older = own.is_some_and(|own| place.owner.term < own.term);
            if append.keyed && !is_new {
                self.reached
                    .insert("a key is answered with the place of the first one");
            }
            if older {
                self.reached
                    .insert("a key is answered with the place of an owner before");
            }
        }
        if let (Some(transaction), Some(place)) = (append.transaction, places.first())
            && let Some(it) = self.transactions.get_mut(&transaction)
        {
            it.owner.get_or_insert(place.owner);
        }
    }

    fn answered(&mut self, call: EventId, answer: &'a Appended) {
        if let Appended::Acknowledged(places) = answer {
            self.acknowledged(call, places);
        }
        let Some(append) = self.appends.get_mut(&call) else {
            return;
        };
        let what = match answer {
            Appended::Acknowledged(_) if append.messages > 1 => "a batch is acknowledged",
            Appended::Acknowledged(_) if append.reserved => {
                "a message with room of its own is acknowledged"
            }
            Appended::Acknowledged(_) => "a message is acknowledged",
            Appended::Dropped => DROPPED,
            Appended::Failed(failed) => match failed.kind {
                ErrorKind::OutcomeUnknown => UNKNOWN,
                ErrorKind::Conflict if append.expects => "a conditional append conflicts",
                ErrorKind::Conflict if append.keyed => {
                    "a key that an open transaction has is a conflict"
                }
                ErrorKind::NotWritten if append.transaction.is_some() => {
                    "a message of a transaction is not written"
                }
                ErrorKind::NotWritten => "an append is not written",
                ErrorKind::Fenced => "an append is fenced",
                ErrorKind::Closed => "an append behind a close is refused",
                ErrorKind::TooLarge => "a message above the limit is refused",
                ErrorKind::Denied => "an interceptor refuses a message",
                _ => "",
            },
        };
        append.answered = Some(what);
        if !["", DROPPED, UNKNOWN].contains(&what) {
            self.reached.insert(what);
        }
    }

    fn delivers(&mut self, scan: EventId) {
        let Some(scan) = self.scans.get_mut(&scan) else {
            return;
        };
        if std::mem::replace(&mut scan.delivers, true) {
            return;
        }
        if scan.part {
            self.reached.insert("a scan of a virtual channel delivers");
        }
        self.reached.insert(match scan.start {
            Start::Earliest => "a scan from the earliest delivers",
            Start::Latest => "a scan from the latest delivers",
            Start::At(_) => "a scan from an id delivers",
            Start::After(_) => "a scan from behind an id delivers",
            Start::Lsn(_) => "a scan from an lsn delivers",
            Start::Tick(_) => "a scan from a tick delivers",
            Start::Somewhere => "a scan from so many before the tail delivers",
        });
    }

    fn ended(&mut self, scan: EventId, end: ScanEnd) {
        let Some(scan) = self.scans.get_mut(&scan) else {
            return;
        };
        scan.over = true;
        let what = match (end, scan.until) {
            (ScanEnd::Dropped, Stop::Never) => "a scan follows the log until it is dropped",
            (ScanEnd::Failed(it), _) if it.kind == ErrorKind::TooLarge => {
                "a scan asks for more than it may keep"
            }
            (ScanEnd::Reached, Stop::Tail) => "a scan up to the tail ends",
            (ScanEnd::Reached, Stop::Id(_)) => "a scan up to an id ends",
            (ScanEnd::Reached, Stop::Lsn(_)) => "a scan up to an lsn ends",
            (ScanEnd::Reached, Stop::Tick(_)) => "a scan up to a tick ends",
            _ => return,
        };
        self.reached.insert(what);
    }

    /// With what only the whole history shows.
    pub(crate) fn end(mut self) -> BTreeSet<&'static str> {
        for (call, append) in &self.appends {
            let delivered = self.delivered.contains(call);
            self.reached.insert(match (append.answered, delivered) {
                (Some(DROPPED), true) => "a dropped append is delivered",
                (Some(DROPPED), false) => "a dropped append is not delivered",
                (Some(UNKNOWN), true) => "an append has an unknown outcome and is delivered",
                (Some(UNKNOWN), false) => "an append has an unknown outcome and is not delivered",
                _ => continue,
            });
        }
        self.reached
    }
}

const DROPPED: &str = "dropped";
const UNKNOWN: &str = "unknown";
