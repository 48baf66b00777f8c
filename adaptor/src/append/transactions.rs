//! The transactions of one open wal: which are open, since which record, and why others ended.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use walx_core::{
    Error, ErrorKind, Kind, Result, Seq, TransactionContext, TransactionId, VirtualChannel,
};
use walx_utility::clock::Instant;

/// The most transactions that may be open at once.
const MOST: usize = 16 << 10;

/// The number of a transaction in this wal. Its id, the seq of its Begin, changes where a recovery writes it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Local(u64);

/// How a transaction is opened.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) virtual_channel: Option<VirtualChannel>,
    pub(super) keepalive: Duration,
    pub(super) called: Instant,
}

/// Why a transaction was rolled back without its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Expired,
    Exclusive,
    BodyLost,
    /// Its owner ends, or another one came.
    Owner,
    /// Its caller said so.
    Asked,
}

impl Why {
    /// How it ended, as a label.
    pub(super) fn label(self, kind: Kind) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Exclusive => "exclusive",
            Self::BodyLost => "message_lost",
            Self::Owner => "owner",
            Self::Asked if kind == Kind::Commit => "committed",
            Self::Asked => "rolled_back",
        }
    }
}

/// One whose Begin has its place.
#[derive(Debug)]
pub(super) struct Open {
    /// Its Begin's.
    pub(super) seq: Seq,
    /// Its newest record's.
    pub(super) last: Seq,
    pub(super) virtual_channel: Option<VirtualChannel>,
    keepalive: Duration,
    called: Instant,
    /// How many records it has.
    pub(super) count: u32,
    /// Whether one of them was refused by the backend.
    lost: bool,
}

#[derive(Debug, Default)]
pub(super) struct Transactions {
    next: u64,
    /// In the order of their Begins, which is that of the calls.
    open: BTreeMap<Local, Open>,
    /// Calls that wait for room: meanwhile nothing expires.
    queued: HashMap<Local, u32>,
    /// Those that lack a message already while their Begin waits for room.
    lost: HashSet<Local>,
    /// Those that ended without their handles.
    ended: HashMap<Local, Why>,
}

impl Transactions {
    /// The number of a new one.
    pub(super) fn number(&mut self) -> Result<Local> {
        if self.open.len() + self.queued.len() >= MOST {
            let kind = ErrorKind::Overloaded {
                retry_after: Duration::from_secs(1),
            };
            let text = "as many transactions are open as may be; commit some, or roll them back";
            return Err(Error::new(kind, text).with_context("most", MOST));
        }
        self.next += 1;
        Ok(Local(self.next))
    }

    /// Its Begin takes the place `seq`.
    pub(super) fn begin(&mut self, local: Local, seq: Seq, opening: Opening) {
        let open = Open {
            seq,
            last: seq,
            virtual_channel: opening.virtual_channel,
            keepalive: opening.keepalive,
            called: opening.called,
            count: 0,
            lost: self.lost.remove(&local),
        };
        self.open.insert(local, open);
    }

    /// Takes one over that an earlier owner left open; nobody has a handle of it.
    pub(super) fn adopt(&mut self, seq: Seq, now: Instant) {
        self.next += 1;
        let opening = Opening {
            virtual_channel: None,
            keepalive: Duration::ZERO,
            called: now,
        };
        self.begin(Local(self.next), seq, opening);
    }

    /// One that goes on, or why it does not.
    pub(super) fn get(&self, local: Local) -> Result<&Open> {
        match self.open.get(&local) {
            Some(open) if open.lost => Err(ended(Why::BodyLost)),
            Some(open) => Ok(open),
            None => Err(self.why(local)),
        }
    }

    /// Whether the backend has refused one of its messages.
    pub(super) fn has_lost(&self, local: Local) -> bool {
        self.open.get(&local).is_some_and(|open| open.lost)
    }

    fn why(&self, local: Local) -> Error {
        ended(self.ended.get(&local).copied().unwrap_or(Why::Asked))
    }

    /// A body of it takes the place `seq`.
    pub(super) fn body(&mut self, local: Local, seq: Seq) -> Option<TransactionContext> {
        let open = self.open.get_mut(&local)?;
        (open.last, open.count) = (seq, open.count.saturating_add(1));
        Some(TransactionContext {
            id: TransactionId(open.seq),
            count: None,
            keepalive_ms: None,
        })
    }

    /// Whether its calls make sense: it is open, or its Begin waits for room.
    pub(super) fn check(&self, local: Local) -> Result<()> {
        let waits = self.queued.contains_key(&local) && !self.ended.contains_key(&local);
        match self.open.contains_key(&local) || !waits {
            true => self.get(local).map(|_| ()),
            false if self.lost.contains(&local) => Err(ended(Why::BodyLost)),
            false => Ok(()),
        }
    }

    /// Its caller was heard of.
    pub(super) fn touch(&mut self, local: Local, now: Instant) {
        if let Some(open) = self.open.get_mut(&local) {
            open.called = now;
        }
    }

    /// It is open no more; an error where it was not.
    pub(super) fn end(&mut self, local: Local, why: Why) -> Result<Open> {
        let open = self.open.remove(&local).ok_or_else(|| self.why(local))?;
        if why != Why::Asked {
            self.ended.insert(local, why);
        }
        Ok(open)
    }

    /// Nobody has a handle of it any more.
    pub(super) fn forget(&mut self, local: Local) {
        self.ended.remove(&local);
    }

    /// One of its calls waits for room, or does no longer.
    pub(super) fn queue(&mut self, local: Local) {
        *self.queued.entry(local).or_default() += 1;
    }

    pub(super) fn unqueue(&mut self, local: Local) {
        if let Some(calls) = self.queued.get_mut(&local) {
            *calls -= 1;
            if *calls == 0 {
                self.queued.remove(&local);
            }
        }
    }

    /// The Begin of the oldest one that is open.
    pub(super) fn oldest(&self) -> Option<Seq> {
        self.open.first_key_value().map(|(_, open)| open.seq)
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The Begins of all that are open, ascending.
    pub(super) fn begins(&self) -> impl Iterator<Item = Seq> + '_ {
        self.open.values().map(|open| open.seq)
    }

    pub(super) fn all(&self) -> Vec<Local> {
        self.open.keys().copied().collect()
    }

    /// Those that an exclusive message of this stream ends.
    pub(super) fn of(&self, stream: Option<&VirtualChannel>) -> Vec<Local> {
        let ends = |open: &Open| match (stream, &open.virtual_channel) {
            (Some(stream), Some(own)) => stream == own,
            _ => true,
        };
        let open = self.open.iter().filter(|(_, open)| ends(open));
        open.map(|(local, _)| *local).collect()
    }

    /// Those without a call for their keepalive, none of whose records is on its way: all before `confirmed` is decided.
    pub(super) fn expired(&mut self, now: Instant, confirmed: Seq) -> Vec<Local> {
        let mut expired = Vec::new();
        for (local, open) in &mut self.open {
            if self.queued.contains_key(local) || open.last >= confirmed {
                open.called = now;
            } else if now.saturating_duration_since(open.called) >= open.keepalive {
                expired.push(*local);
            }
        }
        expired
    }

    /// A recovery has written the Begin again.
    pub(super) fn moved(&mut self, from: Seq, to: Seq) {
        if let Some(open) = self.open.values_mut().find(|open| open.seq == from) {
            open.seq = to;
        }
    }

    /// A message of it is not written, so that it can't be committed; `false` where it isn't open.
    pub(super) fn lose_one_of(&mut self, local: Local) -> bool {
        let open = self.open.get_mut(&local);
        open.map(|open| open.lost = true).is_some()
    }

    /// A call of it is given up: what it was to write is missing, now or once its Begin has its place.
    pub(super) fn give_up_one_of(&mut self, local: Local) {
        if !self.lose_one_of(local) && self.queued.contains_key(&local) {
            self.lost.insert(local);
        }
    }

    /// A recovery has written again what did not land: the next record has this seq.
    pub(super) fn renumbered(&mut self, next: Seq) {
        let newest = Seq::new(next.get().saturating_sub(1));
        for open in self.open.values_mut() {
            open.last = open.last.min(newest);
        }
    }

    /// The backend has refused a message of the transaction with this id.
    pub(super) fn lose(&mut self, id: Seq) {
        if let Some(open) = self.open.values_mut().find(|open| open.seq == id) {
            open.lost = true;
        }
    }
}

/// What the next call gets.
pub(super) fn ended(why: Why) -> Error {
    let text = match why {
        Why::Expired => {
            "the transaction was rolled back: nothing was called in it for its keepalive; begin it again"
        }
        Why::Exclusive => {
            "the transaction was rolled back by an exclusive message of its stream; begin it again"
        }
        Why::BodyLost => {
            "one of the transaction's messages was not written, so that it is rolled back; begin it again"
        }
        Why::Owner => {
            "the transaction was rolled back when its wal was closed; open anew, and begin it again"
        }
        Why::Asked => "the transaction has ended; begin it again",
    };
    Error::new(ErrorKind::NotWritten, text)
}
