//! The critical section in which an append takes its place: seq, lsn, tick, the backend's append.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use tokio::sync::watch;
use walx_core::{
    Chunk, Error, ErrorKind, Header, Lsn, OpenOption, Owner, Record, Result, Seq, Tick,
};
use walx_impls::{Appending, Batch, Kind, WalImpls};

use super::flight::Flight;
use super::joined::Joined;
use super::permit::Reserve;
use super::queue::Refusal;
use super::room::Room;
use super::slot::Slot;
use super::transactions::{Local, Transactions};
use super::window::{Key, Told, Window};
use crate::planted::{self, Bug};

/// The numbers with which a log goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbering {
    /// The seq of the next record.
    pub(crate) seq: Seq,
    /// The lsn of the next message.
    pub(crate) lsn: Lsn,
    /// The largest tick that was given out.
    pub(crate) tick: Tick,
}

/// What every append of a wal takes its place under.
pub(super) struct Order {
    /// Who places them.
    pub(super) owner: Owner,
    pub(super) numbering: Numbering,
    pub(super) backend: Arc<dyn WalImpls>,
    /// Whether an append has failed and it is being found out what landed: meanwhile appends take their place, but don't
    /// go to the backend.
    pub(super) recovering: bool,
    pub(super) budget: Room,
    /// Appends that have their place and that the commit driver has not fetched yet.
    pub(super) placed: VecDeque<Flight>,
    /// Appends that are placed and not decided.
    pub(super) in_flight: usize,
    /// Whether the driver has something to tell later, though no append is on its way.
    pub(super) owes_a_look: bool,
    pub(super) transactions: Transactions,
    /// The transactions, by their ids, of which the backend has refused a message, until a recovery has written the rest.
    pub(super) lost: HashSet<Seq>,
    /// The keys of the newest messages; `None` where none are remembered.
    pub(super) window: Option<Window<Joined>>,
    /// Messages with keys that stand twice in the batch that is being placed.
    pub(super) twice: Vec<(Key, Joined)>,
    /// Who gets the outcome of an earlier append, and is to be told once the lock is free.
    pub(super) told: Told<Joined>,
    /// Bytes placed since the last Checkpoint.
    pub(super) since_checkpoint: usize,
    /// Who got room and is to be woken once the lock is free.
    pub(super) wakes: Vec<Waker>,
    /// Who got no place and is to be told once the lock is free.
    pub(super) refused: Vec<Refusal>,
    /// Messages that are not written, to be freed once the lock is: a payload's owner may be a user's code.
    pub(super) spent: Vec<Box<dyn Send>>,
    /// The commit driver.
    pub(super) driver: Option<Waker>,
    /// Whether the driver has nothing to decide and waits for an append.
    pub(super) idle: bool,
    pub(super) phase: Phase,
    /// Set while the backend takes an append; still set only where it panicked.
    half_placed: bool,
    pub(super) ending: Ending,
    /// Whether, since admission stopped, no append is on its way.
    pub(super) drained: watch::Sender<bool>,
}

/// Whether appends are taken.
pub(super) enum Phase {
    Open,
    Closing,
    /// An append failed: nothing that came after it may be acknowledged.
    Failed(Error),
}

/// What becomes of appends that are on their way when the wal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// The wal has not ended.
    No,
    /// The handle was dropped: the driver decides what it can in the time of a close.
    Orphaned,
    /// The time is over: they get `OutcomeUnknown`.
    Abandoned,
}

/// Somebody in the queue for admission.
pub(super) enum Waiter {
    Append {
        slot: Arc<Slot>,
        /// The transaction that it belongs to.
        transaction: Option<Local>,
        /// Whether it passes the flow.
        paced: bool,
    },
    Permit(Arc<Reserve>),
}

impl Waiter {
    pub(super) const fn is_paced(&self) -> bool {
        match self {
            Self::Append { paced, .. } => *paced,
            Self::Permit(_) => true,
        }
    }
}

impl Order {
    pub(super) fn new(
        owner: Owner,
        numbering: Numbering,
        backend: Arc<dyn WalImpls>,
        option: &OpenOption,
        window: Option<Window<Joined>>,
    ) -> Self {
        Self {
            owner,
            numbering,
            backend,
            recovering: false,
            budget: Room::new(option),
            placed: VecDeque::new(),
            in_flight: 0,
            owes_a_look: false,
            transactions: Transactions::default(),
            lost: HashSet::new(),
            window,
            twice: Vec::new(),
            told: Vec::new(),
            since_checkpoint: 0,
            wakes: Vec::new(),
            refused: Vec::new(),
            spent: Vec::new(),
            driver: None,
            idle: false,
            phase: Phase::Open,
            half_placed: false,
            ending: Ending::No,
            drained: watch::Sender::new(false),
        }
    }

    pub(super) fn check_open(&self) -> Result<()> {
        let closed = || {
            Error::new(
                ErrorKind::Closed,
                "the wal is closed; nothing was written; open it anew",
            )
        };
        match &self.phase {
            _ if self.half_placed => Err(Error::new(
                ErrorKind::Internal,
                "the backend panicked while an append took its place; nothing more is written; open the wal anew",
            )),
            _ if self.ending != Ending::No => Err(closed()),
            Phase::Open => Ok(()),
            Phase::Closing => Err(closed()),
            Phase::Failed(cause) => Err(after_failure(cause)),
        }
    }
}

impl Order {
    /// Takes the next numbers.
    pub(super) fn number(&mut self, kind: Kind, now: Tick) -> Header {
        self.number_chunk(kind, None, now)
    }

    /// As [`number`](Self::number), of a piece of a message.
    pub(super) fn number_chunk(&mut self, kind: Kind, chunk: Option<Chunk>, now: Tick) -> Header {
        let numbering = &mut self.numbering;
        numbering.tick = now.max(numbering.tick.next());
        let mut header =
            Header::new(kind, self.owner, numbering.tick).numbered(numbering.seq, numbering.lsn);
        header.chunk = chunk;
        header.oldest_open = self.transactions.oldest();
        numbering.seq = numbering.seq.next();
        numbering.lsn = header.next_lsn().unwrap_or(numbering.lsn);
        if planted::is(Bug::ChunksTakeLsns) && chunk.is_some() {
            numbering.lsn = header.lsn.map_or(numbering.lsn, Lsn::next);
        }
        header
    }

    pub(super) fn hand_over(&mut self, records: &Batch<Record>) -> Appending {
        self.half_placed = true;
        let appending = self.backend.append(records.clone());
        self.half_placed = false;
        appending
    }
}

/// What an append gets that is called after one has failed. Nothing of it was written.
fn after_failure(cause: &Error) -> Error {
    match cause.kind() {
        ErrorKind::Fenced => cause.clone(),
        _ => Error::new(
            ErrorKind::Unavailable,
            "an earlier append failed; nothing was written; close the wal and open it anew, with take_over",
        )
        .with_context("earlier append", cause),
    }
}
