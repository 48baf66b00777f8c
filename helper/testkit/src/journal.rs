//! The backend level's reference: a writer that numbers records as the adaptor does, and remembers what it was told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use walx_core::{
    ChannelName, ErrorKind, Header, Kind, Lsn, MessageId, Owner, Record, Result, Seq, Term, Tick,
};
use walx_impls::{Appending, Batch, Claim, OpenerImpls, StoredRecord, WalImpls};
use walx_utility::clock;
use walx_utility::sync::lock;

use crate::case::ensure;
use crate::reading::PATIENCE;
use crate::{Context, Failure, Outcome};

/// What one channel must hold.
pub(crate) struct Journal {
    pub(crate) name: ChannelName,
    state: Mutex<State>,
}

struct State {
    term: Term,
    seq: Seq,
    lsn: Lsn,
    tick: Tick,
    stored: Vec<StoredRecord>,
}

/// The owner of a channel, as the backend sees one.
pub(crate) struct Writer {
    pub(crate) wal: Arc<dyn WalImpls>,
    journal: Arc<Journal>,
    owner: Owner,
}

impl Journal {
    pub(crate) fn new(context: &Context) -> Outcome<Arc<Self>> {
        Ok(Self::of(context.channel("journal")?))
    }

    /// Of the channel with this name.
    pub(crate) fn of(name: ChannelName) -> Arc<Self> {
        let tick = Tick::from_unix_ms(1_700_000_000_000);
        let state = State {
            term: Term::new(0),
            seq: Seq::ZERO,
            lsn: Lsn::ZERO,
            tick,
            stored: Vec::new(),
        };
        Arc::new(Self {
            name,
            state: Mutex::new(state),
        })
    }

    /// Opens the channel as a new owner, and appends its Barrier.
    pub(crate) async fn open(self: &Arc<Self>, opener: &Arc<dyn OpenerImpls>) -> Outcome<Writer> {
        let wal = opener.open(&self.name, Claim::TakeOver).await?;
        self.own(wal).await
    }

    /// The same, as soon as one that was dropped, or an open that was given up, lets go of the channel: where the fence is
    /// a lock, what it had begun comes to its end first, and nobody waits for a drop.
    pub(crate) async fn open_once_free(
        self: &Arc<Self>,
        opener: &Arc<dyn OpenerImpls>,
    ) -> Outcome<Writer> {
        self.claim_once_free(opener).await?.begin().await
    }

    /// Appends the Barrier of a new owner.
    pub(crate) async fn own(self: &Arc<Self>, wal: Arc<dyn WalImpls>) -> Outcome<Writer> {
        self.claim_by(wal).begin().await
    }

    /// Opens the channel as a new owner, who has still to append its Barrier.
    pub(crate) async fn claim(self: &Arc<Self>, opener: &Arc<dyn OpenerImpls>) -> Outcome<Writer> {
        let wal = opener.open(&self.name, Claim::TakeOver).await?;
        Ok(self.claim_by(wal))
    }

    /// The same, as soon as one that was dropped lets go of the channel.
    pub(crate) async fn claim_once_free(
        self: &Arc<Self>,
        opener: &Arc<dyn OpenerImpls>,
    ) -> Outcome<Writer> {
        let open = async {
            loop {
                match opener.open(&self.name, Claim::TakeOver).await {
                    Err(error) if error.kind() == ErrorKind::Conflict => {
                        clock::sleep(Duration::from_millis(2)).await;
                    }
                    answer => break answer,
                }
            }
        };
        let opened = clock::timeout(PATIENCE, open).await;
        let kept = |_| Failure::new("whoever was dropped keeps the channel");
        Ok(self.claim_by(opened.map_err(kept)??))
    }

    /// The new owner that has this handle, and has still to append its Barrier.
    pub(crate) fn claim_by(self: &Arc<Self>, wal: Arc<dyn WalImpls>) -> Writer {
        let mut state = lock(&self.state);
        state.term = Term::new(state.term.get() + 1);
        let owner = Owner::new(state.term);
        drop(state);
        Writer {
            wal,
            journal: Arc::clone(self),
            owner,
        }
    }

    /// Everything that was acknowledged, in order.
    pub(crate) fn stored(&self) -> Vec<StoredRecord> {
        lock(&self.state).stored.clone()
    }

    /// The newest record's id.
    pub(crate) fn newest(&self) -> Option<MessageId> {
        lock(&self.state).stored.last().map(|it| it.id)
    }

    /// Puts down what a case appended on its own.
    pub(crate) fn put_down(&self, records: Vec<StoredRecord>) {
        lock(&self.state).stored.extend(records);
    }
}

impl State {
    fn tick(&mut self) -> Tick {
        self.tick = Tick::from_unix_ms(self.tick.unix_ms() + 1);
        self.tick
    }

    fn record(&mut self, owner: Owner) -> Record {
        let header = Header::new(Kind::Data, owner, self.tick()).numbered(self.seq, self.lsn);
        let mut record = Record::marker(header);
        record.payload = format!("message {}", self.lsn).into();
        record.properties.push("lsn", self.lsn.to_string());
        (self.seq, self.lsn) = (self.seq.next(), self.lsn.next());
        record
    }
}

impl Writer {
    /// Appends the owner's Barrier, and puts it down.
    async fn begin(self) -> Outcome<Self> {
        let barrier = self.append_barrier().await?;
        self.journal.put_down(vec![barrier]);
        Ok(self)
    }

    /// Appends the owner's Barrier, and leaves it to the caller to put it down.
    pub(crate) async fn append_barrier(&self) -> Outcome<StoredRecord> {
        let tick = lock(&self.journal.state).tick();
        let record = Record::marker(Header::new(Kind::Barrier, self.owner, tick));
        let id = one(self.wal.append(Batch::One(record.clone())).await)?;
        Ok(StoredRecord { id, record })
    }

    /// The next record, with its numbers.
    pub(crate) fn record(&self) -> Record {
        lock(&self.journal.state).record(self.owner)
    }

    /// A record that another owner numbered and that is not in the log, as this owner writes it.
    pub(crate) fn take_over(&self, mut record: Record) -> Record {
        record.header.owner = self.owner;
        record.header.tick = lock(&self.journal.state).tick();
        record
    }

    /// Numbers the next record and calls append, as one step, and leaves the answer to the caller.
    pub(crate) fn call(&self) -> (Record, Appending) {
        let mut state = lock(&self.journal.state);
        let record = state.record(self.owner);
        let appending = self.wal.append(Batch::One(record.clone()));
        (record, appending)
    }

    /// Appends so many records, one after the other.
    pub(crate) async fn append(&self, count: usize) -> Outcome<Vec<StoredRecord>> {
        let mut stored = Vec::with_capacity(count);
        for _ in 0..count {
            stored.push(self.append_record(self.record()).await?);
        }
        Ok(stored)
    }

    /// Appends one record, and puts it down.
    pub(crate) async fn append_record(&self, record: Record) -> Outcome<StoredRecord> {
        let id = one(self.wal.append(Batch::One(record.clone())).await)?;
        let stored = StoredRecord { id, record };
        self.journal.put_down(vec![stored.clone()]);
        Ok(stored)
    }
}

/// The id of an append of one record.
pub(crate) fn one(answer: Result<Batch<MessageId>>) -> Outcome<MessageId> {
    let ids = answer?;
    ensure!(
        ids.len() == 1,
        "an append of 1 record is answered with {} ids",
        ids.len()
    );
    Ok(ids.as_slice()[0])
}
